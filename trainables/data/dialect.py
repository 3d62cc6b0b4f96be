"""How a CSV file is written: what precedes its header, and what separates its values.

The one place that decides it: whoever reads a CSV opens it by `opened`. Separators are counted
outside of quotes, in the header and in the records below it.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import itertools
import lzma
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, TextIO, cast

from lanewise.trainables.errors import DataError

SEPARATORS = ",;\t|"  # the earlier wins where nothing else decides
_ENCODING = "utf-8-sig"
_SAMPLE = 2**18  # bytes at the head of a file
_RECORDS = 200
_SEP_LINE = re.compile(r'"?sep=(?P<mark>.*?)"?', re.I)  # Excel's
_COMMENTS = ("#", "//", "%")
_NUMBER = re.compile(r"\s*[-+]?[\d.,' ]*\d[\d.,]*([eE][-+]?\d+)?\s*%?\s*")


@dataclass(frozen=True)
class Dialect:
    """What separates values, and how many lines stand before the header."""

    separator: str
    skip: int = 0


@contextmanager
def opened(file: Path) -> Iterator[tuple[TextIO, Dialect]]:
    """The text of a CSV file from its header on, and how it is written.

    UTF-8 with or without a mark; unpacked where the name ends in .gz, .bz2, .xz or .zip.

    Raises:
        DataError: at "data.source", zero bytes in the head, or a line `sep=` that names nothing.
        OSError, EOFError, UnicodeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile: the file
            cannot be read.
    """
    with _bytes(file) as raw:
        sample = raw.read(_SAMPLE)
    if b"\0" in sample.partition(b"\n")[0]:
        message = "its header holds zero bytes, as binary files and UTF-16 text do"
        raise _bad(f"{file.name} is no readable CSV: {message}; save it as UTF-8")
    is_cut = len(sample) == _SAMPLE
    head = codecs.getincrementaldecoder(_ENCODING)().decode(sample, final=not is_cut)
    dialect = dialect_of(head, file.name, is_cut=is_cut)
    with _bytes(file) as raw, io.TextIOWrapper(raw, _ENCODING, newline="") as text:
        for _ in range(dialect.skip):
            text.readline()
        yield text, dialect


def dialect_of(sample: str, name: str, *, is_cut: bool = False) -> Dialect:
    """How a file is written.

    Args:
        sample: its first characters; is_cut: whether there are more.
        name: for messages.
    """
    lines = io.StringIO(sample, newline="").readlines()
    skip = _blank(lines, 0)
    match = _SEP_LINE.fullmatch(lines[skip].rstrip("\r\n")) if skip < len(lines) else None
    if match is not None:
        if len(mark := match["mark"]) != 1 or mark in "\"'" or mark.isalnum():
            raise _bad(f"{name}: its first line, {match[0]!r}, names no single separator")
        return Dialect(mark, _comments(lines, _blank(lines, skip + 1), mark))
    first = _blank(lines, skip)
    # Comments hold separators, too: those of the lines below them count.
    below = _comments(lines, first, "")
    mark = _separator("".join(lines[below:]), is_cut=is_cut)
    return Dialect(mark, _comments(lines, first, mark))


# -- before the header ---------------------------------------------------------------------------


def _blank(lines: Sequence[str], start: int) -> int:
    """The number of the first line from `start` on that holds more than separators."""
    nothing = f'{SEPARATORS} "\r\n'
    return next((n for n in range(start, len(lines)) if lines[n].strip(nothing)), len(lines))


def _comments(lines: Sequence[str], start: int, mark: str) -> int:
    """The number of the header's line: comments before it are left out.

    A line that begins as comments do may be the header itself ("#id,x,y"): the last of them is, if
    it has as many fields as the line below, unless that line looks more like a header.

    Args:
        mark: the separator; "" passes over all that begins as comments do.
    """
    last, number = None, start
    while number < len(lines) and lines[number].lstrip().startswith(_COMMENTS):
        last, number = number, _blank(lines, number + 1)
    if last is None or (not mark and number < len(lines)):
        return number
    if number == len(lines):  # nothing but such lines: the first of them is the header
        return start
    below = _records("".join(lines[number : number + 50]), mark, most=2).records
    (above,) = _records(lines[last], mark, most=1).records
    is_as_wide = (
        bool(below) and below[0][len(above) :] in ([], [""]) and len(below[0]) >= len(above)
    )
    names_follow = len(below) == 2 and _numbers(below[0]) == 0 < _numbers(below[1])
    return last if is_as_wide and not names_follow else number


def _numbers(record: Sequence[str]) -> int:
    return sum(_NUMBER.fullmatch(field) is not None for field in record)


# -- between values ------------------------------------------------------------------------------


class _Fit(NamedTuple):
    """How well a separator fits a file; the larger the better.

    width: fields of the header. numbers: share of the records' fields. is_bare: not every mark in
    the header is followed by a space, as it is in prose.
    """

    width: int
    numbers: float
    is_bare: bool


def _separator(sample: str, *, is_cut: bool) -> str:
    """The mark by which the records have as many fields as the header, and by which it has most.

    Quotes must stand where a separator would have them, unless no separator does.
    """
    return _best(sample, is_cut, strict=True) or _best(sample, is_cut, strict=False) or ","


def _best(sample: str, is_cut: bool, strict: bool) -> str | None:
    fits: dict[str, _Fit] = {}
    alike: dict[str, float] = {}  # share of records as wide as the header
    absent = []
    for mark in SEPARATORS:
        read = _records(sample, mark, _RECORDS, strict=strict)
        if not read.records:
            continue
        header, *rows = read.records
        if is_cut and len(read.records) < _RECORDS:
            rows = rows[:-1]
        rows = [row for row in rows if any(row)]
        if len(header) == 1:
            absent += [mark] if all(len(row) == 1 for row in rows) else []
            continue
        # A separator at the end of each line makes one more, empty.
        same = [len(row) == len(header) or row[len(header) :] == [""] for row in rows]
        same += [False] if read.is_broken and not (is_cut and rows) else []
        alike[mark] = sum(same) / len(same) if same else 1.0
        numbers = sum(map(_numbers, rows)) / max(1, sum(map(len, rows)))
        first = sample.partition("\n")[0]
        fits[mark] = _Fit(len(header), numbers, first.count(mark) > first.count(f"{mark} "))
    if not fits:
        return absent[0] if absent else None
    usual = 0.9 * max(alike.values())
    return max((mark for mark in fits if alike[mark] >= usual), key=fits.__getitem__)


class _Read(NamedTuple):
    """The first records of a text; is_broken: what follows has quotes where none can be."""

    records: list[list[str]]
    is_broken: bool


def _records(sample: str, mark: str, most: int, *, strict: bool = False) -> _Read:
    text = io.StringIO(sample, newline="")
    reader = csv.reader(text, delimiter=mark, skipinitialspace=True, strict=strict)
    records: list[list[str]] = []
    try:
        records += itertools.islice(reader, most)
    except csv.Error:
        return _Read(records, True)
    return _Read(records, False)


# -- files ---------------------------------------------------------------------------------------


@contextmanager
def _bytes(file: Path) -> Iterator[IO[bytes]]:
    """The unpacked content, by the end of the file's name."""
    with ExitStack() as stack:
        match file.suffix.lower():
            case ".gz":
                yield cast(IO[bytes], stack.enter_context(gzip.open(file)))
            case ".bz2":
                yield stack.enter_context(bz2.open(file))
            case ".xz":
                yield stack.enter_context(lzma.open(file))
            case ".zip":
                archive = stack.enter_context(zipfile.ZipFile(file))
                names = [name for name in archive.namelist() if not name.endswith("/")]
                if len(names) != 1:
                    raise _bad(
                        f"{file.name} holds {len(names)} files; unpack the one that is meant"
                    )
                yield stack.enter_context(archive.open(names[0]))
            case _:
                yield stack.enter_context(file.open("rb"))


def _bad(message: str) -> DataError:
    return DataError("data.source", message)
