"""Validation and test parts that come from sources of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from lanewise.trainables.data import images, prose
from lanewise.trainables.data.columns import MEMORY, Columns, Text, Windows
from lanewise.trainables.data.folders import parts_in
from lanewise.trainables.data.inputs import Reading, read_as
from lanewise.trainables.data.paths import is_pattern, locate_folder
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.data.table import Array, Rows
from lanewise.trainables.data.types import Types
from lanewise.trainables.errors import DataError, listing, nearest


@dataclass(frozen=True, eq=False)
class Part:
    """A source and the rows that it named."""

    source: str
    table: Rows


@dataclass(frozen=True, eq=False)
class Parts:
    """The main source, and by "validation" and "test" those that have one of their own."""

    main: Part
    own: Mapping[str, Part] = field(default_factory=dict)

    def read_as(
        self,
        forms: Sequence[str] | None,
        shape: Sequence[int] | None,
        ids: tuple[str | None, str | None] = (None, None),
        text: Text | None = None,
    ) -> tuple[Parts, Reading]:
        """The same with all rows in the form that the model takes; see `inputs.read_as`."""
        rows, reading = read_as(self.main.table, forms, shape, ids, text)
        own = {}
        for name, part in self.own.items():
            with blamed(f"data.{name}"):
                own[name] = replace(part, table=read_as(part.table, forms, shape, ids, text)[0])
        return Parts(replace(self.main, table=rows), own), reading


@dataclass(frozen=True)
class Sources:
    """Where the rows come from: the main source, and those of parts with one of their own.

    note: what people should know of how they were found; empty for nothing.
    """

    main: str
    own: Mapping[str, str]
    note: str = ""

    @classmethod
    def of(cls, source: str, own: Mapping[str, str], base: Path) -> Sources:
        """As a person named them; the folders of parts, where the source is a folder of such.

        Raises:
            DataError: at "data.validation" or "data.test", a part that is named and has a folder.
        """
        found = _folders_of(source, base)
        if not found:
            return cls(source, own)
        names = listing(found.values())
        for part in own:
            if part in found:
                message = f"{source} has a folder of its own for this part, {found[part]}"
                main = f"{source}/{found['training']}"
                raise DataError(f"data.{part}", f"{message}; name {main} as data.source")
        below = {part: f"{source.rstrip('/')}/{name}" for part, name in found.items()}
        note = f"the folders of {source} are the parts, not classes: {names}"
        return cls(below.pop("training"), {**below, **own}, note)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Errors inside say what the sources are, where nobody named them so."""
        try:
            yield
        except DataError as error:
            hint = f" ({self.note})" if self.note else ""
            raise DataError(error.path, f"{error.message}{hint}") from error.__cause__


def _folders_of(source: str, base: Path) -> dict[str, str]:
    """The names of folders by the part that they are."""
    kind, _, name = source.partition(":")
    if kind not in _SUFFIXES or is_pattern(name, base):
        return {}
    found = parts_in(locate_folder(name, base), _SUFFIXES[kind])
    return {part: folder.name for part, folder in found.items()}


_SUFFIXES = {"images": images.SUFFIXES, "text": (prose.SUFFIX,)}


def load_parts(
    source: str,
    own: Mapping[str, str],
    *,
    target: str | None,
    base: Path,
    group: str | None = None,
    order: str | None = None,
    has_target: bool = True,
    memory: int = MEMORY,
    ids: tuple[str, ...] = (),
    series: Windows | None = None,
    shape: Sequence[int] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Parts:
    """The tables of all sources, checked to be of the same columns.

    Raises:
        DataError: at "data.source", "data.validation", "data.test", "data.target", "data.group",
            "data.order", "data.series".
    """
    scaled = None if shape is None else tuple(shape)
    asked = tuple((columns or {}).items())
    named = Columns(target, group, order, has_target, ids, series, scaled, asked)
    main = Part(source, load_rows(source, named, base, memory=memory))
    # One reading for all: what the main source's columns are, the parts' are.
    types = Types(main.table.types) if main.table.types else None
    found: dict[str, Part] = {}
    for part, where in own.items():
        with blamed(f"data.{part}"):
            table = load_rows(where, named, base, types, memory)
            check_columns(table, where, main)
            found[part] = Part(where, table)
    if asked and not main.table.types:
        message = f"{source} has no columns whose values could be read in another way"
        raise DataError("data.columns", f"{message}; leave it out")
    parts = Parts(main, found)
    _check_groups(parts)
    return parts


@contextmanager
def blamed(path: str) -> Iterator[None]:
    """Errors of the data inside are errors at `path`."""
    try:
        yield
    except DataError as error:
        raise DataError(path, error.message) from error.__cause__


def check_columns(table: Rows, source: str, main: Part) -> None:
    """Raise DataError unless the table has the features and the target of the main source."""
    here, there = table.columns, main.table.columns
    missing = [name for name in there if name not in here]
    if missing:
        extra = [name for name in here if name not in there]
        near = nearest(missing[0], extra)
        message = f"{source} lacks the column {missing[0]!r} of {main.source}{near}"
        raise DataError("", message)
    extra = [name for name in here if name not in there]
    if extra:
        message = f"{source} has a column {extra[0]!r}, which {main.source} has not"
        raise DataError("", f"{message} ({listing(there)})")
    if table.target_name != main.table.target_name:
        message = f"the target of {source} is {table.target_name!r}"
        raise DataError("", f"{message}, that of {main.source} {main.table.target_name!r}")


def _check_groups(parts: Parts) -> None:
    """No group may be in two sources."""
    held = {"source": parts.main, **parts.own}
    for (_, first), (name, second) in combinations(held.items(), 2):
        if first.table.groups is None or second.table.groups is None:
            continue
        shared = np.intersect1d(_values(first), _values(second))
        if len(shared):
            message = f"group {str(shared[0])!r} of column {first.table.groups.name!r} is in"
            raise DataError(f"data.{name}", f"{message} {second.source} and in {first.source}")


def _values(part: Part) -> Array:
    assert part.table.groups is not None
    return part.table.groups.values.astype(str)
