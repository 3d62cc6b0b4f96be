"""The modules that a module needs, by reading imports: what a folder holds copies of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

OURS = "lanewise"


@dataclass(frozen=True)
class Closure:
    """Modules of ours by name, and the libraries that they import.

    libraries: top-level names that a module imports when it is imported; lazy: those that a
        function imports, for whoever hands it what is of that library.
    """

    modules: dict[str, Path] = field(default_factory=dict)
    libraries: set[str] = field(default_factory=set)
    lazy: set[str] = field(default_factory=set)

    @property
    def packages(self) -> set[str]:
        """The packages that hold the modules; none has anything of its own that they need."""
        return {
            ".".join(parts[:depth])
            for parts in (name.split(".") for name in self.modules)
            for depth in range(1, len(parts))
        }


def closure_of(module: str, root: Path) -> Closure:
    """
    Args:
        module: of ours, by its full name. root: the folder of our package.
    """
    found = Closure()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found.modules:
            continue
        found.modules[name] = path = _path(name, root)
        for imported, is_lazy in _imports(path, root):
            if imported.partition(".")[0] == OURS:
                waiting.append(imported)
            else:
                (found.lazy if is_lazy else found.libraries).add(imported.partition(".")[0])
    return found


def _path(name: str, root: Path) -> Path:
    path = root.joinpath(*name.split(".")[1:]).with_suffix(".py")
    if not path.is_file():
        raise ImportError(f"{name} is no module of ours")
    return path


def _imports(path: Path, root: Path) -> Iterator[tuple[str, bool]]:
    """Each imported module, and whether only a function imports it."""
    for node, is_lazy in _at_run_time(ast.parse(path.read_text(encoding="utf-8")), is_lazy=False):
        if isinstance(node, ast.Import):
            yield from ((alias.name, is_lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            is_package = node.module.partition(".")[0] == OURS and (
                root.joinpath(*node.module.split(".")[1:]).is_dir()
            )
            names = [f".{alias.name}" for alias in node.names] if is_package else [""]
            yield from ((node.module + name, is_lazy) for name in names)


def _at_run_time(node: ast.AST, *, is_lazy: bool) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes but what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child, is_lazy
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _at_run_time(child, is_lazy=is_lazy or is_function)
