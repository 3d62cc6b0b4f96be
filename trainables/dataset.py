"""A table, split and preprocessed: what trials train on. No trial ever sees the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainables.preprocess import Preprocess
from trainables.split import Split, split_rows
from trainables.table import Array, Table, identity
from trainables.task import Classes, Label, encode


@dataclass(frozen=True)
class Info:
    """What a model must know of its data.

    input_shape: of one example, without the batch dimension.
    outputs: 1 for binary (a logit) and regression, the number of classes for multiclass.
    classes: the original labels in the order of the outputs; None for a regression.
    vocabulary: the size of a text's vocabulary; None for tables.
    """

    task: str
    input_shape: tuple[int, ...]
    outputs: int
    classes: tuple[Label, ...] | None = None
    vocabulary: int | None = None


@dataclass(frozen=True, eq=False)
class Fold:
    """One training and validation part. x: float32 [N, F]; y [N]: int64 codes for multiclass,
    float32 0/1 for binary, float32 standardised for regression.
    """

    x_train: Array
    y_train: Array
    x_val: Array
    y_val: Array
    preprocess: Preprocess


@dataclass(frozen=True, eq=False)
class Prepared:
    """All that trials need, and beside it the raw test part."""

    folds: tuple[Fold, ...]
    info: Info
    identity: dict[str, Any]
    test: Table | None

    def for_trials(self) -> Prepared:
        """The same without the test part: what executors get."""
        return replace(self, test=None)


def prepare(
    table: Table,
    *,
    source: str,
    task: str,
    split: Sequence[float] = (0.7, 0.15, 0.15),
    folds: int = 1,
    seed: int = 0,
) -> Prepared:
    """Split `table` and preprocess each fold by its own training part.

    Args:
        task: from `infer_task`.
        split, folds, seed: as in `split.split_rows`.
    """
    classes = None if task == "regression" else encode(table)
    codes = None if classes is None else classes.codes
    parts = split_rows(len(table), codes, split=split, folds=folds, seed=seed)
    fits = [Preprocess.fit(table.take(t), regression=codes is None) for t, _ in parts.folds]
    width = max(fit.width for fit in fits)
    made = [
        _fold(table, task, codes, pair, fit.widened(width))
        for pair, fit in zip(parts.folds, fits, strict=True)
    ]
    test = table.take(parts.test) if len(parts.test) else None
    about = {**identity(table, source), "split": list(split), "parts": _counts(parts)}
    return Prepared(tuple(made), _info(task, width, classes), about, test)


def encode_labels(task: str, codes: Array) -> Array:
    """Class codes in the type that the task's loss takes."""
    return codes.astype(np.int64 if task == "multiclass" else np.float32)


def _fold(
    table: Table, task: str, codes: Array | None, pair: tuple[Array, Array], fit: Preprocess
) -> Fold:
    def part(rows: Array) -> tuple[Array, Array]:
        taken = table.take(rows)
        y = fit.encode_target(taken.target) if codes is None else encode_labels(task, codes[rows])
        return fit.transform(taken), y

    return Fold(*part(pair[0]), *part(pair[1]), fit)


def _info(task: str, width: int, classes: Classes | None) -> Info:
    labels = None if classes is None else classes.labels
    outputs = len(labels) if labels and task == "multiclass" else 1
    return Info(task, (width,), outputs, labels)


def _counts(parts: Split) -> dict[str, int]:
    """Rows per part; with folds, of the first one."""
    train, val = parts.folds[0]
    return {"train": len(train), "val": len(val), "test": len(parts.test)}
