"""From a table's columns to a float32 matrix: numbers in JSON plus numpy, so that it ships.

Numeric columns: the training median where a value is missing, then standardised; a column with
missing values in training also gets a 0/1 column that says so. Categories: one-hot over the values
seen in training (the 50 most frequent), a category of its own for "missing" if seen, zeros for
anything else. Numeric columns without any training value are left out. What lies further than a
million standard deviations away is brought to there, so that no square of it overflows. A
regression target is standardised by its training mean and standard deviation.

N rows, F features of the result.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lanewise.trainables.data.standard import OneTarget, moments, moments_of
from lanewise.trainables.data.table import Array, Table, numbers, texts
from lanewise.trainables.errors import DataError, listing, nearest

MOST_LEVELS = 50
FARTHEST = 1e6  # standard deviations


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
    """The values of one category column that get a column each."""

    name: str
    levels: tuple[str, ...]
    missing: bool


@dataclass(frozen=True)
class Preprocess(OneTarget):
    """What was learned from the training rows of one fold.

    columns: all feature names in the order of the source, for arrays without names.
    width: F; may exceed what the columns give (zeros follow), so that all folds have one width.
    """

    columns: tuple[str, ...]
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    target_mean: float
    target_std: float
    width: int

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
        return cls(table.columns, fitted, kinds, mean, std, width)

    def widened(self, width: int) -> Preprocess:
        """The same with zeros appended up to `width` features."""
        return replace(self, width=width)

    def transform(self, X: Any) -> Array:
        """Float32 [N, F] of a Table, a DataFrame, a dict of columns, or rows [N, columns].

        Raises:
            DataError: a column is missing, or not numeric where training had numbers.
        """
        features = _columns(X, self.columns)
        parts: list[Array] = []
        for number in self.numbers:
            parts.extend(_apply_number(number, _numeric(features, number.name)))
        for category in self.categories:
            parts.extend(_apply_category(category, texts(_column(features, category.name))))
        x_NF = np.stack(parts, axis=1)
        return np.pad(x_NF, ((0, 0), (0, self.width - x_NF.shape[1]))).astype(np.float32)

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
            Category(kind["name"], tuple(kind["levels"]), kind["missing"])
            for kind in state["categories"]
        )
        columns = tuple(state["columns"])
        moments = (state["target_mean"], state["target_std"])
        return cls(columns, fitted, kinds, *moments, state["width"])


def _fit_number(name: str, x: Array) -> Number:
    missing = np.isnan(x)
    median = float(np.median(x[~missing]))
    mean, scale = moments(np.where(missing, median, x))
    return Number(name, median, mean, scale, bool(missing.any()))


def _fit_category(name: str, column: Array) -> Category:
    counts = Counter(value for value in column if value is not None)
    # The most frequent, by name among equals, then sorted: the order of rows has no say.
    frequent = sorted(counts, key=lambda level: (-counts[level], level))[:MOST_LEVELS]
    missing = any(value is None for value in column)
    return Category(name, tuple(sorted(frequent)), missing)


def _apply_number(number: Number, x: Array) -> list[Array]:
    missing = np.isnan(x)
    scaled = (np.where(missing, number.median, x) - number.mean) / number.scale
    scaled = np.clip(scaled, -FARTHEST, FARTHEST)
    return [scaled, missing.astype(np.float64)] if number.missing else [scaled]


def _apply_category(category: Category, column: Array) -> list[Array]:
    levels = [*category.levels, None] if category.missing else category.levels
    return [(column == level).astype(np.float64) for level in levels]


def _columns(X: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    """The features by name, whatever form they came in."""
    if isinstance(X, Table):
        return {**dict(zip(X.numeric, X.x_ND.T, strict=True)), **X.categories}
    if hasattr(X, "columns"):
        return {str(name): X[name] for name in X.columns}
    if isinstance(X, Mapping):
        return X
    rows = X if isinstance(X, np.ndarray) else np.array(list(X), dtype=object)
    if rows.ndim != 2 or rows.shape[1] != len(names):
        message = f"the model takes {len(names)} columns ({listing(names)})"
        raise DataError("X", f"{message}, not an array of shape {list(rows.shape)}")
    return dict(zip(names, rows.T, strict=True))


def _column(features: Mapping[str, Any], name: str) -> Any:
    if name not in features:
        message = f"column {name!r} is missing (columns given: {listing(features)}"
        raise DataError("X", f"{message}{nearest(name, features)})")
    return features[name]


def _numeric(features: Mapping[str, Any], name: str) -> Array:
    column = _column(features, name)
    try:
        if hasattr(column, "to_numpy"):  # a Series; its own NA values have no float()
            column = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers(column)
    except (TypeError, ValueError) as error:
        message = f"column {name!r} was numeric in training: {error}"
        raise DataError("X", message) from None
