"""A folder whose JSON file holds a hash of each other file and of itself. Needs no torch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanewise.trainables.errors import CheckpointError


@dataclass(frozen=True)
class Sealed:
    """One type of such folders.

    what: its name, as in "is no bundle"; file: its JSON; format: the newest that is read.
    """

    what: str
    file: str
    format: int

    @contextmanager
    def replacing(self, folder: Path, refuse: Callable[[str], Exception]) -> Iterator[Path]:
        """A draft to fill, which then is the folder; one of this type that is there is replaced.

        Atomic: a temporary folder beside it, then a rename. `refuse`: makes the error for a
        folder of something else.
        """
        folder = Path(folder).absolute()
        self._check_free(folder, refuse)
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
        old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        try:
            draft.mkdir()
            yield draft
            if folder.exists():
                os.replace(folder, old)
            os.replace(draft, folder)
        finally:
            if old.exists() and not folder.exists():
                os.replace(old, folder)
            for left in (draft, old):
                shutil.rmtree(left, ignore_errors=True)

    def _check_free(self, folder: Path, refuse: Callable[[str], Exception]) -> None:
        if folder.exists() and not folder.is_dir():
            raise refuse(f"{folder} is a file; give a folder")
        if folder.is_dir() and any(folder.iterdir()) and not (folder / self.file).is_file():
            message = f"{folder} holds other things than {self.article} {self.what}"
            raise refuse(f"{message}; give another folder")

    @property
    def article(self) -> str:
        return "an" if self.what[0] in "aeiou" else "a"

    def seal(self, content: Mapping[str, Any], folder: Path) -> None:
        """Writes the JSON over all files that are in the folder by now."""
        others = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != self.file)
        digests = {path.relative_to(folder).as_posix(): digest(path) for path in others}
        state = {"format": self.format, **content, "files": digests}
        text = json.dumps({**state, "sha256": _own_digest(state)}, indent=1)
        (folder / self.file).write_text(text, encoding="utf-8")

    def read(self, folder: Path) -> dict[str, Any]:
        """The JSON, once its own hash is known to be right.

        Raises:
            CheckpointError: it is missing, damaged, or of a newer format.
        """
        file = folder / self.file
        try:
            state = dict(json.loads(file.read_text(encoding="utf-8")))
            written = int(state["format"])
        except FileNotFoundError:
            raise CheckpointError(f"{folder} is no {self.what}: it has no {self.file}") from None
        except (OSError, KeyError, ValueError, TypeError) as error:
            message = f"{file} is damaged: it is no JSON of {self.article} {self.what}"
            raise CheckpointError(message) from error
        if written > self.format:
            message = f"written by a newer release (format {written}, this one reads {self.format})"
            raise CheckpointError(f"{file}: {message}; upgrade lanewise")
        if state.get("sha256") != _own_digest(state) or not isinstance(state.get("files"), dict):
            raise CheckpointError(f"{file} is damaged: its hash differs")
        return state

    def check(self, folder: Path, name: str, expected: str) -> Path:
        """A file that the JSON names, once its hash is known to be right.

        Raises:
            CheckpointError: it lies outside of the folder, is missing, or is another one.
        """
        file = folder / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise CheckpointError(f"{folder / self.file} names a file outside of it: {name}")
        if not file.is_file():
            raise CheckpointError(f"{file} is missing")
        if digest(file) != expected:
            raise CheckpointError(f"{file} is damaged: its hash is not the one in {self.file}")
        return file


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _own_digest(state: Mapping[str, Any]) -> str:
    """Of all that the JSON says but this."""
    rest = {key: value for key, value in state.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
