"""From a table's columns to a float32 matrix: numbers in JSON plus numpy, so that it ships.

Numeric columns: the training median where a value is missing, then standardised; a column with
missing values in training also gets a 0/1 column that says so. Categories: one-hot over the values
seen in training (the 50 most frequent), a category of its own for "missing" if seen, zeros for
anything else; a value is known by any spelling ("1.0" is 1, see `spelling`). Numeric columns
without any training value are left out. What lies further than a
million standard deviations away is brought to there, so that no square of it overflows. A
regression target is standardised by its training mean and standard deviation.

N rows, F features of the result.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from lanewise.trainables.data.names import column_of, named_columns
from lanewise.trainables.data.numerals import is_nothing
from lanewise.trainables.data.spelling import Spelling, share_a_meaning
from lanewise.trainables.data.standard import OneTarget, moments, moments_of
from lanewise.trainables.data.table import Array, Table
from lanewise.trainables.data.types import CATEGORY, NUMBER, ColumnType
from lanewise.trainables.data.values import read_numbers, read_texts
from lanewise.trainables.errors import DataError, listing

MOST_LEVELS = 50
FARTHEST = 1e6  # standard deviations
_ENOUGH = 5  # rows, from which it is told that most of them have values that are not known
_NO_VALUE = 1 << 20  # the place of a missing value where training has none


@dataclass(frozen=True)
class Number:
    """How one numeric column is transformed: (x or median − mean) / scale."""

    name: str
    median: float
    mean: float
    scale: float
    missing: bool  # whether a 0/1 column for missing values follows


@dataclass(frozen=True)
class Category:
    """The values of one category column that get a column each.

    missing: whether a column for missing values follows. nothing: where none is missing, the level
    that others may take for missing, such as "NA"; "" for none or several. is_exact: two values
    differ in their spelling alone. covered: share of the training rows whose value is a level, or
    missing.
    """

    name: str
    levels: tuple[str, ...]
    missing: bool
    nothing: str = ""
    is_exact: bool = False
    covered: float = 1.0

    @cached_property
    def spelling(self) -> Spelling:
        """The place of each level."""
        return Spelling(self.levels, is_exact=self.is_exact)

    @cached_property
    def lost(self) -> tuple[str, ...]:
        """Levels that pandas takes for missing values, where training has no other missing ones."""
        return () if self.missing else tuple(filter(is_nothing, self.levels))


@dataclass(frozen=True)
class Preprocess(OneTarget):
    """What was learned from the training rows of one fold.

    columns: all feature names in the order of the source, for arrays without names.
    width: F; may exceed what the columns give (zeros follow), so that all folds have one width.
    types: as what the columns of the training source were read; older releases have none.
    """

    columns: tuple[str, ...]
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    target_mean: float
    target_std: float
    width: int
    types: tuple[ColumnType, ...] = ()

    @classmethod
    def fit(cls, table: Table, *, regression: bool = False) -> Preprocess:
        """Learn from the given rows, which are training rows only."""
        columns = zip(table.numeric, table.x_ND.T, strict=True)
        fitted = tuple(_fit_number(name, x) for name, x in columns if not np.isnan(x).all())
        kinds = tuple(_fit_category(name, column) for name, column in table.categories.items())
        mean, std = moments_of(table, regression=regression)
        width = sum(1 + n.missing for n in fitted) + sum(len(c.levels) + c.missing for c in kinds)
        if width == 0:
            message = "no column has a value in the training part; there is nothing to learn from"
            raise DataError("data.source", message)
        types = tuple(kind for kind in table.types if kind.name in table.columns)
        return cls(table.columns, fitted, kinds, mean, std, width, types)

    def widened(self, width: int) -> Preprocess:
        """The same with zeros appended up to `width` features."""
        return replace(self, width=width)

    def transform(self, X: Any) -> Array:
        """Float32 [N, F] of a Table, a DataFrame, a dict of columns, or rows [N, columns].

        Raises:
            DataError: a column is missing, or not numeric where training had numbers.
        """
        table = self.read(X)
        x_NF = np.zeros((len(table), self.width), np.float32)
        numbers_NF = self._numbers.apply(table)
        x_NF[:, : numbers_NF.shape[1]] = numbers_NF
        first = numbers_NF.shape[1]
        for category in self.categories:
            codes = _codes(category, table.categories[category.name])
            last = first + len(category.levels) + category.missing
            x_NF[:, first:last] = codes[:, None] == np.arange(last - first)
            first = last
        return x_NF

    @cached_property
    def _numbers(self) -> _Numbers:
        return _Numbers(self.numbers)

    def read(self, X: Any) -> Table:
        """The columns that were learned from, read as the training source was.

        Args:
            X: as `transform`; a Table of the same columns stays as it is.
        """
        if isinstance(X, Table):
            return self._as_learned(X)
        given = named_columns(X, self.columns)
        found = [
            read_numbers(column_of(given, name), self._kinds.get(name, ColumnType(name, NUMBER)))
            for name in self.numeric
        ]
        if not found:
            rows = len(column_of(given, self.categories[0].name))
            return self.with_numbers(np.zeros((rows, 0)), given)
        return self.with_numbers(np.stack(found, 1), given)

    def with_numbers(self, x_ND: Array, given: Mapping[str, Any]) -> Table:
        """A table of numbers that are read, and of categories that are not.

        Args:
            x_ND: float64, of the columns `numeric`; NaN where missing. given: the others by name.
        """
        texts = {
            category.name: read_texts(
                column_of(given, category.name),
                self._kinds.get(category.name, ColumnType(category.name, CATEGORY)),
            )
            for category in self.categories
        }
        target = np.zeros(len(x_ND))
        return Table(x_ND, self.numeric, texts, self.columns, target, "", types=self.types)

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """The names of `numbers`."""
        return tuple(number.name for number in self.numbers)

    @cached_property
    def _kinds(self) -> dict[str, ColumnType]:
        return {kind.name: kind for kind in self.types}

    def unseen(self, table: Table) -> Iterator[str]:
        """Columns most of whose values are new, or some of whose are lost, a sentence each."""
        for category in self.categories:
            codes = _codes(category, table.categories[category.name])
            missing = sum(value is None for value in table.categories[category.name])
            if missing and len(category.lost) > 1:
                told = f"{missing} of {len(codes)} values in {category.name} are missing"
                words = listing(map(repr, category.lost))
                yield f"{told}; pandas reads {words} so, which keep_default_na=False keeps apart"
            share = float((codes < 0).mean()) if len(codes) else 0.0
            if len(codes) >= _ENOUGH and share > 0.5 and share > 2 * (1 - category.covered):
                value = table.categories[category.name][int(np.argmin(codes))]
                known = listing(map(repr, category.levels), 3)
                told = f"{share:.0%} of the values in {category.name} were not seen in training"
                yield f"{told}, such as {value!r} (seen: {known})"

    def _as_learned(self, table: Table) -> Table:
        """A table whose columns have the types of training."""
        numeric = {*table.numeric}
        as_text = [n.name for n in self.numbers if n.name not in numeric]
        as_number = [c.name for c in self.categories if c.name in numeric]
        if not as_text and not as_number:
            return table
        return self.read(
            {**dict(zip(table.numeric, table.x_ND.T, strict=True)), **table.categories}
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a row's input."""
        return (self.width,)

    @property
    def one_hot(self) -> tuple[tuple[int, int], ...]:
        """See `info.Info`: what says that a number is missing, and the values of categories."""
        found, first = [], 0
        for number in self.numbers:
            if number.missing:
                found.append((first + 1, 1))
            first += 1 + number.missing
        for kind in self.categories:
            count = len(kind.levels) + kind.missing
            if count:
                found.append((first, count))
            first += count
        return tuple(found)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Preprocess:
        state = json.loads(text)
        fitted = tuple(Number(**number) for number in state["numbers"])
        kinds = tuple(
            Category(**{**kind, "levels": tuple(kind["levels"])}) for kind in state["categories"]
        )
        columns = tuple(state["columns"])
        moments = (state["target_mean"], state["target_std"])
        types = tuple(map(ColumnType.from_json, state.get("types", ())))
        return cls(columns, fitted, kinds, *moments, state["width"], types)


