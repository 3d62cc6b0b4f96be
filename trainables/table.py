"""A table of features with one target column, as numpy arrays. N rows, D numeric columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Groups:
    """Which rows belong together: the column's name and its values as text, one per row."""

    name: str
    values: Array


@dataclass(frozen=True, eq=False)
class Table:
    """The content of a data source.

    x_ND: float64, NaN where a value is missing.
    numeric: the names of the D columns of x_ND.
    categories: further columns by name; object arrays of str, None where missing.
    columns: all feature names in the order of the source.
    target: raw labels or numbers, one per row, none missing.
    dropped: how many rows were left out because their target is missing.
    groups: the rows that no split may part; their column is no feature.
    """

    x_ND: Array  # noqa: N815  (the shape legend of this package)
    numeric: tuple[str, ...]
    categories: Mapping[str, Array]
    columns: tuple[str, ...]
    target: Array
    target_name: str
    dropped: int = field(default=0)
    groups: Groups | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Array) -> Table:
        """The table of the given row numbers."""
        categories = {name: column[rows] for name, column in self.categories.items()}
        x_ND = self.x_ND[rows]
        groups = self.groups and Groups(self.groups.name, self.groups.values[rows])
        target = self.target[rows]
        return replace(self, x_ND=x_ND, categories=categories, target=target, groups=groups)


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
    if isinstance(value, str):
        return str(value)  # NumPy has a str of its own
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return None
        return str(int(value)) if float(value).is_integer() else str(float(value))
    return str(value)


def fingerprint(table: Table) -> str:
    """SHA-256 over names and values; equal in every process for equal content."""
    digest = hashlib.sha256()
    names = [list(table.columns), list(table.numeric), table.target_name]
    digest.update(json.dumps([names, list(table.x_ND.shape)]).encode())
    # NaN has many bit patterns: write one.
    digest.update(np.where(np.isnan(table.x_ND), np.nan, table.x_ND).astype("<f8").tobytes())
    for name in table.categories:
        digest.update(json.dumps([name, table.categories[name].tolist()]).encode())
    digest.update(json.dumps([table.target.dtype.kind, table.target.tolist()]).encode())
    if table.groups is not None:
        digest.update(json.dumps([table.groups.name, table.groups.values.tolist()]).encode())
    return digest.hexdigest()


def identity(table: Table, source: str) -> dict[str, Any]:
    """What identifies the data of a sweep: where it came from, its size, and its hash."""
    return {
        "source": source,
        "rows": len(table),
        "dropped": table.dropped,
        "columns": len(table.columns),
        "target": table.target_name,
        "hash": fingerprint(table),
    }
