"""From a model's inputs back to rows as a person gives them. N rows, F inputs, D columns."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

import numpy as np

from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.scaling import Scaling
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import ModelError


def restored(fitted: Inputs, x: Array, *, gaps: bool = False) -> Array:
    """Rows in the original units from what `fitted.transform` makes of them.

    Pictures and sequences are float64 [N, …]. A table is [N, D] with its columns in the source's
    order: float64, or objects where there are categories. A category is the one with the largest
    input, None for missing; a number is there even where its row is said to have none; a column
    without a value in training is missing.

    Args:
        gaps: a number is NaN where its row is said to have none.

    Raises:
        ModelError: inputs of another form.
    """
    if isinstance(fitted, Scaling):
        return fitted.restored(x)
    if isinstance(fitted, Preprocess):
        return _table(fitted, x.astype(np.float64), gaps)
    raise ModelError("model", "the inputs of this model cannot be turned back into rows")


def _table(fitted: Preprocess, x_NF: Array, gaps: bool) -> Array:
    columns = dict(_columns(fitted, x_NF, gaps))
    kind = object if fitted.categories else np.float64
    rows_ND = np.full((len(x_NF), len(fitted.columns)), np.nan, kind)
    for place, name in enumerate(fitted.columns):
        if name in columns:
            rows_ND[:, place] = columns[name]
    return rows_ND


def _columns(fitted: Preprocess, x_NF: Array, gaps: bool) -> Iterator[tuple[str, Array]]:
    place = 0
    for number in fitted.numbers:
        values = x_NF[:, place] * number.scale + number.mean
        if gaps and number.missing:
            values = np.where(x_NF[:, place + 1] > 0.5, np.nan, values)
        yield number.name, values
        place += 1 + number.missing
    for category in fitted.categories:
        levels = np.array([*category.levels, *([None] if category.missing else [])], object)
        if len(levels):
            yield category.name, levels[x_NF[:, place : place + len(levels)].argmax(1)]
        place += len(levels)


def together(each: Sequence[Array]) -> Array:
    """The rows that several models give: means of numbers, of categories what most say."""
    first = each[0]
    if first.dtype != object:
        return np.asarray(np.mean(each, 0))
    found = first.copy()
    for place in range(first.shape[1] if len(first) else 0):
        values = [rows[:, place] for rows in each]
        if isinstance(first[0, place], float):
            found[:, place] = np.mean(values, 0)
        else:
            found[:, place] = [statistics.mode(said) for said in zip(*values, strict=True)]
    return found
