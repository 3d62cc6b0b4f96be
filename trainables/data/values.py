"""Reading values as the types of their columns say, wherever they come from."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data import dates, numerals, spelling
from lanewise.trainables.data.labels import integers_in, may_be_rounded, values_of
from lanewise.trainables.data.numerals import PLAIN
from lanewise.trainables.data.table import Array, numbers, text, texts
from lanewise.trainables.data.types import BOOLEAN, DATE, EMPTY, TEXT, ColumnType
from lanewise.trainables.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_TRUTHS = {"True": True, "False": False}


def read_numbers(column: Any, kind: ColumnType) -> Array:
    """Float64 [N], NaN where missing or infinite.

    Raises:
        DataError: at "X", a value that is no number.
    """
    if kind.type == EMPTY:
        return np.full(len(column), np.nan)
    kind_of = getattr(getattr(column, "dtype", None), "kind", "?")
    if kind_of in "iufb" and not is_categorical(column):
        if hasattr(column, "to_numpy"):  # a Series; its own NA values have no float()
            column = column.to_numpy(np.float64, na_value=np.nan)
        return numbers(column)
    values = _values(column)
    try:
        read = {value: _number(value, kind) for value in set(values)}
    except TypeError:  # a list, or the like
        raise _no_number(kind.name, values[0]) from None
    return numbers([read[value] for value in values])


def read_texts(column: Any, kind: ColumnType) -> Array:
    """An object array [N] of text, None where missing: spelled as the source's values are."""
    if is_text(column):  # much faster than value by value
        codes, written = column.factorize()
        found = [*(_text(value, kind) for value in written.tolist()), None]
        return np.asarray(_objects(found)[codes])
    values = texts(_values(column))
    made = {value: _text(value, kind) for value in set(values)}
    return _objects(made[value] for value in values)


def read_target(column: pd.Series[Any], kind: ColumnType) -> Array:
    """Labels or numbers [N] as the type says; text where they are not what it says.

    Labels of pandas' categories are as they are, numbers or truth values among them.
    """
    if kind.is_number:
        if column.dtype.kind in "iufO" and not _has_text(column):
            return values_of(column)
        try:
            read = read_numbers(column, kind)
        except DataError:
            return _objects(texts(_values(column)))
        return _unrounded(read, _values(column))
    if kind.type == BOOLEAN:
        labels = [
            None if not word else _TRUTHS.get(word, word) for word in read_texts(column, kind)
        ]
        return _objects(labels)
    if is_categorical(column) and column.cat.categories.dtype.kind in "iufb":
        return _objects(column.tolist())
    found = read_texts(column, kind)
    present = {value for value in found if value}
    if kind.labels and all(numerals.is_whole(value) for value in present):
        return _objects([int(value) if value else None for value in found])
    return _objects(value or None for value in found)


def _unrounded(read: Array, values: Sequence[Any]) -> Array:
    """Whole numbers that were text, each exact where floats would make several one."""
    if not may_be_rounded(read):
        return read
    words = (None if np.isnan(x) else str(value) for x, value in zip(read, values, strict=True))
    whole = integers_in(words)
    return read if whole is None else _objects(whole)


def is_categorical(column: Any) -> bool:
    """Whether it is a pandas category. Imports no pandas: exported models are read without it."""
    return type(getattr(column, "dtype", None)).__name__ == "CategoricalDtype"


def is_text(column: Any) -> bool:
    """Whether it is a pandas column of nothing but text and gaps. Imports no pandas."""
    is_of_text = type(getattr(column, "dtype", None)).__name__ == "StringDtype"
    return is_of_text and hasattr(column, "factorize")


def is_number_type(kind: type) -> bool:
    """Whether values of a type of Python's or NumPy's are numbers."""
    is_truth = issubclass(kind, bool | np.bool_)
    return issubclass(kind, int | float | np.number | decimal.Decimal) and not is_truth


def _has_text(column: Any) -> bool:
    return column.dtype.kind == "O" and any(isinstance(value, str) for value in column)


def _objects(values: Iterable[Any]) -> Array:
    found = list(values)
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def _values(column: Any) -> list[Any]:
    """A column's values as Python has them."""
    if hasattr(column, "to_numpy"):
        return list(np.asarray(column.astype(object), dtype=object))
    is_of_dates = getattr(getattr(column, "dtype", None), "kind", "?") in "Mm"
    return column.tolist() if isinstance(column, np.ndarray) and not is_of_dates else list(column)


def _number(value: Any, kind: ColumnType) -> float:
    if not isinstance(value, str):
        if text(value) is None:
            return np.nan
        if isinstance(value, bool | np.bool_) or is_number_type(type(value)):
            return float(value)
        raise _no_number(kind.name, value)
    words = value.strip()
    if not words or words in kind.missing or numerals.is_nothing(words) or numerals.is_mark(words):
        return np.nan
    read = numerals.parse(words, kind.format)
    read = numerals.parse(words, PLAIN) if read is None else read
    if read is None:
        raise _no_number(kind.name, value)
    return read


def _no_number(name: str, value: Any) -> DataError:
    return DataError("X", f"column {name!r} was numeric in training: {value!r} is no number")


def _text(value: str | None, kind: ColumnType) -> str | None:
    if value is None or kind.type == TEXT:
        return value
    words = value.strip()
    if kind.type == BOOLEAN:
        said = spelling.truth(words)
        return str(said) if said is not None else None if numerals.is_nothing(words) else words
    if kind.type == DATE and kind.date:
        return dates.as_text(words, kind.date) or words
    return words
