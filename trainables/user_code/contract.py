"""How user code is called, checked before it is: `build(config, info)`, `train(config, report)`.

A live function by its signature, one in a file that has not run by its text. Only what is certain
is a mistake: what decorators or metaclasses make of a function is not looked at.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from typing import Any

from lanewise.trainables.errors import ModelError

ARGUMENTS = {"model": ("config", "info"), "train": ("config", "report")}
_WORDS = {"model": "build(config, info)", "train": "train(config, report)"}


def check_given(given: Any, path: str) -> None:
    """Raise ModelError unless what was given from Python as `path` is to be called as it will be.

    A name, a mapping or None is left to others.
    """
    if given is None or isinstance(given, str | dict):
        return
    if is_module(given):
        name = type(given).__name__
        make = f"a function that makes a new one: {path}=lambda config, info: {name}(…)"
        if path == "train":
            make = f"a function {_WORDS[path]}"
        raise ModelError(path, f"{name} is a module that is built already; give {make}")
    if not callable(given):
        kind = type(given).__name__
        raise ModelError(path, f"a {kind} was given; give a name, or a function {_WORDS[path]}")
    check_call(given, path)


def is_module(thing: object) -> bool:
    """Whether it is a module of torch, which is not imported to ask."""
    torch = sys.modules.get("torch.nn")
    return torch is not None and isinstance(thing, torch.Module)


def check_call(function: Callable[..., Any], path: str) -> None:
    """Raise ModelError unless a function, class or callable object takes what it will be given."""
    if is_module(function):
        check_given(function, path)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise _is_async(_name(function), path)
    if path == "train" and inspect.isgeneratorfunction(function):
        message = f"{_name(function)} is a generator (it has a yield): calling it runs none of it"
        raise ModelError(path, message)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of code in C: its call will tell
        return
    try:
        signature.bind(*ARGUMENTS[path])
    except TypeError:
        takes = _without_types(signature)
        raise _mismatch(_name(function), takes, path, inspect.isclass(function)) from None


def _without_types(signature: inspect.Signature) -> str:
    """The parameters as text; annotations may be long."""
    empty = inspect.Signature.empty
    bare = [p.replace(annotation=empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=empty))[1:-1]


def check_source(tree: ast.Module, name: str, path: str) -> None:
    """`check_call` of a function or class of a file that was parsed and has not run."""
    bound = [node for node in ast.walk(tree) if name in _binds(node)]
    if len(bound) != 1 or bound[0] not in tree.body:
        return  # bound several times, or under a condition
    definition = bound[0]
    is_class = isinstance(definition, ast.ClassDef)
    if isinstance(definition, ast.ClassDef):
        inits = [n for n in definition.body if getattr(n, "name", None) == "__init__"]
        if definition.decorator_list or definition.keywords or len(inits) != 1:
            return
        definition = inits[0]
    if getattr(definition, "decorator_list", True):
        return
    if isinstance(definition, ast.AsyncFunctionDef):
        raise _is_async(name, path)
    if isinstance(definition, ast.FunctionDef):
        _check_definition(definition, name, path, is_class=is_class)


def _check_definition(node: ast.FunctionDef, name: str, path: str, *, is_class: bool) -> None:
    given = len(ARGUMENTS[path]) + is_class  # self
    positional = [*node.args.posonlyargs, *node.args.args]
    needs_keyword = any(default is None for default in node.args.kw_defaults)
    too_few = len(positional) < given and node.args.vararg is None
    too_many = len(positional) - len(node.args.defaults) > given
    if too_few or too_many or needs_keyword:
        for argument in (*positional, *node.args.kwonlyargs):
            argument.annotation = None
        takes = ast.unparse(node.args)
        if is_class:
            takes = takes.partition(",")[2].strip()
        raise _mismatch(name, takes, path, is_class)


def _binds(node: ast.AST) -> set[str]:
    """Names that a statement gives a meaning."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        case ast.Name(id=name, ctx=ast.Store()):
            return {name}
    return set()


def _mismatch(name: str, takes: str, path: str, is_class: bool) -> ModelError:
    called = f"{name}({', '.join(ARGUMENTS[path])})"
    message = f"{name}({takes}) cannot be called as {called}"
    if is_class and path == "model":
        message += f"; give a function that makes it: lambda config, info: {name}(…)"
    return ModelError(path, message)


def _is_async(name: str, path: str) -> ModelError:
    return ModelError(path, f"{name} is async: calling it runs none of it; give a plain function")


def _name(function: Any) -> str:
    name = getattr(function, "__name__", None) or type(function).__name__
    return str(name).strip("<>")
