"""What the columns of a source hold, decided once, by all of its rows, and applied ever after.

Whatever is read later (a validation file, a DataFrame, a list of rows) is read as these types say:
a column that was numbers is numbers, one that was words is words, in the same spelling.

| type | its values | from |
|---|---|---|
| number | float64, NaN where missing | numbers; text that is written as numbers are |
| empty | NaN, whatever other data have there | a column without any value |
| boolean | "True" and "False", as text | truth values; "true" and "false" in a text file |
| date | text of one format | dates; text that is written as dates are |
| category | text without blanks around it | all else: text, pandas' categories, mixed values |

Text of a file (CSV) is written: "12" is a number there. A string in a DataFrame or a Parquet file was
made one on purpose: whole numbers among them stay text.
"""  # noqa: E501  (a table)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lanewise.trainables.data.numerals import PLAIN, Format

NUMBER, EMPTY, BOOLEAN, DATE = "number", "empty", "boolean", "date"
CATEGORY, TEXT = "category", "text"
DECIMAL_COMMA, DAY, MONTH = "decimal_comma", "day_first", "month_first"
ASKED = (NUMBER, DECIMAL_COMMA, CATEGORY, DAY, MONTH)  # values of data.columns


@dataclass(frozen=True)
class ColumnType:
    """How one column is read.

    type: see above; TEXT is for names and texts, which are kept as they are.
    format: of numbers that are text; missing: words that stand for no number.
    date: the format that dates are written in; order: of day and month, "" where none is known.
    labels: whether it is pandas' category, whose labels may be numbers.
    """

    name: str
    type: str
    format: Format = PLAIN
    missing: tuple[str, ...] = ()
    date: str = ""
    order: str = ""
    labels: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its values are float64."""
        return self.type in (NUMBER, EMPTY)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> ColumnType:
        """From what `dataclasses.asdict` made of it."""
        made = {**state, "format": Format(**state["format"]), "missing": tuple(state["missing"])}
        return cls(**made)


@dataclass(frozen=True)
class Types:
    """Of all columns of a source; notes: what people should know of them, a sentence each.

    misread: columns of a text file whose full stops group thousands, as those of others do: to be
    read again, as they are written.
    """

    columns: tuple[ColumnType, ...]
    notes: tuple[str, ...] = ()
    misread: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> ColumnType:
        return next(column for column in self.columns if column.name == name)

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    @property
    def written(self) -> frozenset[str]:
        """The columns whose values another file's reader must leave as they are written."""
        return frozenset(
            column.name
            for column in self.columns
            if column.type != NUMBER or column.format != PLAIN or column.missing
        )
