"""Numbers that are written as text: decimal commas, grouped thousands, per cent, currencies.

A format is a column's, not a value's: what all of its values fit. A value such as "1,234" fits two
of them; the column's other values decide, then the decimal mark of the source's other columns.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

# What pandas takes for missing, without regard to case; beside numbers nothing else can be meant.
WORDS = frozenset(
    {"#n/a", "#n/a n/a", "#na", "<na>", "n/a", "na", "nan", "-nan", "none", "null"}
    | {"1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}
)
MANY = 20  # so many different numbers, and fewer, may be codes
_FEW, _FEW_WORDS = 0.05, 5  # of a column's values, and of different ones, may be no numbers
_MARKS = re.compile(r"[?*#_/\\–—-]+|\.+")  # people write them where a number is not known
_MOST_MARKS = 0.5
_SYMBOLS = "$€£¥₹₩₽₺₫₪฿₴₱₦"
_CURRENCIES = frozenset(
    {"USD", "EUR", "GBP", "JPY", "CHF", "CNY", "INR", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK"}
    | {"PLN", "CZK", "HUF", "RON", "BRL", "MXN", "ZAR", "TRY", "KRW", "RUB", "SGD", "HKD", "THB"}
    | {"ILS", "US$", "C$", "A$", "R$", "KR", "KČ", "ZŁ", "RS", "FR"}
)
_SPACES = re.compile(r"[\u00a0\u2007\u2009\u202f]")
_SHAPE = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[-+]?)\s*(?P<before>[^\d\s.,'()+-]{0,3})\s*(?P<inner>[-+]?)\s*"
    r"(?P<core>[.,]?[0-9](?:[0-9.,' ]*[0-9])?[.,]?(?:[eE][-+]?[0-9]+)?)"
    rf"\s*(?P<after>[^\W\d_]{{1,6}}|[%‰°{_SYMBOLS}])?\s*(?P<close>\))?"
)
_WHOLE = re.compile(r"-?[1-9][0-9]{0,17}|0")
_FORMATS = (  # decimal mark, thousands' mark; the earlier wins where nothing else decides
    (".", ""),
    (".", ","),
    (",", ""),
    (",", "."),
    (".", "'"),
    (",", "'"),
    (".", " "),
    (",", " "),
)


@dataclass(frozen=True)
class Format:
    """How numbers are written; unit: what stands before or behind each of them."""

    decimal: str = "."
    thousands: str = ""
    unit: str = ""


PLAIN = Format()


@dataclass(frozen=True)
class Finding:
    """What a column's values are.

    format: of its numbers; None for no column of numbers. missing: what stands for no number.
    doubt: what looks wrong, or can be read in two ways; "" for nothing.
    is_open: whether its marks may as well mean the other; decides: the decimal mark that the column
    leaves no doubt of, "" for none.
    """

    format: Format | None = None
    missing: tuple[str, ...] = ()
    doubt: str = ""
    is_open: bool = False
    decides: str = ""


_NO_NUMBERS = Finding()


@dataclass(frozen=True)
class _Shape:
    is_negative: bool
    unit: str
    core: str


def is_nothing(value: str) -> bool:
    """Whether pandas takes the word for a missing value."""
    return value.lower() in WORDS


def is_whole(value: str) -> bool:
    """Whether it is a whole number as programs write it."""
    return _WHOLE.fullmatch(value) is not None


def parse(value: str, written: Format) -> float | None:
    """The number, infinities included; None if it is written otherwise. A unit may be left out."""
    shape = _shape(value)
    if shape is None or shape.unit not in ("", written.unit):
        return _infinity(value)
    if not _pattern(written.decimal, written.thousands).fullmatch(shape.core):
        return None
    number = _value(shape.core, written)
    return -number if shape.is_negative else number


def find(counts: Mapping[str, int], *, decimal: str = "", is_asked: bool = False) -> Finding:
    """What the values of a column of text are.

    Args:
        counts: of each value, without blanks around it; none of WORDS.
        decimal: the decimal mark of the source's other columns, "" where none is known.
        is_asked: a person said that they are numbers; whatever else is there counts as missing.
    """
    if not is_asked and not _may_be_numbers(counts):
        return _NO_NUMBERS
    total = sum(counts.values())
    shapes = {value: shape for value in counts if (shape := _shape(value)) is not None}
    others = {v: n for v, n in counts.items() if v not in shapes and _infinity(v) is None}
    marks = {value: n for value, n in others.items() if is_mark(value)}
    words = {value: n for value, n in others.items() if value not in marks}
    if not shapes:
        return _NO_NUMBERS
    if not is_asked and (_share(words, total) > 0.5 or _share(marks, total) > _MOST_MARKS):
        return _NO_NUMBERS
    are_many = len(shapes) > MANY
    slips = _slips(shapes, counts)  # "12O" among numbers
    words |= {value: counts[value] for value in slips}
    shapes = {value: shape for value, shape in shapes.items() if value not in slips}
    unit, doubt = _unit(shapes.values(), is_asked)
    if doubt:
        return Finding(doubt=doubt * are_many)
    chosen = _chosen(shapes, counts, decimal)
    misfits = {v: counts[v] for v, shape in shapes.items() if not _fits(shape.core, chosen)}
    if len(misfits) == len(shapes):
        return _NO_NUMBERS
    words |= misfits
    if words and not is_asked:
        share = _share(words, total)
        if share > _FEW or len(words) > _FEW_WORDS or not are_many:
            said = f"{1 - share:.0%} of its values are numbers, others are not ({_shown(words)})"
            return Finding(doubt=said if are_many and share <= 0.5 else "")
    missing = sorted({**marks, **words}, key=lambda value: (-counts[value], value))
    cores = [shape.core for value, shape in shapes.items() if value not in misfits]
    is_open = _is_open(cores)
    doubt = _doubt(cores, chosen) if is_open and not decimal and not is_asked else ""
    decides = chosen[0] if not is_open and _are_marked(cores) else ""
    return Finding(Format(*chosen, unit), tuple(missing), doubt, is_open, decides)


# -- one value -----------------------------------------------------------------------------------


def _shape(value: str) -> _Shape | None:
    text = _SPACES.sub(" ", value).replace("’", "'").replace("−", "-")
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        return None
    signs, before, after = match["sign"] + match["inner"], match["before"], match["after"] or ""
    is_in_brackets = match["open"] is not None
    if is_in_brackets != (match["close"] is not None) or len(signs) + is_in_brackets > 1:
        return None
    if before and (after or not _is_currency(before)):
        return None
    return _Shape(is_in_brackets or signs == "-", before or after, match["core"])


def _is_currency(unit: str) -> bool:
    return unit.upper() in _CURRENCIES or all(mark in _SYMBOLS for mark in unit)


def _infinity(value: str) -> float | None:
    is_infinite = value.lower().lstrip("+-") in ("inf", "infinity")
    return float(value) if is_infinite else None


def _value(core: str, written: Format) -> float:
    if written.thousands:
        core = core.replace(written.thousands, "")
    return float(core.replace(written.decimal, "."))


@lru_cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    point, exponent = re.escape(decimal), r"(?:[eE][-+]?\d+)?"
    tail = rf"(?:{point}\d*)?{exponent}"
    found = rf"\d+{tail}|{point}\d+{exponent}"
    if thousands:
        mark = re.escape(thousands)
        found += rf"|[1-9]\d{{0,2}}(?:{mark}\d{{3}})+{tail}"
    if thousands == ",":  # lakhs and crores
        found += rf"|[1-9]\d?(?:,\d{{2}})+,\d{{3}}{tail}"
    return re.compile(found)


def _fits(core: str, marks: tuple[str, str]) -> bool:
    return _pattern(*marks).fullmatch(core) is not None


# -- a column ------------------------------------------------------------------------------------


def _may_be_numbers(counts: Mapping[str, int]) -> bool:
    """Whether it is worth to look at all values: most of the first have the shape of numbers."""
    first = list(islice(counts, 200))
    return sum(_shape(value) is not None for value in first) >= 0.3 * len(first)


def _share(values: Mapping[str, int], total: int) -> float:
    return sum(values.values()) / total


def _slips(shapes: Mapping[str, _Shape], counts: Mapping[str, int]) -> set[str]:
    """The few values with a unit where most have none."""
    found = {v for v, shape in shapes.items() if shape.unit and not _is_currency(shape.unit)}
    weight, total = sum(counts[v] for v in found), sum(counts[v] for v in shapes)
    return found if len(found) <= _FEW_WORDS and weight <= _FEW * total else set()


def _unit(shapes: Collection[_Shape], is_asked: bool) -> tuple[str, str]:
    """What stands beside each number, and why that leaves a doubt."""
    units = sorted({shape.unit for shape in shapes if shape.unit})
    if not units:
        return "", ""
    if len(units) > 1:
        return "", f"its numbers have several units ({', '.join(map(repr, units[:3]))})"
    (unit,) = units
    if is_asked or (_is_currency(unit) and unit not in "%‰"):
        return unit, ""
    if unit not in "%‰":
        return "", f"its numbers have a unit, {unit!r}"
    bare = [shape for shape in shapes if not shape.unit and shape.core.strip("0.,")]
    return (unit, "") if not bare else ("", f"some of its numbers have a {unit}, others have none")


def _chosen(
    shapes: Mapping[str, _Shape], counts: Mapping[str, int], decimal: str
) -> tuple[str, str]:
    """Decimal mark and thousands' mark that most values fit."""
    weights = {
        marks: sum(counts[v] for v, shape in shapes.items() if _fits(shape.core, marks))
        for marks in _FORMATS
    }
    most = max(weights.values())
    best = [marks for marks, weight in weights.items() if weight == most]
    return next((marks for marks in best if marks[0] == decimal), best[0])


def _is_open(cores: Sequence[str]) -> bool:
    """Whether the values have marks that may as well be the others."""
    fitting = {marks[0] for marks in _FORMATS if all(_fits(core, marks) for core in cores)}
    return len(fitting) > 1 and _are_marked(cores)


def _are_marked(cores: Iterable[str]) -> bool:
    """Whether a full stop or a comma is in any of them."""
    return any("." in core or "," in core for core in cores)


def _doubt(cores: Sequence[str], chosen: tuple[str, str]) -> str:
    """Every mark is followed by three digits: thousands, or three decimals."""
    marked = [core for core in cores if "." in core or "," in core]
    is_mixed = len(marked) < len(cores)
    if chosen[0] == "." and not chosen[1] and not is_mixed:
        return ""  # three decimals each, as programs write them
    if chosen[1] and is_mixed and len(marked) > MANY:
        return ""  # decimals would not all be three
    return f"{marked[0]} is read as {_value(marked[0], Format(*chosen)):.12g}"


def is_mark(value: str) -> bool:
    """Whether people write it where a number is not known, as "?" or "-"."""
    return _MARKS.fullmatch(value) is not None


def _shown(values: Iterable[str]) -> str:
    return ", ".join(repr(value) for value in islice(values, 3))
