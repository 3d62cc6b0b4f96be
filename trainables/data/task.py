"""Which task a target sets, and its classes as codes 0..C-1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lanewise.trainables.data.spelling import Spelling
from lanewise.trainables.data.table import Array, Rows
from lanewise.trainables.data.types import CATEGORY
from lanewise.trainables.errors import ConfigError, DataError, listing, nearest
from lanewise.trainables.metrics.names import CLASSIFICATION, SUPERVISED, TASKS, tasks_of

FEW_INTEGERS = 20  # a numeric target with at most so many distinct integers is taken for classes

Label = bool | int | float | str


@dataclass(frozen=True)
class Classes:
    """The labels of a classification target, sorted, and each row's place among them."""

    labels: tuple[Label, ...]
    codes: Array  # int64 [N]


def infer_task(
    table: Rows,
    *,
    task: str | None,
    metric: str | None,
    tasks: Sequence[str] = SUPERVISED,
) -> str:
    """One of `metrics.names.TASKS`; with a target "binary", "multiclass" or "regression".

    What the user says comes first, then the objective's metric, then the target: text, truth
    values and at most 20 distinct integers are classes, other numbers a regression.

    Args:
        tasks: those that the model is for.
    """
    allowed = (*tasks, "classification") if set(CLASSIFICATION) <= set(tasks) else tasks
    if task is not None and task not in allowed:
        words = f"{listing(allowed)}{nearest(task, allowed)}"
        kind = "a task of this model" if task in TASKS else "a task"
        raise ConfigError("task", f"{task!r} is not {kind} ({words})")
    if not set(tasks) & set(SUPERVISED):
        return task or _only_task(metric, tasks)
    if task == "forecasting" and table.target.ndim == 1:
        message = "forecasting needs windows of series, {time: …, window: …, horizon: …}"
        raise DataError("data.series", message)
    if task is not None and task not in (*SUPERVISED, "classification"):
        return task
    if table.target.ndim > 1:
        if task is not None or "forecasting" not in tasks:
            words = f"{task!r}" if task else f"{listing(tasks)}"
            raise ConfigError("task", f"{words}: what windows of series have is forecasting")
        return "forecasting"
    wanted = task or _metric_task(metric) or _target_task(table)
    if task is None and wanted == "classification" and "multiclass" not in tasks:
        wanted = "binary" if len(np.unique(comparable(table.target))) == 2 else "regression"
    if wanted == "regression":
        check_numbers(table)
        _check_varies(table)
        return wanted
    count = len(_check_classes(table))
    if task == "binary" and count != 2:
        message = f"binary needs 2 classes, and column {table.target_name!r} has {count}"
        raise DataError("data.target", message)
    return "multiclass" if count > 2 or task == "multiclass" else "binary"


def encode(table: Rows) -> Classes:
    """The classes of the whole target, in sorted order; whole floats become integers."""
    labels, codes = np.unique(comparable(table.target), return_inverse=True)
    return Classes(tuple(labels.tolist()), codes.astype(np.int64).reshape(-1))


def encode_as(table: Rows, labels: Sequence[Label]) -> Array:
    """Each row's place among the labels, int64 [N]: of rows that had no part in `encode`.

    Raises:
        DataError: at "data.target", a label that is not among them.
    """
    places: dict[Label, int] = {label: place for place, label in enumerate(labels)}
    found = comparable(table.target).tolist()
    spelling = Spelling([str(label) for label in labels])
    for label in set(found) - set(places):  # "01" is 1, "true" is True
        if (place := spelling.place(str(label))) >= 0:
            places[label] = place
    unknown = [label for label in found if label not in places]
    if unknown:
        times = f"{unknown.count(unknown[0])} rows have"
        message = f"{times} class {unknown[0]!r}, which is not in the training data"
        raise DataError("data.target", f"{message} ({listing(map(str, labels))})")
    return np.array([places[label] for label in found], np.int64)


def comparable(target: Array) -> Array:
    """Labels as they are compared: whole floats are integers, where these have 64 bits."""
    is_whole = target.dtype.kind == "f" and np.equal(np.mod(target, 1), 0).all()
    if is_whole and (np.abs(target) < 2.0**63).all():
        return target.astype(np.int64)
    return target


def _only_task(metric: str | None, tasks: Sequence[str]) -> str:
    """The first of the model's tasks that has the metric."""
    known = tasks_of(metric) if metric else ()
    return next((task for task in tasks if task in known), tasks[0])


def _metric_task(metric: str | None) -> str | None:
    tasks = tasks_of(metric) if metric else ()
    kinds = {t for t in tasks if t in SUPERVISED}
    if not kinds or kinds == set(SUPERVISED):
        return None
    return "regression" if kinds == {"regression"} else "classification"


def _target_task(table: Rows) -> str:
    target = table.target
    is_category = any(
        kind.name == table.target_name and kind.type == CATEGORY for kind in table.types
    )
    if is_category or target.dtype.kind in "Ob":
        return "classification"
    distinct = np.unique(target)
    whole = np.equal(np.mod(distinct, 1), 0).all()
    return "classification" if whole and len(distinct) <= FEW_INTEGERS else "regression"


def check_numbers(table: Rows) -> None:
    """Raise DataError unless the target holds numbers."""
    if table.target.dtype.kind == "O":
        name = table.target_name
        message = f"a regression needs numbers, and column {name!r} has text, {table.target[0]!r}"
        raise DataError("data.target", message)


def _check_varies(table: Rows) -> None:
    if len(np.unique(table.target)) == 1:
        message = f"column {table.target_name!r} has one value, {table.target[0]}"
        raise DataError("data.target", f"{message}; there is nothing to learn")


def _check_classes(table: Rows) -> Array:
    name, rows = table.target_name, len(table)
    distinct = np.unique(comparable(table.target))
    if len(distinct) == 1:
        value = distinct.tolist()[0]
        message = f"column {name!r} has one class, {value!r}; a classification needs two or more"
        raise DataError("data.target", message)
    if len(distinct) > max(2, rows / 2):
        hint = "set task: regression, or name another column"
        if distinct.dtype.kind == "O":
            hint = "name another column"
        message = f"column {name!r} has {len(distinct)} distinct values in {rows} rows; {hint}"
        raise DataError("data.target", message)
    return distinct
