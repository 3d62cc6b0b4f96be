"""Checkpoints that a decision may refer to: a trial's as it was at a rung, never changed again.

Written by the workers of a sweep whose scheduler copies weights, behind the checkpoint and before
the report of the rung; so whoever is decided upon at a rung can be copied from it, whatever becomes
of the trial and whoever is killed meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK, errno.ENOSYS)


def take(checkpoint: Path, snapshot: Path) -> None:
    """Keep a checkpoint as that snapshot, at once as a whole; what is there already stays.

    A file is linked: a checkpoint is replaced by another file, never written to. Of a folder, all
    files are.

    Raises:
        OSError: it cannot be written.
    """
    if snapshot.exists():
        return
    with contextlib.suppress(FileExistsError):
        if checkpoint.is_dir():
            _take_folder(checkpoint, snapshot)
        else:
            _take_file(checkpoint, snapshot)


def _take_file(checkpoint: Path, snapshot: Path) -> None:
    try:
        os.link(checkpoint, snapshot)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with _draft(snapshot) as draft:
            shutil.copyfile(checkpoint, draft)
            draft.rename(snapshot)


def _take_folder(checkpoint: Path, snapshot: Path) -> None:
    with _draft(snapshot) as draft:
        shutil.copytree(checkpoint, draft, copy_function=_link)
        draft.rename(snapshot)


@contextlib.contextmanager
def _draft(snapshot: Path) -> Iterator[Path]:
    draft = snapshot.with_name(f".{snapshot.name}.{uuid4().hex[:8]}.tmp")
    try:
        yield draft
    finally:
        remove(draft)


def _link(source: str, target: str) -> None:
    """A copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)


def remove(path: Path) -> None:
    """A file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def remove_all(folder: Path) -> None:
    """Of a sweep that is over, with what a kill has left half written."""
    for path in [*all_in(folder), *folder.glob(".trial-*@*.tmp")]:
        remove(path)


def rung_of(path: Path) -> int:
    """At which a snapshot was taken."""
    return int(path.name.rpartition("@")[2])


def all_in(folder: Path) -> list[Path]:
    """The snapshots in a folder of checkpoints, those of the lowest rungs first."""
    return sorted(folder.glob("trial-*@*"), key=lambda path: (rung_of(path), path.name))
