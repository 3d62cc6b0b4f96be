"""Pairs of a user and an item, whose numbers among those of the training part a model looks up.

A user or an item that training has not seen has number 0, as is usual for words that a vocabulary
lacks: a model says of it what it says of a stranger. N rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from lanewise.trainables.data.names import column_of, named_columns
from lanewise.trainables.data.spelling import Spelling
from lanewise.trainables.data.standard import OneTarget, moments_of
from lanewise.trainables.data.table import Array, Groups, Order, Rows, Table, finished, taken
from lanewise.trainables.data.types import CATEGORY, ColumnType
from lanewise.trainables.data.values import read_texts
from lanewise.trainables.errors import DataError, listing, nearest

KEYS = ("data.user", "data.item")


@dataclass(frozen=True, eq=False)
class Pairs:
    """See `table.Rows`; form "ids".

    user, item: object arrays [N] of str; columns: their names.
    unused: columns that no model of pairs sees.
    """

    user: Array
    item: Array
    columns: tuple[str, ...]
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
        return "ids"

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Array) -> Pairs:
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            **taken(self, rows),
        )

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        digest.update(json.dumps([*self.columns, self.target_name]).encode())
        for column in (self.user, self.item):
            digest.update(json.dumps(column.tolist()).encode())
        return finished(digest, self)


def paired(rows: Rows, names: Sequence[str | None]) -> Pairs:
    """The rows as pairs.

    Args:
        names: of the columns of users and of items.

    Raises:
        DataError: at "data.user" or "data.item", a column that is missing or has gaps; at
            "data.memory", rows that lie in a file.
    """
    if not isinstance(rows, Table):
        has_names = bool(rows.columns)
        path, why = (
            ("data.memory", "users and items need their rows in memory; give more of it")
            if has_names
            else ("data.user", "the rows of this source have no columns of users and items")
        )
        raise DataError(path, why)
    user, item = (_column(rows, key, name) for key, name in zip(KEYS, names, strict=True))
    if names[0] == names[1]:
        raise DataError("data.item", f"{names[1]!r} is the column of users; name that of items")
    return Pairs(
        user,
        item,
        tuple(str(name) for name in names),
        rows.target,
        rows.target_name,
        rows.dropped,
        rows.groups,
        rows.order,
        tuple(name for name in rows.columns if name not in names),
        rows.notes,
        rows.types,
    )


def _column(rows: Table, path: str, name: str | None) -> Array:
    """A column that was read as words."""
    what = f"{path.removeprefix('data.')}s"
    if name is None:
        message = f"name the column of {what} (columns: {listing(rows.columns)})"
        raise DataError(path, message)
    if name not in rows.categories:
        if name == rows.target_name:
            raise DataError(path, f"{name!r} is the target; name the column of {what}")
        known = f"{listing(rows.columns)}{nearest(name, rows.columns)}"
        raise DataError(path, f"column {name!r} is not among the columns ({known})")
    column = read_texts(rows.categories[name], ColumnType(name, CATEGORY))
    missing = sum(not value for value in column)
    if missing:
        message = f"{missing} rows have no value in column {name!r}"
        raise DataError(path, f"{message}; fill them in or leave the rows out")
    return column


@dataclass(frozen=True)
class Ids(OneTarget):
    """What was learned from the training rows of one fold; see `inputs.Inputs`.

    columns: the names of the columns of users and of items.
    users, items: those of the training part, sorted: the first has number 1.
    vocabulary: how many numbers of users and of items there are, 0 among them; may exceed what the
        training part has, so that all folds have equally many.
    """

    columns: tuple[str, ...]
    users: tuple[str, ...]
    items: tuple[str, ...]
    vocabulary: tuple[int, ...]
    target_mean: float = 0.0
    target_std: float = 1.0

    @classmethod
    def fit(cls, pairs: Pairs, *, regression: bool = False) -> Ids:
        """Learn from the given rows, which are training rows only."""
        users, items = (tuple(sorted(set(column))) for column in (pairs.user, pairs.item))
        sizes = (len(users) + 1, len(items) + 1)
        mean, std = moments_of(pairs, regression=regression)
        return cls(pairs.columns, users, items, sizes, mean, std)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return (2,)

    def widened(self, vocabulary: tuple[int, ...]) -> Ids:
        """The same with numbers that nobody has."""
        return replace(self, vocabulary=vocabulary)

    def transform(self, X: Any) -> Array:
        """Int64 [N, 2] of Pairs, a DataFrame, a dict of columns, or rows [N, 2] of both.

        Raises:
            DataError: a column is missing.
        """
        both = zip(self._columns(X), self._places, strict=True)
        numbers = [
            [places.place(value) + 1 if value else 0 for value in column] for column, places in both
        ]
        return np.array(numbers, np.int64).reshape(2, -1).T.copy()

    def to_json(self) -> str:
        return json.dumps({"form": "ids", **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Ids:
        state = json.loads(text)
        state.pop("form")
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in state.items()
        }
        return cls(**given)

    @cached_property
    def _places(self) -> tuple[Spelling, ...]:
        """The place of each user, and of each item."""
        return tuple(Spelling(each) for each in (self.users, self.items))

    def _columns(self, X: Any) -> list[Array]:
        if isinstance(X, Pairs):
            return [X.user, X.item]
        given = named_columns(X, self.columns)
        kinds = (ColumnType(name, CATEGORY) for name in self.columns)
        return [read_texts(column_of(given, kind.name), kind) for kind in kinds]
