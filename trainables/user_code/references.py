"""References to a user's code: "my.py:build" (a file) or "package.module:build"."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from lanewise.trainables.errors import ModelError, listing, nearest


def resolve(reference: str, base: str | Path, path: str = "model") -> Callable[..., Any]:
    """The callable that `reference` names; files are relative to `base`.

    Raises:
        ModelError: at `path`, in one line. An error inside the user's file is its cause, with the
            traceback of that file.
    """
    place, name = _parts(reference, path)
    module = _from_file(locate(reference, base, path), path) if _is_file(place) else None
    module = module or _from_package(place, base, path)
    if not hasattr(module, name):
        public = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        message = f"{place} has no {name!r} (it has {listing(public) or 'nothing to call'}"
        raise ModelError(path, f"{message}{nearest(name, public)})")
    found = getattr(module, name)
    if not callable(found):
        raise ModelError(path, f"{name!r} in {place} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def locate(reference: str, base: str | Path, path: str = "model") -> Path:
    """The file of a "my.py:build" reference; runs nothing, so it is cheap to validate with."""
    place, _ = _parts(reference, path)
    file = (Path(base) / Path(place).expanduser()).resolve()
    if not file.is_file():
        siblings = [p.name for p in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise ModelError(path, f"no file {file}{nearest(file.name, siblings)}")
    return file


def is_reference(model: str) -> bool:
    """Whether `model` points to code ("my.py:build") and is no built-in name."""
    return ":" in model


def _parts(reference: str, path: str) -> tuple[str, str]:
    place, _, name = reference.rpartition(":")
    if not place or not name.isidentifier():
        message = f"{reference!r} is no reference to code (file.py:name or package.module:name)"
        raise ModelError(path, message)
    return place, name


def _is_file(place: str) -> bool:
    return place.endswith(".py")


def _from_file(file: Path, path: str) -> ModuleType:
    """The file as a module under a name made of its place and content: edited, it loads anew."""
    content = file.read_bytes()
    digest = hashlib.sha256(str(file).encode() + b"\0" + content).hexdigest()[:12]
    name = f"_lanewise_user_{file.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    _importable(file.parent)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModelError(path, f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs, as import does: dataclasses look there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _does_not_import(path, file.name, error) from error
    return module


def _from_package(place: str, base: str | Path, path: str) -> ModuleType:
    _importable(Path(base).resolve())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            raise ModelError(path, f"no module {error.name!r}") from None
        raise _does_not_import(path, place, error) from error
    except Exception as error:
        raise _does_not_import(path, place, error) from error


def _does_not_import(path: str, place: str, error: Exception) -> ModelError:
    return ModelError(path, f"{place} does not import: {type(error).__name__}: {error}")


def _importable(folder: Path) -> None:
    """Let the user's code import what lies beside it; last, so that it hides nobody's package."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
