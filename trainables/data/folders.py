"""Folders of files: one for each class, or one for each part with such folders below it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lanewise.trainables.errors import DataError, listing

PARTS = {
    "training": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
# What systems leave beside what people save; hidden files and folders are left out as well.
_LITTER = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")


def folders_in(root: Path) -> list[Path]:
    """The folders that a person made there, by name."""
    return sorted(path for path in root.iterdir() if path.is_dir() and _is_kept(path.name))


def class_folders(root: Path, suffixes: Sequence[str]) -> list[Path]:
    """The folders of the classes.

    Raises:
        DataError: at "data.source", where they lie in folders of parts.
    """
    if parts := parts_in(root, suffixes):
        names = listing(part.name for part in parts.values())
        message = f"{root} has folders of parts ({names}), not of classes"
        raise DataError("data.source", f"{message}; name one of them")
    return folders_in(root)


def files_below(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """The files at any depth whose names end so, in any case."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _is_kept(name)]
        yield from (path for name in files if is_wanted(path := Path(place, name), suffixes))


def is_wanted(path: Path, suffixes: Sequence[str]) -> bool:
    """Whether it is a file that is not hidden, and whose name ends so."""
    return path.suffix.lower() in suffixes and path.name[0] != "." and path.is_file()


def parts_in(root: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """The folders of the parts, where `root` has such folders and not those of classes.

    A folder "train" beside others than those of parts is a class.

    Raises:
        DataError: at "data.source", where both could be meant, or two folders are of one part.
    """
    found: dict[str, Path] = {}
    others = []
    for folder in folders_in(root):
        part = next((part for part, names in PARTS.items() if folder.name.lower() in names), None)
        if part is None:
            others += [folder.name] if any(files_below(folder, suffixes)) else []
        elif part in found:
            message = f"{root} has the folders {found[part].name} and {folder.name}"
            raise DataError("data.source", f"{message}, both for the {part} part; rename one")
        else:
            found[part] = folder
    if "training" not in found:
        return {}
    found = {part: found[part] for part in PARTS if part in found}
    have_classes = [_has_classes(folder, suffixes) for folder in found.values()]
    if not others:
        return found if len(found) > 1 or all(have_classes) else {}
    if len(found) > 1 and all(have_classes):
        parts = listing(folder.name for folder in found.values())
        message = f"{root} has folders of parts ({parts}) and others ({listing(others, 5)})"
        raise DataError("data.source", f"{message}; name {found['training']} alone, or move them")
    return {}


def _has_classes(folder: Path, suffixes: Sequence[str]) -> bool:
    return any(any(files_below(below, suffixes)) for below in folders_in(folder))


def _is_kept(name: str) -> bool:
    return name[0] != "." and name not in _LITTER
