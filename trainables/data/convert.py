"""From arrays and data frames to tables: which columns are numbers, what counts as missing.

Numeric columns stay numbers (float64, an infinity counts as missing); everything else is text of
categories: words, truth values, dates, columns of mixed type. A row whose target is missing or
infinite is dropped and counted. The group column is no feature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data.block import Block
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.files import check_names
from lanewise.trainables.data.labels import target_of, values_of
from lanewise.trainables.data.mapped import Mapped
from lanewise.trainables.data.table import Array, Groups, Order, Table, numbers, texts
from lanewise.trainables.errors import DataError, listing, nearest

if TYPE_CHECKING:
    import pandas as pd


def from_matrix(X: Array, y: Array, names: list[str], groups: Groups | None = None) -> Table:
    """A table of numbers X [N, D] with the target y [N]."""
    keep, labels = target_of(y)
    columns = tuple(names)
    dropped = int((~keep).sum())
    table = Table(numbers(X), columns, {}, columns, labels, "target", dropped, groups)
    return _usable(table, keep)


def from_block(X: Array | Mapped, y: Array, groups: Groups | None = None) -> Block:
    """Pictures X [N, C, H, W] or sequences [N, T, F] with the target y [N]; or a large table."""
    keep, labels = target_of(y)
    if not len(X):
        raise DataError("data.source", "the data has no rows")
    if not X[0].size:
        raise DataError("data.source", f"an example of {list(X.shape[1:])} holds nothing")
    if not keep.any():
        raise DataError("data.target", "every value of 'target' is missing")
    block = Block(X, labels, dropped=int((~keep).sum()), groups=groups)
    return block if keep.all() else block.take(np.flatnonzero(keep))


def from_frame(frame: pd.DataFrame, named: Columns, name: str) -> Table:
    """A table of a data frame.

    Args:
        named: the columns that are no features.
        name: of the file, or of what else the frame came from, for messages.
    """
    target, group = named.target, named.group

    frame = frame.set_axis([str(column).strip() for column in frame.columns], axis=1)
    columns = list(frame.columns)
    check_names(columns, name)
    if target is None and named.has_target:
        message = f"name the target column of {name} (columns: {listing(columns)})"
        raise DataError("data.target", message)
    if target is not None:
        check_column("data.target", target, columns, name)
    groups, order = None, None
    if group is not None:
        check_column("data.group", group, columns, name)
        if group == target:
            raise DataError("data.group", f"{group!r} is the target; rows are grouped by another")
        groups = Groups(group, texts(frame[group]))
        frame = frame if group in named.ids else frame.drop(columns=group)
    if named.order is not None:
        check_column("data.order", named.order, columns, name)
        if named.order in (target, group):
            raise DataError("data.order", f"{named.order!r} is the target or the group")
        order = order_of(frame[named.order], named.order)
        frame = frame.drop(columns=named.order)
    features = frame if target is None else frame.drop(columns=target)
    numeric = [c for c in features if is_number(features[c]) and c not in named.ids]
    others = [column for column in features if column not in numeric]
    for column in others:
        check_single(features[column], name)
    categories = {str(column): texts(features[column]) for column in others}
    x_ND = features[numeric].to_numpy(dtype=np.float64, na_value=np.nan)
    nothing = np.zeros(len(frame))
    keep, labels = target_of(nothing if target is None else values_of(frame[target]))
    every, names = tuple(map(str, features.columns)), tuple(map(str, numeric))
    dropped = int((~keep).sum())
    table = Table(
        numbers(x_ND), names, categories, every, labels, target or "", dropped, groups, order
    )
    return _usable(table, keep)


def order_of(column: pd.Series[Any], name: str) -> Order:
    """When each row is, from numbers or dates: float64, or nanoseconds as int64.

    Raises:
        DataError: at "data.order", text that is no date, or a missing value.
    """
    import pandas as pd

    if not is_number(column):
        try:
            column = pd.to_datetime(column, utc=True)
        except (ValueError, TypeError) as error:
            shown = str(error).splitlines()[0][:80]
            message = f"column {name!r} holds neither numbers nor dates: {shown}"
            raise DataError("data.order", message) from None
    missing = int(column.isna().sum())
    if missing:
        raise DataError("data.order", f"{missing} rows have no value in column {name!r}")
    is_date = pd.api.types.is_datetime64_any_dtype(column)
    moments = column.astype("int64" if is_date else "float64").to_numpy()
    return Order(name, moments, moments)


def check_column(path: str, column: str, columns: list[str], name: str) -> None:
    """Raise DataError at `path` unless `name` has the column."""
    if column not in columns:
        near = nearest(column, columns)
        message = f"column {column!r} is not in {name} (columns: {listing(columns)}{near})"
        raise DataError(path, message)


def is_number(column: pd.Series[Any]) -> bool:
    from pandas.api import types

    kind = column.dtype
    if types.is_complex_dtype(kind):
        raise DataError("data.source", f"column {str(column.name)!r} holds complex numbers")
    return types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind)


def check_single(column: pd.Series[Any], name: str) -> None:
    """Raise DataError if the column holds lists, arrays or the like."""
    nested = (list, tuple, dict, set, np.ndarray)
    found = next((value for value in column if isinstance(value, nested)), None)
    if found is not None:
        kind = "arrays" if isinstance(found, np.ndarray) else f"{type(found).__name__}s"
        message = f"column {str(column.name)!r} of {name} holds {kind}; give single values"
        raise DataError("data.source", message)


def _usable(table: Table, keep: Array) -> Table:
    """Only the rows to keep, if there are any, and at least one feature."""
    if not len(table):
        raise DataError("data.source", "the data has no rows")
    if not keep.any():
        raise DataError("data.target", f"every value of {table.target_name!r} is missing")
    if not table.columns:
        raise DataError("data.source", "the data has no column besides the target")
    table = table if keep.all() else table.take(np.flatnonzero(keep))
    if table.groups is not None:
        missing = sum(value is None for value in table.groups.values)
        if missing:
            message = f"{missing} rows have no value in column {table.groups.name!r}"
            raise DataError("data.group", f"{message}; fill them in or leave the rows out")
    return table
