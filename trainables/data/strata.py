"""Which rows each part shall have a share of: those of a class, or of a value of a column."""

from __future__ import annotations

import numpy as np

from lanewise.trainables.data.ids import Pairs
from lanewise.trainables.data.table import Array, Rows, Table
from lanewise.trainables.errors import DataError, listing, nearest


def strata_of(rows: Rows, name: str) -> Array:
    """Codes [N] of a column's values; what is missing is one of them.

    Raises:
        DataError: at "data.stratify", a column that is not among the features.
    """
    columns = _features(rows)
    if name not in columns:
        known = f"{listing(columns)}{nearest(name, columns)}" if columns else "there are none"
        raise DataError("data.stratify", f"column {name!r} is not among the columns ({known})")
    _, codes = np.unique(columns[name], return_inverse=True)
    return codes.astype(np.int64)


def _features(rows: Rows) -> dict[str, Array]:
    """By name, without the column by which rows are grouped or ordered."""
    if isinstance(rows, Pairs):
        return dict(zip(rows.columns, (rows.user, rows.item), strict=True))
    if not isinstance(rows, Table):
        return {}
    numbers = zip(rows.numeric, rows.x_ND.T, strict=True)
    # A word cannot be compared with None: what is missing is "", and words are marked.
    words = {
        name: np.array(["" if value is None else f"={value}" for value in column])
        for name, column in rows.categories.items()
    }
    return {**dict(numbers), **words}
