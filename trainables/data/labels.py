"""Targets as they are learned from: whole numbers stay exact, whatever their size. N rows.

A float holds integers up to 2^53; labels beyond would become one label. Those of 64 bits, signed
or unsigned, are integers here; longer ones, and both kinds in one column, are text as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data.table import Array, text, texts
from lanewise.trainables.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_INTEGER = re.compile(r"\s*[-+]?[0-9]+\s*")
_EXACT = 2**53  # up to here every integer is a float


def target_of(y: Array) -> tuple[Array, Array]:
    """Which rows have a target, and the target: int64, uint64, float64, bool or object of str.

    Raises:
        DataError: at "data.target", values that are neither numbers nor labels.
    """
    kind = y.dtype.kind
    if kind in "cV":
        what = "complex numbers" if kind == "c" else "records of several fields"
        raise DataError("data.target", f"it holds {what}; give one number or label a row")
    if kind in "iub":
        return np.ones(len(y), bool), _smallest(y)
    if kind == "f":
        return np.isfinite(y), y.astype(np.float64)
    labels = texts(y)
    keep = np.array([bool(label) for label in labels], dtype=bool)
    if kind == "O" and keep.any():
        read = as_numbers([value for value, kept in zip(y, keep, strict=True) if kept])
        if read is not None:
            whole = np.zeros(len(y), read.dtype)
            whole[keep] = read
            return keep & np.isfinite(whole), whole
    return keep, labels


def as_numbers(values: Sequence[Any]) -> Array | None:
    """Python's or NumPy's numbers or truth values as an array that holds each exactly.

    Int64 or uint64 where all are whole numbers of 64 bits; None where they are no numbers, or no
    array holds them exactly.
    """
    if all(isinstance(value, bool | np.bool_) for value in values):
        return np.array(values, bool)
    if not all(map(_is_number, values)):
        return None
    whole = [int(value) for value in values if isinstance(value, int | np.integer)]
    if len(whole) == len(values):
        return _integers(whole)
    if any(abs(value) > _EXACT and float(value) != value for value in whole if _fits(value)):
        return None
    return np.array([float(value) for value in values]) if all(map(_fits, whole)) else None


def values_of(column: pd.Series[Any]) -> Array:
    """A column of a frame as an array: of whole numbers with gaps an array of objects."""
    has_gaps = not isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub"
    return column.to_numpy(object) if has_gaps and column.hasnans else column.to_numpy()


def integers_of(values: Sequence[int | None]) -> Any:
    """Whole numbers with gaps as a column of pandas; None where 64 bits do not hold them all."""
    import pandas as pd

    read = as_numbers([value for value in values if value is not None])
    if read is None or read.dtype.kind not in "iu":
        return None
    missing = np.array([value is None for value in values])
    whole = np.zeros(len(values), read.dtype)
    whole[~missing] = read
    return pd.arrays.IntegerArray(whole, missing)


def integers_in(words: Iterable[str | None]) -> list[int | None] | None:
    """Whole numbers as they are written, None where missing; None if a word is no such number."""
    found: list[int | None] = []
    for word in words:
        if word is not None and not _INTEGER.fullmatch(word):
            return None
        found.append(None if word is None else int(word))
    return found


def may_be_rounded(values: Any) -> bool:
    """Whether they are floats, some so large that they may have been other integers."""
    if values.dtype != np.float64:
        return False
    size = np.abs(np.asarray(values))
    return bool(((size >= _EXACT) & np.isfinite(size)).any())


def vector(values: Any) -> Array:
    """[N] of a list, or of a list of one value a row: as NumPy reads it, but integers stay such.

    Raises:
        ValueError: the values differ in length.
    """
    found = np.asarray(values)
    if found.ndim == 2 and found.shape[1] == 1 and isinstance(values, list | tuple):
        return vector([value for (value,) in values])
    if found.ndim == 1 and found.dtype.kind in "fO" and isinstance(values, list | tuple):
        read = as_numbers(values) if len(values) else None
        if read is not None and read.dtype.kind in "iu":
            return read
        if found.dtype.kind == "f" and read is None and any(map(_is_long, values)):
            return np.array([text(value) for value in values], dtype=object)
    return found


def whole_with_gaps(y: Array) -> Array:
    """Numbers of which some are missing as floats with NaN; as they were where floats would merge
    them, and what are no numbers.
    """
    if y.dtype.kind != "O":
        return y
    missing = np.array([text(value) is None for value in y], bool)
    read = as_numbers(list(y[~missing])) if not missing.all() else None
    if read is None or read.dtype.kind not in "iuf":
        return y
    if not missing.any():
        return read
    if read.dtype.kind != "f" and (np.abs(read.astype(float)) >= _EXACT).any():
        return y
    filled = np.full(len(y), np.nan)
    filled[~missing] = read
    return filled


def label_array(labels: Sequence[Any]) -> Array:
    """Labels of one type as an array that holds each exactly."""
    if all(_is_number(label) for label in labels):
        read = as_numbers(labels)
        if read is not None:
            return read
        whole = np.empty(len(labels), dtype=object)
        whole[:] = labels
        return whole
    return np.asarray(labels)


def _integers(values: Iterable[int]) -> Array | None:
    found = list(values)
    low, high = min(found, default=0), max(found, default=0)
    for kind in (np.int64, np.uint64):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.array(found, kind)
    return None


def _smallest(y: Array) -> Array:
    """Int64, or uint64 where that is not enough, or bool."""
    if y.dtype.kind == "b":
        return y.astype(bool)
    is_long = y.dtype.kind == "u" and len(y) > 0 and int(y.max()) > np.iinfo(np.int64).max
    return y.astype(np.uint64 if is_long else np.int64)


def _is_number(value: Any) -> bool:
    is_other = isinstance(value, bool | np.bool_ | np.timedelta64)
    return isinstance(value, int | float | np.integer | np.floating) and not is_other


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > _EXACT


def _fits(value: int) -> bool:
    return abs(value) < 2**1023
