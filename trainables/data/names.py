"""Columns by name, whatever form a person gives rows in. N rows, D columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lanewise.trainables.errors import DataError, listing, nearest

_MARK = "\ufeff"  # of UTF-8, before the first name of some files


def clean(name: object) -> str:
    """A column's name without blanks around it, or a byte-order mark before it."""
    return str(name).removeprefix(_MARK).strip()


def named_columns(X: Any, names: Sequence[str] = ()) -> dict[str, Any]:
    """Columns by their clean names.

    Args:
        X: a DataFrame, a dict of columns, a list of dicts, or rows [N, D] in the order of names.

    Raises:
        DataError: at "X", two columns of one name, or rows of another width.
    """
    if hasattr(X, "columns") or isinstance(X, Mapping):
        keys = list(X.columns) if hasattr(X, "columns") else list(X)
        found = {clean(key): X[key] for key in keys}
        if len(found) < len(keys):
            cleaned = [clean(key) for key in keys]
            twice = next(name for name in cleaned if cleaned.count(name) > 1)
            raise DataError("X", f"there is more than one column {twice!r}")
        return found
    rows = X if isinstance(X, np.ndarray) else list(X)
    if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows):
        keys = list({key: None for row in rows for key in row})
        return {clean(key): [row.get(key) for row in rows] for key in keys}
    table = rows if isinstance(rows, np.ndarray) else _objects(rows)
    if table.ndim != 2 or table.shape[1] != len(names):
        message = f"the model takes {len(names)} columns ({listing(names)})"
        raise DataError("X", f"{message}, not an array of shape {list(table.shape)}")
    return dict(zip(names, table.T, strict=True))


def column_of(columns: Mapping[str, Any], name: str) -> Any:
    """The column of a name.

    Raises:
        DataError: at "X", it is not there.
    """
    if name not in columns:
        message = f"column {name!r} is missing (columns given: {listing(columns)}"
        raise DataError("X", f"{message}{nearest(name, columns)})")
    return columns[name]


def _objects(rows: Sequence[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    try:
        return np.array([list(row) for row in rows], dtype=object)
    except (TypeError, ValueError):  # rows that are no rows, or of several lengths
        return np.array(len(rows) * [None], dtype=object)
