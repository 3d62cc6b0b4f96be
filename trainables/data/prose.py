"""Rows that are texts, of a column or of files in folders. N rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from lanewise.trainables.data.columns import Request, refuse_order
from lanewise.trainables.data.folders import class_folders, files_below
from lanewise.trainables.data.paths import locate_folder
from lanewise.trainables.data.table import Array, Groups, Order, Rows, Table, finished, taken, texts
from lanewise.trainables.data.types import ColumnType
from lanewise.trainables.errors import DataError, listing, nearest

SUFFIX = ".txt"


@dataclass(frozen=True, eq=False)
class Prose:
    """See `table.Rows`; form "text".

    texts: object array [N] of str, None where missing; column: its name.
    unused: columns that no model of texts sees.
    """

    texts: Array
    column: str
    target: Array
    target_name: str
    dropped: int = 0
    groups: Groups | None = None
    order: Order | None = None
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    types: tuple[ColumnType, ...] = ()

    @property
    def form(self) -> str:
        return "text"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Array) -> Prose:
        return replace(
            self,
            texts=self.texts[rows],
            **taken(self, rows),
        )

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        digest.update(json.dumps([self.column, self.target_name]).encode())
        digest.update(json.dumps(self.texts.tolist()).encode())
        return finished(digest, self)


def as_prose(rows: Rows, column: str | None) -> Prose:
    """The rows as texts.

    Args:
        column: of the texts; None for the only one of words.

    Raises:
        DataError: at "data.text", rows without that column, or that have several to choose from.
    """
    if isinstance(rows, Prose):
        if column not in (None, rows.column):
            message = f"the texts of this source have no columns; leave {column!r} out"
            raise DataError("data.text.column", message)
        return rows
    if not isinstance(rows, Table):
        raise DataError("data.text", "the rows of this source are numbers, not texts")
    name = _only(rows) if column is None else column
    if name not in rows.categories:
        known = f"{listing(rows.columns)}{nearest(name, rows.columns)}"
        is_target = name == rows.target_name
        what = "is the target" if is_target else f"is not among the columns ({known})"
        raise DataError("data.text", f"{name!r} {what}; name the column of the texts")
    return Prose(
        rows.categories[name],
        name,
        rows.target,
        rows.target_name,
        rows.dropped,
        rows.groups,
        rows.order,
        tuple(other for other in rows.columns if other != name),
        rows.notes,
        rows.types,
    )


def _only(rows: Table) -> str:
    """The name of the only column of words."""
    names = list(rows.categories)
    if len(names) != 1:
        found = f"{len(names)} columns hold words ({listing(names)})" if names else "no column does"
        raise DataError("data.text", f"name the column of the texts; {found}")
    return names[0]


def load_text(asked: Request) -> Prose:
    """The files below a folder, whose own folders are the classes, by class and name.

    Raises:
        DataError: at "data.source", "data.target", "data.group" or "data.order".
    """
    source = f"text:{asked.name}"
    if asked.target not in (None, "class", "target"):
        message = f"the target of {source} is the name of a text's folder, not {asked.target!r}"
        raise DataError("data.target", message)
    if asked.group is not None:
        raise DataError("data.group", f"{source} has no column of groups; leave it out")
    refuse_order(asked, source)
    root = locate_folder(asked.name, asked.base)
    files = [(file, folder.name) for folder in _folders(root) for file in _files(folder)]
    found = texts(_read(file) for file, _ in files)
    return Prose(found, "text", texts(label for _, label in files), "class")


def _folders(root: Path) -> list[Path]:
    found = class_folders(root, (SUFFIX,))
    if not found:
        raise _bad(f"{root} needs a folder of texts ({SUFFIX}) for each class")
    return found


def _files(folder: Path) -> list[Path]:
    found = sorted(files_below(folder, (SUFFIX,)))
    if not found:
        raise _bad(f"folder {folder.name} of {folder.parent} holds no text (*{SUFFIX})")
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        name = f"{file.parent.name}/{file.name}"
        raise _bad(f"{name} is no UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise _bad(f"{file} cannot be read: {error.strerror}") from None


def _bad(message: str) -> DataError:
    return DataError("data.source", message)


def without_text(prose: Prose) -> tuple[int, int]:
    """How many texts are missing, and how many are there and hold nothing but space."""
    missing = sum(text is None for text in prose.texts)
    return missing, sum(text is not None and not text.strip() for text in prose.texts)
