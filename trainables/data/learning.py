"""Deciding what the columns of a source hold: from all of its rows, and from what a person said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data import dates, numerals, spelling
from lanewise.trainables.data.numerals import MANY, PLAIN
from lanewise.trainables.data.table import text
from lanewise.trainables.data.types import (
    BOOLEAN,
    CATEGORY,
    DATE,
    DAY,
    DECIMAL_COMMA,
    EMPTY,
    MONTH,
    NUMBER,
    TEXT,
    ColumnType,
    Types,
)
from lanewise.trainables.data.values import is_categorical, is_number_type, is_text
from lanewise.trainables.errors import DataError, listing, nearest

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 2**64 - 1
_GROUPED, _MIXED = "grouped", "mixed"
_WHOLE = re.compile(r"[-+]?[0-9]+")


def learn(
    frame: pd.DataFrame,
    *,
    asked: Mapping[str, str],
    is_written: bool,
    names: Collection[str] = (),
    target: str | None = None,
) -> Types:
    """The types of a frame's columns.

    Args:
        asked: of some of them, one of ASKED each.
        is_written: whether the frame is what a text file holds.
        names: columns whose values are names or texts, to be kept as they are.
        target: the column to predict; few numbers that are written as text are its classes.

    Raises:
        DataError: at "data.columns", a column that is not there, or not as was asked.
    """
    columns = [str(name) for name in frame.columns]
    for name in asked:
        if name not in columns:
            known = f"{listing(columns)}{nearest(name, columns)}"
            raise DataError("data.columns", f"column {name!r} is not in the data ({known})")
    mark = ""
    for _ in range(2):  # the decimal mark of one column may decide for another
        learned = [
            _Learned.of(frame[name], asked.get(name, ""), is_written, mark, name == target)
            if name not in names or name in asked
            else _Learned(ColumnType(name, TEXT))
            for name in columns
        ]
        marks = {column.decides for column in learned} - {""}
        if mark or len(marks) != 1 or not any(column.is_open for column in learned):
            break
        (mark,) = marks
    notes = tuple(note for column in learned for note in column.notes)
    misread = {column.type.name for column in learned if column.may_be_misread}
    return Types(
        tuple(column.type for column in learned),
        notes,
        frozenset(misread if marks == {","} else ()),
    )


# -- learning ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Learned:
    """A column's type, what to say of it, and what it tells of the decimal mark."""

    type: ColumnType
    notes: tuple[str, ...] = ()
    decides: str = ""
    is_open: bool = False
    may_be_misread: bool = False

    @classmethod
    def of(
        cls, column: pd.Series[Any], asked: str, is_written: bool, mark: str, is_target: bool
    ) -> _Learned:
        from pandas.api import types

        name, kind = str(column.name), column.dtype
        if types.is_complex_dtype(kind):
            raise DataError("data.source", f"column {name!r} holds complex numbers")
        if asked == CATEGORY:
            return cls(ColumnType(name, CATEGORY, labels=True))
        if is_categorical(column):
            return (
                cls(ColumnType(name, CATEGORY, labels=True))
                if not asked
                else _as_asked(name, asked, _counts(column))
            )
        if types.is_bool_dtype(kind):
            return cls(ColumnType(name, NUMBER if asked == NUMBER else BOOLEAN))
        if types.is_numeric_dtype(kind):
            if asked in (DAY, MONTH):
                raise _unlike(name, asked, "it holds numbers")
            if column.isna().all():
                return cls(ColumnType(name, EMPTY))
            if not (is_written and types.is_float_dtype(kind)):
                return cls(ColumnType(name, NUMBER))
            mark = _full_stops(column)
            told = f"{name}: its full stops may group thousands, and are read as decimal marks"
            return cls(
                ColumnType(name, NUMBER),
                notes=(f"{told}; if that is wrong: {_key(name, DECIMAL_COMMA)}",)
                * (mark == _MIXED),
                decides=mark if mark == "." else "",
                may_be_misread=mark in (_GROUPED, _MIXED),
            )
        if types.is_datetime64_any_dtype(kind):
            return cls(ColumnType(name, DATE, date=dates.TIMESTAMP))
        if not (types.is_object_dtype(kind) or types.is_string_dtype(kind)):
            return cls(ColumnType(name, CATEGORY))
        return _of_values(column, asked, is_written, mark, is_target)


def _of_values(
    column: pd.Series[Any], asked: str, is_written: bool, mark: str, is_target: bool
) -> _Learned:
    """A column of Python's objects, of text or of anything."""
    name = str(column.name)
    present = {str} if is_text(column) else set(map(type, column.dropna()))
    if present and present <= {bool, np.bool_} and not asked:
        return _Learned(ColumnType(name, BOOLEAN))
    if present and all(map(is_number_type, present)) and not _has_huge(column):
        return _Learned(ColumnType(name, NUMBER))
    counts = _counts(column)
    if asked:
        return _as_asked(name, asked, counts)
    # Beside numbers of Python's, text is what a person or a program wrote in their place.
    is_written = is_written or any(map(is_number_type, present))
    return _of_text(name, counts, is_written, mark, is_target)


