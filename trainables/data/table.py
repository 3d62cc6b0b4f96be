"""A table of features with one target column, as numpy arrays. N rows, D numeric columns."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from lanewise.trainables.data.types import ColumnType

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Groups:
    """Which rows belong together: the column's name and its values as text, one per row."""

    name: str
    values: Array


@dataclass(frozen=True, eq=False)
class Order:
    """When each row is: the column's name, and its first and last moment, [N] each.

    A row with a horizon is later than its first moment; most rows are one moment.
    """

    name: str
    first: Array
    last: Array


class Digest(Protocol):
    """One of hashlib's."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Rows(Protocol):
    """Examples with a target: what can be split. `Table` and `block.Block` are.

    columns: the names of the features; empty where they have none.
    target: raw labels or numbers, one per row, none missing; target_name is "" where there is none.
    dropped: how many rows were left out because their target is missing.
    groups: the rows that no split may part; order: what a split follows.
    notes: what people should know of how the values were read, a sentence each.
    types: as what they were read, those of groups, order and target among them; empty where the
        source has no columns.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def target(self) -> Array: ...
    @property
    def target_name(self) -> str: ...
    @property
    def dropped(self) -> int: ...
    @property
    def groups(self) -> Groups | None: ...
    @property
    def order(self) -> Order | None: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def types(self) -> tuple[ColumnType, ...]: ...

    def __len__(self) -> int: ...

    def take(self, rows: Array) -> Self:
        """The rows of the given numbers."""
        ...

    def fingerprint(self) -> str:
        """SHA-256 over names and values; equal in every process for equal content."""
        ...


@dataclass(frozen=True, eq=False)
class Table:
    """The content of a data source.

    x_ND: float64, NaN where a value is missing.
    numeric: the names of the D columns of x_ND.
    categories: further columns by name; object arrays of str, None where missing.
    columns: all feature names in the order of the source.
    target: raw labels or numbers, one per row, none missing.
    dropped: how many rows were left out because their target is missing.
    groups: the rows that no split may part; order: what a split follows. Neither is a feature.
    shape: what the D columns are when they are read as pixels, [C, H, W]; None for no picture.
    notes: what people should know of how the values were read, a sentence each.
    types: as what they were read, those of groups, order and target among them.
    """

    x_ND: Array  # noqa: N815  (the shape legend of this package)
    numeric: tuple[str, ...]
    categories: Mapping[str, Array]
    columns: tuple[str, ...]
    target: Array
    target_name: str
    dropped: int = field(default=0)
    groups: Groups | None = None
    order: Order | None = None
    shape: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()
    types: tuple[ColumnType, ...] = ()

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Array) -> Table:
        """The table of the given row numbers."""
        categories = {name: column[rows] for name, column in self.categories.items()}
        x_ND = self.x_ND[rows]
        return replace(
            self,
            x_ND=x_ND,
            categories=categories,
            **taken(self, rows),
        )

    def fingerprint(self) -> str:
        """See `Rows`."""
        digest = hashlib.sha256()
        names = [list(self.columns), list(self.numeric), self.target_name]
        digest.update(json.dumps([names, list(self.x_ND.shape)]).encode())
        # NaN has many bit patterns: write one.
        digest.update(np.where(np.isnan(self.x_ND), np.nan, self.x_ND).astype("<f8").tobytes())
        for name in self.categories:
            digest.update(json.dumps([name, self.categories[name].tolist()]).encode())
        return finished(digest, self)


def taken(whole: Rows, rows: Array) -> dict[str, Any]:
    """What all kinds of rows have, of the given ones: target, groups, order."""
    groups, order = whole.groups, whole.order
    return {
        "target": whole.target[rows],
        "groups": groups and Groups(groups.name, groups.values[rows]),
        "order": order and Order(order.name, order.first[rows], order.last[rows]),
    }


def finished(digest: Digest, rows: Rows) -> str:
    """The fingerprint of rows whose features are in the digest: target, groups and order follow."""
    digest.update(json.dumps([rows.target.dtype.kind, rows.target.tolist()]).encode())
    if rows.groups is not None:
        digest.update(json.dumps([rows.groups.name, rows.groups.values.tolist()]).encode())
    if rows.order is not None:
        digest.update(json.dumps([rows.order.name, rows.order.first.tolist()]).encode())
    return digest.hexdigest()


def numbers(values: Any) -> Array:
    """Float64 with NaN for what is missing or infinite (an infinity cannot be standardised)."""
    array = np.array(values, dtype=np.float64)
    array[~np.isfinite(array)] = np.nan
    return array


def texts(values: Iterable[Any]) -> Array:
    """An object array of str with None for what is missing (None, NaN, NaT, pandas' NA)."""
    found = [text(value) for value in values]
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def text(value: Any) -> str | None:
    """A category as text: 1 and 1.0 are the same category, "1"; None if missing."""
    if isinstance(value, enum.Enum):  # a number or text of a name, or a name alone
        value = value.value if isinstance(value, int | str) else value.name
    if isinstance(value, str):
        return str(value)  # NumPy has a str of its own
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return None
        return str(int(value)) if float(value).is_integer() else str(float(value))
    return str(value)


def identity(table: Rows, source: str) -> dict[str, Any]:
    """What identifies the data of a sweep: where it came from, its size, and its hash."""
    return {
        "source": source,
        "rows": len(table),
        "dropped": table.dropped,
        "columns": len(table.columns),
        "target": table.target_name,
        "hash": table.fingerprint(),
    }