def _fit_number(name: str, x: Array) -> Number:
    missing = np.isnan(x)
    median = float(np.median(x[~missing]))
    mean, scale = moments(np.where(missing, median, x))
    return Number(name, median, mean, scale, bool(missing.any()))


def _fit_category(name: str, column: Array) -> Category:
    counts = Counter(value for value in column if value)
    # The most frequent, by name among equals, then sorted: the order of rows has no say.
    frequent = sorted(counts, key=lambda level: (-counts[level], level))[:MOST_LEVELS]
    missing = len(column) - sum(counts.values())
    lost = [level for level in frequent if is_nothing(level)]
    nothing = lost[0] if len(lost) == 1 and not missing else ""
    covered = sum(counts[level] for level in frequent) + missing
    is_exact = share_a_meaning(counts)
    levels = tuple(sorted(frequent))
    share = covered / len(column) if len(column) else 1.0
    return Category(name, levels, bool(missing), nothing, is_exact, share)


class _Numbers:
    """All numeric columns at once: a call for each took most of the time that a single row takes.

    D columns, M of them with another that says what is missing.
    """

    def __init__(self, numbers: Sequence[Number]) -> None:
        self._names = tuple(number.name for number in numbers)
        fitted = [(number.median, number.mean, number.scale) for number in numbers]
        self._median_D, self._mean_D, self._scale_D = np.array(fitted).reshape(-1, 3).T
        self._missing_M = np.flatnonzero([number.missing for number in numbers])
        before = np.cumsum([0, *(1 + number.missing for number in numbers)])
        self._width, self._own_D = int(before[-1]), before[:-1]

    def apply(self, table: Table) -> Array:
        """Float64 [N, D + M]."""
        x_ND = table.x_ND
        if table.numeric != self._names:
            places = {name: place for place, name in enumerate(table.numeric)}
            x_ND = x_ND[:, [places[name] for name in self._names]]
        missing_ND = np.isnan(x_ND)
        with np.errstate(over="ignore"):  # an infinity is brought to FARTHEST as all that is far
            scaled_ND = (np.where(missing_ND, self._median_D, x_ND) - self._mean_D) / self._scale_D
        made = np.empty((len(x_ND), self._width))
        made[:, self._own_D] = np.clip(scaled_ND, -FARTHEST, FARTHEST)
        made[:, self._own_D[self._missing_M] + 1] = missing_ND[:, self._missing_M]
        return made


def _codes(category: Category, column: Array) -> Array:
    """The place of each value among the levels, then missing; -1 for one that training has not."""
    of_missing = len(category.levels)
    if not category.missing:
        of_missing = category.levels.index(category.nothing) if category.nothing else _NO_VALUE
    places: dict[str | None, int] = {}
    for value in set(column):
        place = category.spelling.place(value) if value else of_missing
        if place < 0 and value and is_nothing(value):
            place = of_missing
        places[value] = place
    return np.fromiter((places[value] for value in column), np.int64, len(column))
