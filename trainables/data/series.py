"""Windows over one or several series that run side by side, and what comes after each.

| what is found | what becomes of it |
|---|---|
| rows in another order | sorted by time |
| a moment twice | refused: one row a moment, one column a series |
| a longer step in between | a note; windows are of rows, whatever lies between two |
| a missing value | as an input the last one before it; a window is left out, and counted, if it shall foretell one or no season is known before |
| fewer rows than a window and its horizon | refused |

R rows in time, N windows of W rows, S series, H the horizon, O = H · S.
"""  # noqa: E501  (a table)

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lanewise.trainables.data.block import Block, Outlook
from lanewise.trainables.data.columns import Columns, Windows
from lanewise.trainables.data.convert import all_types, check_column, order_of
from lanewise.trainables.data.files import check_names
from lanewise.trainables.data.names import clean, named_columns
from lanewise.trainables.data.table import Array, Order
from lanewise.trainables.data.types import NUMBER, ColumnType, Types
from lanewise.trainables.data.values import read_numbers
from lanewise.trainables.errors import DataError, listing

if TYPE_CHECKING:
    import pandas as pd

GAP = 1.5  # times the usual step is a gap; months differ by less
_TIME, _VALUES = "data.series.time", "data.series.values"


def from_series(
    frame: pd.DataFrame,
    named: Columns,
    name: str,
    *,
    is_written: bool = False,
    types: Types | None = None,
) -> Block:
    """The windows of a data frame that have all of their horizon.

    Args:
        named: its `series`; other columns than those of time and values are not looked at.
        name: of the file, or of what else the frame came from, for messages.
        is_written, types: as in `convert.from_frame`.

    Raises:
        DataError: at "data.series…", "data.source", or a key that series have no use for.
    """
    asked = named.series
    assert asked is not None
    _refuse_others(named)
    if asked.time == frame.index.name:
        frame = frame.reset_index()
    frame = frame.set_axis([clean(column) for column in frame.columns], axis=1)
    check_names(frame.columns, name)
    check_column(_TIME, asked.time, list(frame.columns), name)
    if asked.values is not None:
        frame = _only(frame, asked, name)
    types = all_types(frame, named, types, is_written=is_written)
    values = _series(frame, asked, types, name)
    order, told = _order(frame[asked.time], types[asked.time])
    moments = order.first
    places = np.argsort(moments, kind="stable")
    _check_distinct(frame[asked.time].to_numpy(), moments[places], places, asked.time)
    raw_RS = np.stack([read_numbers(frame[value], types[value]) for value in values], 1)[places]
    notes = [*types.notes, *([told] if told else [])]
    notes += _notes(raw_RS, moments[places], values, asked)
    return replace(_cut(raw_RS, values, asked, tuple(notes), name), types=types.columns)


def _cut(
    raw_RS: Array, values: tuple[str, ...], asked: Windows, notes: tuple[str, ...], name: str
) -> Block:
    window, horizon, rows = asked.window, asked.horizon, len(raw_RS)
    first = max(window, asked.season)  # of what is foretold: before it lie a window and a season
    if rows < first + horizon:
        message = f"{name} has {rows} rows; a window of {window}, a season of {asked.season} and"
        needed = f"a horizon of {horizon} need {first + horizon}"
        raise DataError("data.source", f"{message} {needed}")
    known_RS = filled(raw_RS)
    x_NWS = sliding_window_view(known_RS, window, axis=0)[first - window : rows - window].swapaxes(
        1, 2
    )
    ahead_NHS = sliding_window_view(raw_RS, horizon, axis=0)[first:].swapaxes(1, 2)
    count = len(ahead_NHS)
    at_N = np.arange(first, first + count)
    block = Block(
        x_NWS[:count],
        ahead_NHS.reshape(count, -1),
        target_name=", ".join(values),
        columns=values,
        order=Order(asked.time, at_N, at_N + horizon - 1),
        outlook=Outlook(seasonal_naive(known_RS, at_N, asked), asked, notes),
    )
    assert block.outlook is not None
    complete = np.isfinite(block.target).all(1) & np.isfinite(block.outlook.naive).all(1)
    if not complete.any():
        raise DataError(_VALUES, f"no window of {name} is followed by {horizon} known rows")
    left_out = int((~complete).sum())
    if not left_out:
        return block
    told = f"{left_out} of {count} windows ({left_out / count:.1%}) are left out: what they"
    told += " foretell has gaps, or no season is known before it"
    outlook = replace(block.outlook, notes=(told, *notes))
    return replace(block, outlook=outlook, dropped=left_out).take(np.flatnonzero(complete))


