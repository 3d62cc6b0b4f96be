"""Which names a user's code could read of its configuration, by its text; nothing of it runs."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_MOST = 2000  # objects that are looked at
_READERS = ("get", "pop", "setdefault")


class Mentions:
    """The words of some code: text, names, attributes, parameters and keywords."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = set(words)

    def __contains__(self, name: object) -> bool:
        """Whether the code has the name, or builds names like it (`f"width_{i}"`)."""
        return name in self._words or any(_makes(word, str(name)) for word in self._words)


def _makes(word: str, name: str) -> bool:
    if name in re.findall(r"\w+", word):
        return True
    head = re.split(r"[%{]", word)[0]  # of "width_%d", "width_{}"
    is_open = head != word or head.endswith("_") or name[len(head) :].isdigit()
    if len(head) >= 2 and name.startswith(head) and is_open:
        return True
    return len(word) >= 2 and word.startswith("_") and name.endswith(word)


def mentions_of(function: Callable[..., Any]) -> Mentions:
    """The words of a function, class or object, and of all that it can reach of its own project."""
    return Mentions(_reach(function))


def mentions_in(file: Path) -> Mentions:
    """The words of a file, and of the files beside it that it imports."""
    seen: set[Path] = set()
    words: set[str] = set()
    waiting = [file]
    while waiting and len(seen) < _MOST:
        file = waiting.pop()
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        own = set(_words(compile(_without_docstrings(file), str(file), "exec")))
        words |= own
        parts = {part for word in own for part in word.split(".") if part.isidentifier()}
        waiting += [file.parent / f"{part}.py" for part in parts]
        waiting += [file.parent / part / "__init__.py" for part in parts]
    return Mentions(words)


def _without_docstrings(file: Path) -> ast.Module:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[first, *_])
                | ast.ClassDef(body=[first, *_])
                | ast.FunctionDef(body=[first, *_])
                | ast.AsyncFunctionDef(body=[first, *_])
            ) if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value = ast.copy_location(ast.Constant(None), first)
    return tree


def _words(code: CodeType, doc: str | None = None) -> Iterator[str]:
    yield from (*code.co_names, *code.co_varnames, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)
        elif constant != doc:
            yield from _texts(constant)


def _texts(value: Any, depth: int = 3) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and depth:
        for pair in value.items():
            yield from _texts(pair, depth - 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth:
        for each in value:
            yield from _texts(each, depth - 1)


def _reach(function: Any) -> Iterator[str]:
    """The words of all that a function can come to, but for installed packages."""
    seen: set[int] = set()
    waiting = [function]
    while waiting and len(seen) < _MOST:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, MethodType):
            thing = thing.__func__
        if isinstance(thing, FunctionType):
            if _is_installed(thing.__module__):
                continue
            yield from _words(thing.__code__, thing.__doc__)
            names = set(_words(thing.__code__))
            waiting += [value for n, value in thing.__globals__.items() if n in names]
            waiting += _cells(thing)
            waiting += (*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values())
            waiting.append(getattr(thing, "__wrapped__", None))
        elif isinstance(thing, type):
            if _is_installed(thing.__module__):
                continue
            yield from (*vars(thing), *getattr(thing, "__annotations__", ()))
            waiting += [value for name, value in vars(thing).items() if name != "__doc__"]
            waiting += thing.__mro__
        elif isinstance(thing, ModuleType):
            if not _is_installed(thing.__name__):
                waiting += vars(thing).values()
        elif isinstance(thing, property | classmethod | staticmethod):
            waiting += [getattr(thing, name, None) for name in ("fget", "__func__")]
        elif isinstance(thing, str | Mapping | list | tuple | set | frozenset):
            yield from _texts(thing)
            waiting += list(thing.values()) if isinstance(thing, Mapping) else []
            waiting += list(thing) if isinstance(thing, list | tuple) else []
        elif not _is_installed(type(thing).__module__) or hasattr(thing, "func"):  # partial
            waiting += [type(thing), *getattr(thing, "__dict__", {}).values()]
            waiting += [getattr(thing, "func", None), getattr(thing, "keywords", None)]


def _cells(function: FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not yet bound
            continue
    return found


def _is_installed(module: str | None) -> bool:
    """Whether a module is Python's, an installed package's, or has no file."""
    top = (module or "").partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(module or ""), "__file__", None)
    if file is None:
        return True
    return any(Path(file).is_relative_to(sysconfig.get_path(n)) for n in ("purelib", "platlib"))


def takes_whole(function: Callable[..., Any]) -> bool:
    """Whether a function may use its configuration otherwise than by names that are written out.

    True where that cannot be known.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return True
    return _takes_whole(tree.body[0] if tree.body else None)


def takes_whole_in(file: Path, name: str) -> bool:
    """`takes_whole` of a function of a file that has not run."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [node for node in tree.body if getattr(node, "name", None) == name]
    return _takes_whole(found[0] if len(found) == 1 else None)


def _takes_whole(node: ast.AST | None) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return True
    positional = [*node.args.posonlyargs, *node.args.args]
    if not positional:
        return True
    config = positional[0].arg
    by_name = {id(use) for part in ast.walk(node) for use in _reads(part)}
    uses = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == config]
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return any(id(use) not in by_name for use in uses) or bool(names & {"locals", "vars", "eval"})


def _reads(node: ast.AST) -> Iterator[ast.AST]:
    """What is asked for one name that is written out: `c["a"]`, `c.get("a")`, `"a" in c`."""
    match node:
        case ast.Subscript(value=asked, slice=ast.Constant(value=str())):
            yield asked
        case ast.Call(
            func=ast.Attribute(value=asked, attr=attr), args=[ast.Constant(value=str()), *_]
        ) if attr in _READERS:
            yield asked
        case ast.Compare(
            left=ast.Constant(value=str()), ops=[ast.In() | ast.NotIn()], comparators=[asked]
        ):
            yield asked
