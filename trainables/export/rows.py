"""Raw rows as JSON has them, read as the training source was. No torch, no pandas.

| form | a row | of |
|---|---|---|
| table | {column: value or null, …} | `preprocess.Preprocess` |
| text | {column: text or null} | `tokens.Tokens` |
| ids | {column of users: …, column of items: …} | `ids.Ids` |
| image | {"image": PNG or JPEG in base64, or numbers [C][H][W]} | `scaling.Scaling` |
| sequence | {"sequence": numbers [T][F]} | `scaling.Scaling` |
| values | {"values": numbers [F]} | `scaling.Scaling` of a table that memory does not hold |
| series | {"window": [{series: value or null, …}, …]}, the newest last | `scaling.Scaling` |

Columns that the model does not know are left alone, as in a file.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lanewise.trainables.data.ids import Ids
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.names import clean
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.scaling import Scaling
from lanewise.trainables.data.series import last_window
from lanewise.trainables.data.table import Array, Table
from lanewise.trainables.data.tokens import Tokens
from lanewise.trainables.data.types import NUMBER, ColumnType
from lanewise.trainables.data.values import read_numbers
from lanewise.trainables.errors import DataError, RowError, listing, nearest

Row = Mapping[str, Any]
_SINGLE = (str, int, float, bool, type(None))
_NUMBERS = {int, float, type(None)}
_BLOCKS = {1: "values", 2: "sequence", 3: "image"}  # by the number of dimensions of an example


def form_of(fitted: Inputs) -> str:
    """Of the rows that these inputs are made of; see above."""
    if isinstance(fitted, Preprocess):
        return "table"
    if isinstance(fitted, Tokens):
        return "text"
    if isinstance(fitted, Ids):
        return "ids"
    assert isinstance(fitted, Scaling)
    return "series" if fitted.series else _BLOCKS[len(fitted.shape)]


def names_of(fitted: Inputs) -> tuple[str, ...]:
    """The values of a row."""
    if isinstance(fitted, Preprocess):
        learned = {each.name for each in fitted.numbers} | {each.name for each in fitted.categories}
        return tuple(name for name in fitted.columns if name in learned)
    if isinstance(fitted, Tokens):
        return (fitted.column,)
    if isinstance(fitted, Ids):
        return fitted.columns
    form = form_of(fitted)
    return ("window",) if form == "series" else (form,)


def read(rows: Sequence[Row], fitted: Inputs) -> Any:
    """What `fitted.transform` takes.

    Raises:
        RowError: a row without one of its values, or a value that cannot be read.
    """
    if isinstance(fitted, Scaling):
        examples = [_example(row, number, fitted) for number, row in enumerate(rows)]
        return np.stack(examples) if examples else np.zeros((0, *fitted.shape))
    if isinstance(fitted, Preprocess) and (table := _plain(rows, fitted)) is not None:
        return table
    columns = _columns(rows, names_of(fitted))
    try:
        return _read(columns, fitted)
    except (DataError, OverflowError) as error:
        for number in range(len(rows)):  # one of them is to blame
            _blame(columns, number, fitted)
        raise DataError("rows", str(error)) from None


def _read(columns: Mapping[str, list[Any]], fitted: Inputs) -> Any:
    return fitted.read(columns) if isinstance(fitted, Preprocess) else columns


def _plain(rows: Sequence[Row], fitted: Preprocess) -> Table | None:
    """All numbers at once, where they are numbers or null; None if any row needs a closer look."""
    try:
        numbers = [[row[name] for name in fitted.numeric] for row in rows]
        others = {each.name: [row[each.name] for row in rows] for each in fitted.categories}
        if not {type(value) for row in numbers for value in row} <= _NUMBERS:
            return None
        if not all(isinstance(value, _SINGLE) for column in others.values() for value in column):
            return None
        x_ND = np.array(numbers, np.float64).reshape(len(rows), len(fitted.numeric))
    except (KeyError, TypeError, OverflowError):
        return None
    x_ND[np.isinf(x_ND)] = np.nan  # as everywhere, an infinity is a missing value
    return fitted.with_numbers(x_ND, others)


def _columns(rows: Sequence[Row], names: Sequence[str]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for number, row in enumerate(rows):
        _check_row(row, number, names)
        known: Row = row if all(name in row for name in names) else _cleaned(row)
        for name, column in columns.items():
            if name not in known:
                near = _near(name, row, names)
                raise RowError(number, name, f"it is missing; give null where not known{near}")
            value = known[name]
            if not isinstance(value, _SINGLE):
                what = "an object" if isinstance(value, Mapping) else "a list"
                message = f"{what}: give a number, a text, true, false or null"
                raise RowError(number, name, message)
            column.append(value)
    return columns


def _check_row(row: object, number: int, names: Sequence[str]) -> None:
    if not isinstance(row, Mapping):
        message = f"a row is an object with {listing(names)}, not {_shown(row)}"
        raise RowError(number, "", message)


def _cleaned(row: Row) -> dict[str, Any]:
    """By names without blanks around them, as a file's columns are."""
    return {clean(key): value for key, value in row.items()}


