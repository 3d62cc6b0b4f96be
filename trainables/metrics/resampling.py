"""Which metrics can be computed anew from values of each validation row, and of which rows.

A person sees the best of many noisy scores; `search.selection` says what it is worth, from what
each evaluation gave for some fixed rows. No torch; `row_values` has the values. N rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lanewise.trainables.data.dataset import Prepared
from lanewise.trainables.data.table import Array
from lanewise.trainables.metrics.names import BASE, Resampling

MOST = 2000  # rows that are kept of an evaluation
_VALUES = 8000  # of them, where a row has one for each class
_LEAST = 200  # rows all the same
_SEED = 11  # of the choice among more rows


@dataclass(frozen=True, eq=False)
class Resampled:
    """The rows whose values are kept.

    task, metric: without its part; how: it is made of them.
    rows: their numbers in each fold's validation part, ascending.
    codes, clusters: of all of them, one fold after the other: the class, and the number that rows
        share which are resampled together.
    columns: values of a row; total: rows of the validation parts that the metric is about.
    """

    task: str
    metric: str
    how: Resampling
    rows: tuple[Array, ...]
    codes: Array
    clusters: Array
    classes: int
    columns: int
    total: int

    def encode(self, values: Array) -> bytes:
        """Values [columns, N] as they are stored."""
        if self.how.dtype == "bits":
            return np.packbits(values.astype(np.uint8)).tobytes()
        return values.astype(self.how.dtype).tobytes()


def resampled(prepared: Prepared, monitor: str, seeds: int = 1) -> Resampled | str:
    """The rows of a sweep; or why its objective has none, in some words.

    Args:
        monitor: the objective's metric.
    """
    part, _, metric = monitor.partition("_")
    task = prepared.info.task
    if part != "val" or metric not in BASE:
        return "it is no metric of validation rows"
    how = BASE[metric].resampling
    if task == "generation" or how is None:
        return "its value is of all rows together"
    if task == "anomaly" and metric == "f1":
        return "its threshold is chosen on the same rows"
    classes = len(prepared.info.classes or (0, 1))
    per_class = classes if metric == "roc_auc" and classes > 2 else 1
    columns = seeds * per_class
    usable = [_usable(fold.y_val, task, metric) for fold in prepared.folds]
    sizes = [len(each) for each in usable]
    total = sum(sizes)
    most = min(MOST, max(_LEAST, _VALUES // columns))
    kept = np.arange(total)
    if total > most:
        rng = np.random.Generator(np.random.SFC64(_SEED))
        kept = np.sort(rng.permutation(total)[:most])
    ends = np.cumsum([0, *sizes])
    rows = tuple(
        each[kept[(kept >= first) & (kept < last)] - first]
        for each, first, last in zip(usable, ends, ends[1:], strict=False)
    )
    folds = list(zip(prepared.folds, rows, strict=True))
    return Resampled(
        task=task,
        metric=metric,
        how=how,
        rows=rows,
        codes=np.concatenate([_codes(fold.y_val, task)[chosen] for fold, chosen in folds]),
        clusters=_joined(
            clusters[chosen] for clusters, chosen in zip(_clusters(prepared), rows, strict=True)
        ),
        classes=classes,
        columns=columns,
        total=total,
    )


def _usable(y: Array, task: str, metric: str) -> Array:
    """The numbers of a part's rows that the metric is about: of errors, those of normal rows."""
    if task == "anomaly" and metric != "roc_auc":
        return np.flatnonzero(y[:, -1] == 0)
    return np.arange(len(y))


def _codes(y: Array, task: str) -> Array:
    """The class of each row; 0 where there are none."""
    if task == "anomaly":
        return y[:, -1].astype(np.int64)
    return y.astype(np.int64) if task in ("binary", "multiclass") else np.zeros(len(y), np.int64)


def _clusters(prepared: Prepared) -> Iterable[Array]:
    return prepared.clusters or [np.arange(len(fold.y_val)) for fold in prepared.folds]


def _joined(parts: Iterable[Array]) -> Array:
    """Numbers of several parts, none of which is in two."""
    found: list[Array] = []
    first = 0
    for part in parts:
        numbers = np.unique(part, return_inverse=True)[1] + first
        first = int(numbers.max(initial=first - 1)) + 1
        found.append(numbers)
    return np.concatenate(found)