def seasonal_naive(known_RS: Array, at_N: Array, asked: Windows) -> Array:
    """What was at the same place of the last season before the forecast: [N, O].

    Args:
        at_N: the rows that forecasts begin with, none within the first season.
    """
    ahead_H = np.arange(asked.horizon)
    back_H = ahead_H % asked.season - asked.season
    return known_RS[at_N[:, None] + back_H].reshape(len(at_N), -1)


def filled(raw_RS: Array) -> Array:
    """What is missing is the last value before it; NaN where there is none."""
    is_known = np.isfinite(raw_RS)
    rows = np.where(is_known, np.arange(len(raw_RS))[:, None], 0)
    return np.asarray(np.take_along_axis(raw_RS, np.maximum.accumulate(rows), axis=0))


def last_window(
    frame: Any, values: tuple[str, ...], window: int, types: Iterable[ColumnType] = ()
) -> Array:
    """The window [1, W, S] at the end of a data frame in the order of time.

    Args:
        types: of the source that was learned from.
    """
    columns = named_columns(frame)
    for value in values:
        check_column("X", value, list(columns), "the DataFrame")
    if len(frame) < window:
        message = f"the model takes {window} rows, and the DataFrame has {len(frame)}"
        raise DataError("X", message)
    kinds = {kind.name: kind for kind in types}
    try:
        read = [
            read_numbers(columns[value], kinds.get(value) or ColumnType(value, NUMBER))
            for value in values
        ]
    except DataError as error:
        raise DataError("X", f"the series are numbers: {error.message}") from None
    return filled(np.stack(read, 1))[None, -window:]


def _refuse_others(named: Columns) -> None:
    for key, column in (("target", named.target), ("group", named.group), ("order", named.order)):
        if column is not None:
            message = f"{column!r}: windows of series forecast data.series.values in the order of"
            raise DataError(f"data.{key}", f"{message} data.series.time; leave it out")


def _only(frame: pd.DataFrame, asked: Windows, name: str) -> pd.DataFrame:
    """The columns of time and of the series that were named."""
    others = [column for column in frame.columns if column != asked.time]
    assert asked.values is not None
    if not asked.values:
        raise DataError(_VALUES, f"name one column or more ({listing(others)})")
    for value in asked.values:
        check_column(_VALUES, value, others, name)
        if asked.values.count(value) > 1:
            raise DataError(_VALUES, f"{value!r} is named twice")
    return frame[[asked.time, *asked.values]]


def _series(frame: pd.DataFrame, asked: Windows, types: Types, name: str) -> tuple[str, ...]:
    """The columns of the series: as asked, or all that hold numbers."""
    others = [column for column in frame.columns if column != asked.time]
    if asked.values is None:
        found = tuple(column for column in others if types[column].is_number)
        if not found:
            raise DataError(_VALUES, f"{name} has no column of numbers besides {asked.time!r}")
        return found
    for value in asked.values:
        if not types[value].is_number:
            raise DataError(_VALUES, f"column {value!r} of {name} holds no numbers")
    return asked.values


def _order(column: pd.Series[Any], kind: ColumnType) -> tuple[Order, str]:
    try:
        return order_of(column, kind)
    except DataError as error:
        raise DataError(_TIME, error.message) from None


def _check_distinct(written: Array, ordered: Array, places: Array, name: str) -> None:
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(twice):
        value, more = written[places[twice[0]]], len(twice)
        times = f"{more} moments are" if more > 1 else "a moment is"
        message = f"{times} in column {name!r} more than once, the first is {value}"
        raise DataError(_TIME, f"{message}; give one row a moment, and a column to each series")


def _notes(
    raw_RS: Array, moments_R: Array, values: tuple[str, ...], asked: Windows
) -> Iterator[str]:
    steps = np.diff(moments_R)
    if len(steps) and (gaps := int((steps > GAP * np.median(steps)).sum())):
        words = "step is" if gaps == 1 else "steps are"
        message = f"{gaps} {words} more than {GAP:g} times as long as most in column"
        yield f"{message} {asked.time!r}; windows are of rows, whatever lies between"
    missing = (~np.isfinite(raw_RS)).sum(0)
    if missing.any():
        where = listing((n for n, m in zip(values, missing, strict=True) if m), 5)
        yield f"{int(missing.sum())} missing values in {where}: as inputs the last known ones"
