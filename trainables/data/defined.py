"""Whether metrics mean anything on the validation parts, before the first trial. N rows.

The ROC AUC of rows of one class is not defined, nor is R² of equal numbers: every trial would fail.
F1 of a part without a positive row is 0 whatever a model does: that is told, and no mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lanewise.trainables.data.dataset import Prepared
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.metrics.names import CLASSIFICATION

_PART = "val_"


def check_defined(objective: str, metrics: Iterable[str], prepared: Prepared) -> tuple[str, ...]:
    """Notes on metrics that say nothing on some validation part, a sentence each.

    Args:
        objective: as reported ("val_roc_auc"); metrics: further ones.

    Raises:
        ConfigError: at "objective", where no trial could have a value of it.
    """
    parts = [fold.y_val for fold in prepared.folds]
    names = [_part_name(prepared, number) for number in range(len(parts))]
    for y, name in zip(parts, names, strict=True):
        if why := _undefined(objective, prepared.info, y):
            message = f"{objective} is not defined on {name}: {why}; {_advice(prepared, parts)}"
            raise ConfigError("objective", message)
    return tuple(_notes(dict.fromkeys((objective, *metrics)), prepared, parts, names))


def _notes(
    metrics: Iterable[str], prepared: Prepared, parts: Sequence[Array], names: Sequence[str]
) -> Iterator[str]:
    """Of each metric the first part that it says nothing of."""
    for metric in metrics:
        for y, name in zip(parts, names, strict=True):
            if why := _undefined(metric, prepared.info, y):
                yield f"{metric} is not defined on {name}: {why}; {_advice(prepared, parts)}"
                break
            if why := _misleading(metric, prepared.info, y):
                yield f"{metric} {why}, in {name}; {_advice(prepared, parts)}"
                break


def _undefined(metric: str, info: Info, y: Array) -> str:
    """Why it has no value there; "" if it has one."""
    if metric == f"{_PART}roc_auc" and info.task in CLASSIFICATION:
        alone = _only_class(info, y)
        return f"it has rows of class {alone} alone ({len(y)})" if alone else ""
    if metric == f"{_PART}r2" and info.task in ("regression", "forecasting"):
        values = y[:, : y.shape[1] // 2] if y.ndim > 1 else y  # behind them is what is naive
        return f"it has one value alone (rows: {len(y)})" if values.min() == values.max() else ""
    return ""


def _misleading(metric: str, info: Info, y: Array) -> str:
    """Why its value says little there; "" if it does."""
    if info.task not in CLASSIFICATION:
        return ""
    assert info.classes is not None
    if metric == f"{_PART}f1" and info.task == "binary" and not y.any():
        return f"is 0 whatever a model does: no row is of class {info.classes[1]!r}"
    if metric == f"{_PART}balanced_accuracy" and (alone := _only_class(info, y)):
        return f"counts class {alone} alone: no row is of another"
    return ""


def _only_class(info: Info, y: Array) -> str:
    """The class of all rows; "" where there are several."""
    assert info.classes is not None
    codes = np.unique(y)
    return repr(info.classes[int(codes[0])]) if len(codes) == 1 else ""


def _part_name(prepared: Prepared, number: int) -> str:
    if len(prepared.folds) > 1:
        return f"the validation part of fold {number + 1} of {len(prepared.folds)}"
    own = prepared.identity.get("validation")
    return f"the validation part, {own['source']}" if own else "the validation part"


def _advice(prepared: Prepared, parts: Sequence[Array]) -> str:
    """What a person may change, by how the rows were parted."""
    about, folds = prepared.identity, len(parts)
    if "validation" in about:
        return "give it further rows, or name another metric"
    fewer = "give fewer folds" if folds > 1 else "give a larger validation share in data.split"
    for key, why in (
        ("group", "whole groups come into a part"),
        ("order", "parts follow each other in time"),
        ("series", "parts follow each other in time"),
    ):
        if key in about:
            return f"{why}: {fewer}, or name another metric"
    if "stratify" in about:
        return (
            f"leave out stratify: {about['stratify']}, so that parts have alike shares of classes"
        )
    if prepared.info.task not in CLASSIFICATION or folds == 1:
        return f"{fewer}, or name another metric"
    counts = np.unique(np.concatenate(parts), return_counts=True)[1]
    rarest = int(counts.min())
    most = f"give {rarest} folds at most" if rarest > 1 else "no number of folds helps"
    return f"{most}, for a class has {rarest} row{'s' * (rarest != 1)}; or name another metric"
