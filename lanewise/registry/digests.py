"""The sha256 of every file of a version, recorded when it is registered and checked ever after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.sealed import digest


def digests(folder: Path) -> dict[str, str]:
    """The hash of every file below a folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def check(folder: Path, recorded: Mapping[str, str], what: str) -> None:
    """Raise CheckpointError unless every recorded file is what it was.

    Args:
        what: whose files these are, for the message.
    """
    for name, was in recorded.items():
        file = folder / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise CheckpointError(f"{what} names a file outside of its folder: {name}")
        if not file.is_file():
            raise CheckpointError(f"{what}: {name} is missing in {folder}")
        if digest(file) != was:
            raise CheckpointError(f"{what}: {name} has changed since it was registered ({file})")