def _near(name: str, row: Row, names: Sequence[str]) -> str:
    """The name that the row has instead, if it looks like it."""
    return nearest(name, [str(other) for other in row if other not in names])


def _blame(columns: Mapping[str, list[Any]], number: int, fitted: Inputs) -> None:
    """Raise RowError if this row is one that cannot be read."""
    for name in columns:
        alone = {
            other: [values[number] if other == name else None] for other, values in columns.items()
        }
        try:
            _read(alone, fitted)
        except (DataError, OverflowError):
            shown = _shown(columns[name][number])
            message = f"{shown} is no number, and the column was numeric in training"
            raise RowError(number, name, f"{message}; give a number or null") from None


# -- images, sequences, windows ------------------------------------------------------------------


def _example(row: Row, number: int, fitted: Scaling) -> Array:
    (name,) = names_of(fitted)
    _check_row(row, number, (name,))
    if name not in row:
        raise RowError(number, name, f"it is missing{_near(name, row, (name,))}")
    try:
        if fitted.series:
            return _window(row[name], fitted)
        if name == "image" and isinstance(row[name], str):
            return _decoded(row[name], fitted.shape)
        return _numbers(row[name], fitted.shape)
    except (ValueError, TypeError, OverflowError) as error:
        message = error.message if isinstance(error, DataError) else str(error)
        raise RowError(number, name, message) from None


def _window(given: Any, fitted: Scaling) -> Array:
    if not isinstance(given, list) or not all(isinstance(row, Mapping) for row in given):
        wanted = f"{{{listing(map(repr, fitted.series))}}}"
        raise DataError("", f"give a list of {fitted.shape[0]} rows {wanted}, the newest last")
    if len(given) < fitted.shape[0]:
        raise DataError("", f"the model takes {fitted.shape[0]} rows, and there are {len(given)}")
    return np.asarray(last_window(given, fitted.series, fitted.shape[0], fitted.types)[0])


def _numbers(given: Any, shape: tuple[int, ...]) -> Array:
    """Nested lists of numbers or null; a picture of one channel may be given without it."""
    whole = [given] if len(shape) == 3 and shape[0] == 1 and _depth(given) == 2 else given
    values = list(_flat(whole, shape))
    return read_numbers(values, ColumnType("value", NUMBER)).reshape(shape)


def _depth(given: Any) -> int:
    return 1 + _depth(given[0]) if isinstance(given, list) and given else 0


def _flat(given: Any, shape: tuple[int, ...]) -> Iterator[Any]:
    if not shape:
        if not isinstance(given, _SINGLE):
            raise DataError("", f"{_shown(given)} is no number")
        yield given
        return
    if not isinstance(given, list) or len(given) != shape[0]:
        has = f"{len(given)} of them" if isinstance(given, list) else _shown(given)
        raise DataError("", f"give numbers in lists of {_sizes(shape)}, not {has}")
    for inner in given:
        yield from _flat(inner, shape[1:])


def _decoded(given: str, shape: tuple[int, ...]) -> Array:
    """The pixels of a picture in base64, scaled to the shape."""
    from lanewise.trainables.data.images import pixels_of

    if shape[0] not in (1, 3):
        raise DataError(
            "", f"give numbers in lists of {_sizes(shape)}: no picture has {shape[0]} channels"
        )
    try:
        content = base64.b64decode(given, validate=True)
    except binascii.Error:
        raise DataError("", "it is no base64 of a picture") from None
    return pixels_of(io.BytesIO(content), shape)


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
