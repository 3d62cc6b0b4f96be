"""Files and folders as people name them: a path, or a pattern that several are like.

What exists under a name is meant by it, whatever marks of a pattern the name holds: "data[1].csv"
is a pattern only where no file is called so. That holds for each folder on the way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from lanewise.trainables.errors import DataError, nearest

_MARKS = "*?["


def locate(path: str, base: Path) -> Path:
    """The existing file that `path` names, seen from `base`."""
    found = _whole(path, base)
    if os.path.isdir(found):
        raise _bad(f"{found} is a folder, not a file")
    if not os.path.exists(found):
        siblings = [other.name for other in _inside(found.parent)]
        raise _bad(f"no file {found}{nearest(found.name, siblings)}")
    return found


def locate_folder(path: str, base: Path) -> Path:
    """The existing folder that `path` names, seen from `base`."""
    found = _whole(path, base)
    if not os.path.isdir(found):
        message = "is a file, not a folder" if os.path.exists(found) else "does not exist"
        raise _bad(f"{found} {message}")
    return found


def locate_all(path: str, base: Path) -> list[Path]:
    """The files that `path` or a pattern such as "day-*.csv" names, by name."""
    if not is_pattern(path, base):
        return [locate(path, base)]
    files = [found for found in alike(path, base) if found.is_file()]
    if not files:
        raise _bad(f"no file is like {_whole(path, base)}")
    return files


def is_pattern(path: str, base: Path) -> bool:
    """Whether `path` is a pattern: it has marks of one, and nothing is called so."""
    return any(mark in path for mark in _MARKS) and not os.path.exists(_whole(path, base))


def alike(pattern: str, base: Path) -> list[Path]:
    """The files and folders that a pattern names, sorted; `*`, `?`, `[…]`, and `**` for any depth.

    Hidden ones are meant only where the pattern says so.
    """
    whole = _whole(pattern, base)
    parts = whole.parts[1:] if whole.anchor else whole.parts
    return sorted(set(_matches(Path(whole.anchor), parts)))


def _matches(place: Path, parts: Sequence[str]) -> Iterator[Path]:
    """What lies at or below a place, by the parts of the path that lead there."""
    if not parts:
        yield place
        return
    part, *rest = parts
    if part == "**":
        for folder, folders, files in os.walk(place, followlinks=True):
            folders[:] = [name for name in folders if name[0] != "."]
            yield from _matches(Path(folder), rest)
            if not rest:
                yield from (Path(folder, name) for name in files if name[0] != ".")
    elif os.path.exists(place / part):
        yield from _matches(place / part, rest)
    elif any(mark in part for mark in _MARKS):
        for found in _inside(place):
            if fnmatch(found.name, part) and (found.name[0] != "." or part[0] == "."):
                yield from _matches(found, rest)


def _inside(folder: Path) -> list[Path]:
    """What a folder holds; nothing where that cannot be known."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _whole(path: str, base: Path) -> Path:
    try:
        return base / Path(path).expanduser()
    except RuntimeError:  # "~nobody/rows.csv" is the name of a folder
        return base / path


def _bad(message: str) -> DataError:
    return DataError("data.source", message)
