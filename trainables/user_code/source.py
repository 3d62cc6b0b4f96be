"""The source of a user's own model: what a bundle keeps of it, and whether it has changed since."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from lanewise.trainables.errors import ModelError
from lanewise.trainables.user_code.references import locate


@dataclass(frozen=True)
class Source:
    """A file of a user's code as it is, or was.

    file: where it is; base: the folder that its reference is relative to.
    """

    file: str
    base: str
    content: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def has_changed(self) -> bool:
        """Whether the file is there and is another one by now."""
        file = Path(self.file)
        return file.is_file() and file.read_bytes() != self.content


def source_of(reference: str, base: str | Path) -> Source | None:
    """The source that a reference names; None where it has none, or is not to be found."""
    place, _, name = reference.rpartition(":")
    if not place or not name.isidentifier():
        return None  # a built-in model, or a function without a name
    try:
        file = locate(reference, base) if place.endswith(".py") else _of_module(place, base)
        content = file.read_bytes() if file is not None else None
    except (ModelError, OSError):
        return None
    return None if content is None else Source(str(file), str(Path(base).absolute()), content)


def _of_module(place: str, base: str | Path) -> Path | None:
    loaded = getattr(sys.modules.get(place), "__file__", None)
    if loaded is not None:
        return Path(loaded)
    beside = Path(base, *place.split(".")).with_suffix(".py")  # without running any of it
    if beside.is_file():
        return beside
    found = None if "." in place else importlib.util.find_spec(place)
    is_file = found is not None and found.has_location and found.origin is not None
    return Path(str(found.origin)) if found is not None and is_file else None
