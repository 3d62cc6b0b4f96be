"""A table, split and preprocessed: what trials train on. No trial ever sees the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainables.notes import notes
from trainables.parts import Part, blamed
from trainables.preprocess import Preprocess
from trainables.split import DEFAULT, Split, split_rows
from trainables.table import Array, Table, identity
from trainables.task import Classes, Label, check_numbers, encode, encode_as


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
    """All that trials need, and beside it the raw test part.

    notes: what people should know of how the data were read, a sentence each.
    """

    folds: tuple[Fold, ...]
    info: Info
    identity: dict[str, Any]
    test: Table | None
    notes: tuple[str, ...] = ()

    def for_trials(self) -> Prepared:
        """The same without the test part: what executors get."""
        return replace(self, test=None)


def prepare(
    table: Table,
    *,
    source: str,
    task: str,
    split: Sequence[float] = DEFAULT,
    folds: int = 1,
    seed: int = 0,
    own: Mapping[str, Part] | None = None,
) -> Prepared:
    """Split `table` and preprocess each fold by its own training part.

    Args:
        task: from `infer_task`.
        split, folds, seed: as in `split.split_rows`.
        own: the parts with rows of their own, by "validation" and "test".
    """
    own = own or {}
    classes = None if task == "regression" else encode(table)
    codes = None if classes is None else classes.codes
    groups = None if table.groups is None else table.groups.values
    parts = split_rows(
        len(table), codes, split=split, folds=folds, seed=seed, groups=groups, own=tuple(own)
    )
    fits = [Preprocess.fit(table.take(t), regression=codes is None) for t, _ in parts.folds]
    width = max(fit.width for fit in fits)
    fits = [fit.widened(width) for fit in fits]
    # The test part as well, and thrown away: a mistake in it must show before the sweep.
    encoded = {name: _encoded(part, name, classes, task, fits[0]) for name, part in own.items()}
    made = []
    for (train, val), fit in zip(parts.folds, fits, strict=True):
        training = _part(table, train, task, codes, fit)
        validation = encoded.get("validation") or _part(table, val, task, codes, fit)
        made.append(Fold(*training, *validation, fit))
    test = table.take(parts.test) if len(parts.test) else None
    test = own["test"].table if "test" in own else test
    about = _identity(table, source, own) | {"split": list(split), "parts": _counts(parts, own)}
    if folds > 1:
        about["folds"] = folds
    return Prepared(tuple(made), _info(task, width, classes), about, test, notes(table, fits[0]))


def encode_labels(task: str, codes: Array) -> Array:
    """Class codes in the type that the task's loss takes."""
    return codes.astype(np.int64 if task == "multiclass" else np.float32)


def _part(
    table: Table, rows: Array, task: str, codes: Array | None, fit: Preprocess
) -> tuple[Array, Array]:
    """x and y of some rows of the table."""
    taken = table.take(rows)
    y = fit.encode_target(taken.target) if codes is None else encode_labels(task, codes[rows])
    return fit.transform(taken), y


def _encoded(
    part: Part, name: str, classes: Classes | None, task: str, fit: Preprocess
) -> tuple[Array, Array]:
    """x and y of a part with rows of its own."""
    with blamed(f"data.{name}"):
        if classes is not None:
            y = encode_labels(task, encode_as(part.table, classes.labels))
        else:
            check_numbers(part.table)
            y = fit.encode_target(part.table.target)
        return fit.transform(part.table), y


def _identity(table: Table, source: str, own: Mapping[str, Part]) -> dict[str, Any]:
    about = identity(table, source)
    if table.groups is not None:
        about["group"] = table.groups.name
    for name, part in own.items():
        whole = identity(part.table, part.source)
        about[name] = {key: whole[key] for key in ("source", "rows", "dropped", "hash")}
    return about


def _info(task: str, width: int, classes: Classes | None) -> Info:
    labels = None if classes is None else classes.labels
    outputs = len(labels) if labels and task == "multiclass" else 1
    return Info(task, (width,), outputs, labels)


def _counts(parts: Split, own: Mapping[str, Part]) -> dict[str, int]:
    """Rows per part; with folds, of the first one."""
    train, val = parts.folds[0]
    counts = {"train": len(train), "val": len(val), "test": len(parts.test)}
    short = {"validation": "val", "test": "test"}
    return counts | {short[name]: len(part.table) for name, part in own.items()}
