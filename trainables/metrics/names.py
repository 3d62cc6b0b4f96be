"""The names of losses and of the metrics that training reports, their tasks, options, directions.

No torch. A new metric is one row in BASE and one function in `scores.py`; a new loss one row in
LOSSES and one function in `losses.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lanewise.trainables.errors import ConfigError, listing, nearest
from lanewise.trainables.knobs import NOT_NEGATIVE, POSITIVE, Family, Knob

CLASSIFICATION = ("binary", "multiclass")
SUPERVISED = (*CLASSIFICATION, "regression")
RECONSTRUCTION = ("reconstruction", "anomaly")
VALUES = ("regression", "forecasting", *RECONSTRUCTION)
TASKS = (*SUPERVISED, "forecasting", *RECONSTRUCTION, "generation")
WITHOUT_TARGET = ("reconstruction", "generation")
PARTS = ("train", "val")


class Metric(NamedTuple):
    """For which tasks a metric is defined, and whether larger ("max") or smaller is better."""

    tasks: tuple[str, ...]
    direction: str


BASE = {
    "loss": Metric(TASKS, "min"),
    "accuracy": Metric(CLASSIFICATION, "max"),
    "balanced_accuracy": Metric(CLASSIFICATION, "max"),
    "f1": Metric((*CLASSIFICATION, "anomaly"), "max"),
    "roc_auc": Metric((*CLASSIFICATION, "anomaly"), "max"),
    "log_loss": Metric(CLASSIFICATION, "min"),
    "mse": Metric(VALUES, "min"),
    "rmse": Metric(VALUES, "min"),
    "mae": Metric(VALUES, "min"),
    "r2": Metric(VALUES, "max"),
    "skill": Metric(("forecasting",), "max"),
    "threshold": Metric(("anomaly",), "min"),
    "wasserstein": Metric(("generation",), "min"),
    "two_sample": Metric(("generation",), "min"),
    "precision": Metric(("generation",), "max"),
    "recall": Metric(("generation",), "max"),
}

# Of an epoch's training, not of weights on a part: the mean norm of the gradient over its steps,
# before clipping; and val_loss − train_loss.
OF_TRAINING = {"grad_norm": Metric(TASKS, "min"), "gap": Metric(TASKS, "min")}

# No anomaly is trained on: on the training part these are not defined.
_OF_ANOMALIES = ("f1", "roc_auc", "threshold")


def _of_part(part: str) -> dict[str, Metric]:
    """The metrics of a part by their reported names."""
    found = {}
    for name, metric in BASE.items():
        has_none = part == "train" and name in _OF_ANOMALIES
        tasks = tuple(task for task in metric.tasks if not (has_none and task == "anomaly"))
        if tasks:
            found[f"{part}_{name}"] = Metric(tasks, metric.direction)
    return found


# As reported: val_accuracy, train_loss …
METRICS = {**_of_part("train"), **_of_part("val"), **OF_TRAINING}
DIRECTIONS = {name: metric.direction for name, metric in METRICS.items()}
DEFAULT = ("train_loss", "val_loss")
ALWAYS = {"anomaly": ("val_threshold",)}  # further ones, of a task: its model needs it to predict


class LossKind(NamedTuple):
    """For which tasks a loss is defined, and its options."""

    tasks: tuple[str, ...]
    options: Mapping[str, Knob]


LOSSES = {
    "cross_entropy": LossKind(CLASSIFICATION, {}),
    "binary_cross_entropy": LossKind(("binary",), {}),
    "focal": LossKind(CLASSIFICATION, {"gamma": Knob(2.0, NOT_NEGATIVE)}),
    "mse": LossKind(VALUES, {}),
    "mae": LossKind(VALUES, {}),
    "huber": LossKind(VALUES, {"delta": Knob(1.0, POSITIVE)}),
    "smooth_l1": LossKind(VALUES, {"beta": Knob(1.0, POSITIVE)}),
    "wasserstein": LossKind(("generation",), {}),
}
LOSS = Family("loss", {name: kind.options for name, kind in LOSSES.items()})
DEFAULT_LOSS = {
    **dict.fromkeys(CLASSIFICATION, "cross_entropy"),
    **dict.fromkeys(VALUES, "mse"),
    "generation": "wasserstein",
}


def task_of_loss(loss: Mapping[str, Any] | None) -> str | None:
    """ "regression", "classification" or "generation", which the loss is for; None for None.

    Raises:
        ConfigError: as `complete_loss`, but for the task.
    """
    if loss is None:
        return None
    LOSS.check(loss, "loss")
    tasks = LOSSES[loss["name"]].tasks
    if tasks == ("generation",):
        return "generation"
    return "classification" if set(tasks) <= {*CLASSIFICATION} else "regression"


def complete_loss(loss: Mapping[str, Any] | None, task: str) -> dict[str, Any]:
    """The loss with all its options; the task's own for None.

    Raises:
        ConfigError: at "loss", for an unknown name, option or value, or one of other tasks.
    """
    given = loss or {"name": DEFAULT_LOSS[task]}
    LOSS.check(given, "loss")
    kind = LOSSES[given["name"]]
    if task not in kind.tasks:
        allowed = listing(name for name, other in LOSSES.items() if task in other.tasks)
        message = f"{given['name']!r} is a loss of {_words(kind.tasks)} tasks; this task"
        raise ConfigError("loss", f"{message} is {task} ({allowed})")
    return LOSS.complete(given)


def tasks_of(name: str) -> tuple[str, ...]:
    """The tasks of a metric; none for a name that is not ours (a train function's own)."""
    return METRICS[name].tasks if name in METRICS else ()


def check_metric(name: str, task: str | None, path: str) -> None:
    """Raise ConfigError at `path` unless `name` is reported for `task` (None: for any task)."""
    if name not in METRICS:
        allowed = [n for n, m in METRICS.items() if task is None or task in m.tasks]
        near = nearest(name, allowed) or nearest(f"val_{name}", allowed)
        raise ConfigError(path, f"{name!r} is not a metric ({listing(allowed)}{near})")
    if task is not None and task not in METRICS[name].tasks:
        allowed = [n for n, m in METRICS.items() if task in m.tasks]
        message = f"{name!r} is a metric of {_words(METRICS[name].tasks)} tasks; this task"
        raise ConfigError(path, f"{message} is {task} ({listing(allowed)})")


def _words(tasks: tuple[str, ...]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, (", ".join(tasks[:-1]), tasks[-1])))


def reported(metrics: tuple[str, ...], monitor: str, task: str = "") -> tuple[str, ...]:
    """All names of a row: losses, what the task always has, the asked ones, the monitored one."""
    return tuple(dict.fromkeys((*DEFAULT, *ALWAYS.get(task, ()), *metrics, monitor)))


def of_weights(names: Iterable[str]) -> list[str]:
    """Those metrics that weights alone have, at any time: all but those of an epoch's training."""
    return [name for name in names if name not in OF_TRAINING and name != "train_loss"]