def _of_text(
    name: str, counts: Mapping[str, int], is_written: bool, mark: str, is_target: bool
) -> _Learned:
    category = _Learned(ColumnType(name, CATEGORY))
    words = {value: count for value, count in counts.items() if not numerals.is_nothing(value)}
    if not words:
        return _Learned(ColumnType(name, EMPTY)) if is_written else category
    if is_written and spelling.are_truths(words):
        return _Learned(ColumnType(name, BOOLEAN))
    if found := dates.find(words):
        return _Learned(ColumnType(name, DATE, date=found.format, order=found.order))
    found_numbers = numerals.find(words, decimal=mark)
    written = found_numbers.format
    if written is None:
        notes = [f"{name} is read as categories: {found_numbers.doubt}; {_key(name, NUMBER)}"]
        return replace(category, notes=tuple(notes) if found_numbers.doubt else ())
    is_plain = written == PLAIN and not found_numbers.missing
    if is_plain and _are_huge(words):
        return category
    are_many = len(words) > MANY
    if is_plain and not is_written and not (are_many and _have_fractions(words)):
        told = f"{name} holds numbers as text, and is read as categories; {_key(name, NUMBER)}"
        return replace(category, notes=(told,) if are_many else ())
    if is_target and not are_many and not is_plain:
        told = f"{name} holds numbers as text ({_first(words)!r}), and is read as classes"
        return replace(category, notes=(f"{told}; {_key(name, NUMBER)}",))
    return _Learned(
        ColumnType(name, NUMBER, written, found_numbers.missing),
        (
            *_told(name, words, found_numbers, is_written=is_written),
            *_told_missing(name, words, found_numbers),
        ),
        found_numbers.decides,
        found_numbers.is_open,
    )


def _told(
    name: str, counts: Mapping[str, int], found: numerals.Finding, *, is_written: bool
) -> Iterable[str]:
    """How text was read as numbers, where programs do not write them so."""
    written = found.format
    assert written is not None
    if found.doubt:
        other = DECIMAL_COMMA if written.decimal == "." else NUMBER
        yield f"{name}: {found.doubt}; if that is wrong: {_key(name, other)}"
        return
    read = {value: numerals.parse(value, written) for value in counts}
    numbers = [value for value in read if read[value] is not None]
    odd = [value for value in numbers if not _is_usual(value)]
    if odd or not is_written:
        shown = max(odd or numbers, key=len)  # the longest shows most of how they are written
        yield f"{name}: text such as {shown!r} is read as {read[shown]:.12g}"


def _told_missing(name: str, counts: Mapping[str, int], found: numerals.Finding) -> Iterable[str]:
    """Which values were no numbers."""
    if found.missing:
        rows, total = sum(counts[value] for value in found.missing), sum(counts.values())
        words = listing(map(repr, found.missing), 3)
        told = f"{rows} of {total} values are no numbers ({words}) and count as missing"
        yield f"{name}: {told}; {_key(name, CATEGORY)} keeps them"


def _is_usual(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _as_asked(name: str, asked: str, counts: Mapping[str, int]) -> _Learned:
    words = {value: count for value, count in counts.items() if not numerals.is_nothing(value)}
    if asked in (DAY, MONTH):
        found = dates.find(words, asked)
        if found is None and words:
            raise _unlike(name, asked, f"its values, such as {_first(words)!r}, are no such dates")
        return _Learned(ColumnType(name, DATE, date=found.format if found else "", order=asked))
    mark = "," if asked == DECIMAL_COMMA else "."
    of_numbers = numerals.find(words, decimal=mark, is_asked=True)
    if of_numbers.format is None and words:
        raise _unlike(name, asked, of_numbers.doubt or f"its values are such as {_first(words)!r}")
    written = of_numbers.format or PLAIN
    told = _told_missing(name, words, of_numbers)
    return _Learned(ColumnType(name, NUMBER, written, of_numbers.missing), tuple(told))


def _unlike(name: str, asked: str, why: str) -> DataError:
    return DataError("data.columns", f"column {name!r} is not {asked!r}: {why}")


def _key(name: str, value: str) -> str:
    return f"data.columns: {{{name}: {value}}}"


def _first(values: Iterable[str], *others: str) -> str:
    return next((value for value in values if value not in others), "")


def _counts(column: pd.Series[Any]) -> dict[str, int]:
    """Of each value as text, without blanks around it; none of what is missing."""
    found: Counter[str] = Counter()
    values = column.value_counts() if is_text(column) else Counter(column.dropna().tolist())
    for value, count in values.items():
        words = text(value)
        if words is not None and (stripped := words.strip()):
            found[stripped] += count
    return found


def _has_huge(column: pd.Series[Any]) -> bool:
    return any(isinstance(value, int) and abs(value) > _LARGEST for value in column)


def _are_huge(values: Iterable[str]) -> bool:
    """Whole numbers of more digits than a number holds are names."""
    return any(_WHOLE.fullmatch(v) and (len(v) > 21 or abs(int(v)) > _LARGEST) for v in values)


def _have_fractions(values: Iterable[str]) -> bool:
    found = (numerals.parse(value, PLAIN) for value in values)
    return any(value is not None and value % 1 != 0 for value in found)


def _full_stops(column: pd.Series[Any]) -> str:
    """What full stops in floats of a text file are.

    Returns:
        "." where it is certain that they are decimal marks; _GROUPED or _MIXED where each is
        followed by three digits, as those of thousands are, with numbers beside that have none or
        not; "" where there is no full stop.
    """
    x = column.to_numpy(np.float64, na_value=np.nan)
    x = np.abs(x[np.isfinite(x)])
    parts = x[x % 1 != 0]
    if not len(parts):
        return ""
    are_thousandths = np.abs(parts * 1000 - np.rint(parts * 1000)) < 1e-6 * parts
    if not (are_thousandths & (parts > 1) & (parts < 1000)).all():
        return "."
    are_hundredths = np.abs(parts * 100 - np.rint(parts * 100)) < 1e-7 * parts
    if are_hundredths.mean() > 0.3 or x.min() == 0 or x.max() >= 1000:
        return "."
    return _MIXED if len(parts) < 0.98 * len(x) else _GROUPED
