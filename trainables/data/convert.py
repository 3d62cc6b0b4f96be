"""From arrays and data frames to tables: which columns are numbers, what counts as missing.

What each column holds is decided in `learning`; an infinite number counts as missing. A row whose
target is missing or infinite is dropped and counted. The group column is no feature.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data import dates
from lanewise.trainables.data.block import Block
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.files import check_names
from lanewise.trainables.data.labels import target_of
from lanewise.trainables.data.learning import learn
from lanewise.trainables.data.mapped import Mapped
from lanewise.trainables.data.names import clean
from lanewise.trainables.data.table import Array, Groups, Order, Table, numbers, texts
from lanewise.trainables.data.types import DAY, MONTH, NUMBER, ColumnType, Types
from lanewise.trainables.data.values import read_numbers, read_target, read_texts
from lanewise.trainables.errors import DataError, listing, nearest

if TYPE_CHECKING:
    import pandas as pd


def from_matrix(X: Array, y: Array, names: list[str], groups: Groups | None = None) -> Table:
    """A table of numbers X [N, D] with the target y [N]."""
    keep, labels = target_of(y)
    columns = tuple(names)
    dropped = int((~keep).sum())
    told = tuple(_left_out(keep, "y"))
    table = Table(numbers(X), columns, {}, columns, labels, "target", dropped, groups, notes=told)
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
    told = tuple(_left_out(keep, "y"))
    block = Block(X, labels, dropped=int((~keep).sum()), groups=groups, notes=told)
    return block if keep.all() else block.take(np.flatnonzero(keep))


def from_frame(
    frame: pd.DataFrame,
    named: Columns,
    name: str,
    *,
    is_written: bool = False,
    types: Types | None = None,
) -> Table:
    """A table of a data frame.

    Args:
        named: the columns that are no features.
        name: of the file, or of what else the frame came from, for messages.
        is_written: whether it holds what a text file does; see `types`.
        types: of another source, as whose the columns are read; None to learn them.
    """
    frame = frame.set_axis([clean(column) for column in frame.columns], axis=1)
    columns = list(frame.columns)
    check_names(columns, name)
    target, group = _clean(named.target), _clean(named.group)
    if target is None and named.has_target:
        message = f"name the target column of {name} (columns: {listing(columns)})"
        raise DataError("data.target", message)
    if target is not None:
        check_column("data.target", target, columns, name)
    if group is not None:
        check_column("data.group", group, columns, name)
        if group == target:
            raise DataError("data.group", f"{group!r} is the target; rows are grouped by another")
    when = _clean(named.order)
    if when is not None:
        check_column("data.order", when, columns, name)
        if when in (target, group):
            raise DataError("data.order", f"{when!r} is the target or the group")
    for column in columns:
        if frame[column].dtype == object:
            check_single(frame[column], name)
    types = all_types(frame, named, types, is_written=is_written)
    notes = list(types.notes)
    groups = order = None
    if group is not None:
        groups = Groups(group, _as_texts(frame[group], types[group]))
    if when is not None:
        order, note = order_of(frame[when], types[when])
        notes += [note] if note else []
    aside = {target, when} if group in named.ids else {target, group, when}
    every = tuple(column for column in columns if column not in aside)
    numeric = tuple(column for column in every if types[column].is_number)
    x_ND = np.empty((len(frame), len(numeric)))
    for place, column in enumerate(numeric):
        x_ND[:, place] = read_numbers(frame[column], types[column])
    categories = {c: read_texts(frame[c], types[c]) for c in every if c not in numeric}
    keep, labels = np.ones(len(frame), bool), np.zeros(len(frame))
    if target is not None:
        keep, labels = target_of(read_target(frame[target], types[target]))
    table = Table(
        x_ND,
        numeric,
        categories,
        every,
        labels,
        target or "",
        int((~keep).sum()),
        groups,
        order,
        notes=(*_left_out(keep, target), *notes),
        types=types.columns,
    )
    return _usable(table, keep)


def learned(frame: pd.DataFrame, named: Columns, *, is_written: bool) -> Types:
    """What the columns of a frame hold; see `learning.learn`."""
    frame = frame.set_axis([clean(column) for column in frame.columns], axis=1)
    return learn(
        frame,
        asked={clean(name): kind for name, kind in named.types},
        is_written=is_written,
        names=named.ids,
        target=_clean(named.target),
    )


def as_read(frame: pd.DataFrame, *, is_written: bool) -> pd.DataFrame:
    """The frame with its columns as they are read: numbers that were text are numbers."""
    frame = frame.set_axis([clean(column) for column in frame.columns], axis=1)
    check_names(frame.columns, "the file")
    for kind in learned(frame, Columns(), is_written=is_written).columns:
        if kind.type == NUMBER and not is_number(frame[kind.name]):
            frame[kind.name] = read_numbers(frame[kind.name], kind)
    return frame


def all_types(
    frame: pd.DataFrame, named: Columns, types: Types | None, *, is_written: bool
) -> Types:
    """Those of another source, and what columns hold that it has not."""
    if types is None:
        return learned(frame, named, is_written=is_written)
    others = frame[[column for column in frame.columns if column not in types]]
    further = learn(others, asked={}, is_written=is_written, names=named.ids)
    return Types((*types.columns, *further.columns), types.notes)


def _clean(name: str | None) -> str | None:
    return None if name is None else clean(name)


def _as_texts(column: pd.Series[Any], kind: ColumnType) -> Array:
    """The values of a column of any type as text; numbers as `table.text` has them."""
    found = texts(column) if kind.is_number else read_texts(column, kind)
    return np.array([value or None for value in found], dtype=object)


def _left_out(keep: Array, target: str | None) -> Iterator[str]:
    """How many rows have no target, if any."""
    if not keep.all():
        count, rows = int((~keep).sum()), len(keep)
        yield f"{count} of {rows} rows ({count / rows:.1%}) have no value in {target}: left out"


def order_of(column: pd.Series[Any], kind: ColumnType) -> tuple[Order, str]:
    """When each row is, from numbers or dates: float64, or a date's units as int64.

    Returns:
        The order, and what people should know of how it was read, or "".

    Raises:
        DataError: at "data.order", text that is no date, or a missing value.
    """
    import pandas as pd

    name, note = kind.name, ""
    if kind.type == NUMBER and not is_number(column):
        column = pd.Series(read_numbers(column, kind))
    if not is_number(column):
        try:
            column, told = dates.moments(column, kind.order)
        except DataError as error:
            keys = " or ".join(f"data.columns: {{{name}: {way}}}" for way in (DAY, MONTH))
            message = f"column {name!r}: {error.message}; say which: {keys}"
            raise DataError("data.order", message) from None
        except (ValueError, TypeError) as error:
            shown = str(error).splitlines()[0][:80]
            message = f"column {name!r} holds neither numbers nor dates: {shown}"
            raise DataError("data.order", message) from None
        note = f"{name}: {told}" if told else ""
    missing = int(column.isna().sum())
    if missing:
        raise DataError("data.order", f"{missing} rows have no value in column {name!r}")
    is_date = pd.api.types.is_datetime64_any_dtype(column)
    moments = column.astype("int64" if is_date else "float64").to_numpy()
    return Order(name, moments, moments), note


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
