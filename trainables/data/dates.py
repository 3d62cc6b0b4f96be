"""Dates that are written as text: the whole column decides between day and month first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from datetime import time as time_of_day
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data.types import DAY, MONTH
from lanewise.trainables.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TIMESTAMP = "timestamp"  # the format of a column that holds dates, not texts of them
_TWO = re.compile(
    r"(?P<a>\d{1,2})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?P<time>[T ].*)?"
)
_ISO = re.compile(r"(?P<day>\d{4}(?P<mark>[-/.])\d{1,2}(?P=mark)\d{1,2})(?P<time>[T ].*)?")


@dataclass(frozen=True)
class Dates:
    """How a column's dates are written.

    order: DAY or MONTH; "" where the year comes first, or where both fit.
    format: of all of them, as strftime has it; "" where several are.
    """

    order: str
    format: str
    is_open: bool = False


def find(values: Collection[str], order: str = "") -> Dates | None:
    """How the values are written; None where they are no dates.

    Args:
        order: of day and month, where a person or another file says it.
    """
    two = [match for value in values if (match := _TWO.fullmatch(value))]
    if len(two) != len(values):
        iso = [match for value in values if (match := _ISO.fullmatch(value))]
        if not values or len(iso) != len(values):
            return None
        return Dates("", _common(values, [f"%Y{m['mark']}%m{m['mark']}%d" for m in iso[:1]]))
    if not values:
        return None
    first, second = (max(int(match[part]) for match in two) for part in ("a", "b"))
    fitting = [name for name, most in ((DAY, second), (MONTH, first)) if most <= 12]
    if max(first, second) > 31 or not fitting or (order and order not in fitting):
        return None
    are_alike = all(match["a"] == match["b"] for match in two)
    chosen = order or fitting[0]
    if len(fitting) > 1 and not order and not are_alike:
        return Dates("", "", is_open=True)
    mark, year = two[0]["mark"], "%Y" if len(two[0]["year"]) == 4 else "%y"
    parts = ("%d", "%m") if chosen == DAY else ("%m", "%d")
    return Dates(chosen, _common(values, [mark.join((*parts, year))]))


def as_text(value: str, written: str) -> str | None:
    """A date as a column's texts have it; None for what is no date, or more than the text says.

    Imports no pandas: exported models read dates, too.
    """
    if _shape(written).fullmatch(value):
        return value
    try:
        moment = _read(value, written)
        if written == TIMESTAMP:
            return str(moment)
        text = moment.strftime(written)
        return text if datetime.strptime(text, written) == moment.replace(tzinfo=None) else None
    except ValueError:
        return None


def moments(column: pd.Series[Any], order: str = "") -> tuple[pd.Series[Any], str]:
    """A column of texts as UTC moments, and what should be known of how they were read.

    Raises:
        DataError: day and month first both fit, and lead to another order of the rows.
        ValueError, TypeError: a text that is no date.
    """
    import pandas as pd

    values = column.dropna().map(str).str.strip().unique().tolist()
    dates = find(values, order)
    if dates is None and order:
        raise ValueError(f"dates such as {values[0]!r} do not fit {order}" if values else order)
    if dates is None or (not dates.order and not dates.is_open):
        return pd.to_datetime(column, utc=True), ""
    chosen = dates.order or MONTH
    read = _parsed(column, values, chosen)
    if not dates.is_open:
        return read, ""
    other = _parsed(column, values, DAY)
    shown = f"day and month first both fit its dates, such as {values[0]!r}"
    first, second = (np.unique(each.to_numpy(), return_inverse=True)[1] for each in (read, other))
    if not np.array_equal(first, second):
        raise DataError("", shown)
    return read, f"{shown}; the rows follow each other alike in both"


def _parsed(column: pd.Series[Any], values: Iterable[str], order: str) -> pd.Series[Any]:
    import pandas as pd

    dates = find(list(values), order)
    text = column.astype(object).map(str).str.strip().where(column.notna())
    if dates is not None and dates.format:
        return pd.to_datetime(text, format=dates.format, utc=True)
    return pd.to_datetime(text, format="mixed", dayfirst=order == DAY, utc=True)


def _read(value: str, written: str) -> datetime:
    """In the column's own format, or as ISO 8601 has it."""
    match = _ISO.fullmatch(value)
    if match is None:
        return datetime.strptime(value, written)  # no value is in the format TIMESTAMP
    day = datetime.strptime(match["day"], f"%Y{match['mark']}%m{match['mark']}%d")
    clock = (match["time"] or " 00:00").strip("T ")
    return datetime.combine(day.date(), time_of_day.fromisoformat(clock))


@cache
def _shape(written: str) -> re.Pattern[str]:
    """What texts of a format look like."""
    if written == TIMESTAMP:
        return re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
    parts = (r"\d{4}" if part == "%Y" else r"\d\d" for part in re.findall("%.", written))
    marks = map(re.escape, re.split("%.", written)[1:])
    return re.compile("".join(itertools.chain(*zip(parts, marks, strict=True))))


def _common(values: Iterable[str], days: Iterable[str]) -> str:
    """The format that gives back each of the values as it is written; "" for none."""
    import pandas as pd

    written = pd.Series(list(values), dtype=object)
    for day in days:
        for between, time in (("", ""), *((b, t) for b in " T" for t in ("%H:%M", "%H:%M:%S"))):
            form = f"{day}{between}{time}"
            read = pd.to_datetime(written, format=form, errors="coerce")
            if read.notna().all() and (read.dt.strftime(form) == written).all():
                return form
    return ""
