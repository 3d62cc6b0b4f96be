"""The names of losses and of the metrics that training reports, their tasks, options, directions.

No torch. A new metric is one row in BASE and one function in `scores.py`; a new loss one row in
LOSSES and one function in `losses.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from trainables.errors import ConfigError, listing, nearest
from trainables.knobs import NOT_NEGATIVE, POSITIVE, Family, Knob

TASKS = ("binary", "multiclass", "regression")
CLASSIFICATION = ("binary", "multiclass")
REGRESSION = ("regression",)
PARTS = ("train", "val")


class Metric(NamedTuple):
    """For which tasks a metric is defined, and whether larger ("max") or smaller is better."""

    tasks: tuple[str, ...]
    direction: str


BASE = {
    "loss": Metric(TASKS, "min"),
    "accuracy": Metric(CLASSIFICATION, "max"),
    "balanced_accuracy": Metric(CLASSIFICATION, "max"),
    "f1": Metric(CLASSIFICATION, "max"),
    "roc_auc": Metric(CLASSIFICATION, "max"),
    "log_loss": Metric(CLASSIFICATION, "min"),
    "mse": Metric(REGRESSION, "min"),
    "rmse": Metric(REGRESSION, "min"),
    "mae": Metric(REGRESSION, "min"),
    "r2": Metric(REGRESSION, "max"),
}

# Of an epoch's training, not of weights on a part: the mean norm of the gradient over its steps,
# before clipping; and val_loss − train_loss.
OF_TRAINING = {"grad_norm": Metric(TASKS, "min"), "gap": Metric(TASKS, "min")}

# As reported: val_accuracy, train_loss …
METRICS = {
    **{f"{part}_{name}": metric for part in PARTS for name, metric in BASE.items()},
    **OF_TRAINING,
}
DIRECTIONS = {name: metric.direction for name, metric in METRICS.items()}
DEFAULT = ("train_loss", "val_loss")


class LossKind(NamedTuple):
    """For which tasks a loss is defined, and its options."""

    tasks: tuple[str, ...]
    options: Mapping[str, Knob]


LOSSES = {
    "cross_entropy": LossKind(CLASSIFICATION, {}),
    "binary_cross_entropy": LossKind(("binary",), {}),
    "focal": LossKind(CLASSIFICATION, {"gamma": Knob(2.0, NOT_NEGATIVE)}),
    "mse": LossKind(REGRESSION, {}),
    "mae": LossKind(REGRESSION, {}),
    "huber": LossKind(REGRESSION, {"delta": Knob(1.0, POSITIVE)}),
    "smooth_l1": LossKind(REGRESSION, {"beta": Knob(1.0, POSITIVE)}),
}
LOSS = Family("loss", {name: kind.options for name, kind in LOSSES.items()})
DEFAULT_LOSS = {"binary": "cross_entropy", "multiclass": "cross_entropy", "regression": "mse"}


def task_of_loss(loss: Mapping[str, Any] | None) -> str | None:
    """ "regression" or "classification", which the loss says of the data; None for None.

    Raises:
        ConfigError: as `complete_loss`, but for the task.
    """
    if loss is None:
        return None
    LOSS.check(loss, "loss")
    return "regression" if LOSSES[loss["name"]].tasks == REGRESSION else "classification"


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
        message = f"{given['name']!r} is a loss of {' and '.join(kind.tasks)} tasks; this task"
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
        message = f"{name!r} is a metric of {' and '.join(METRICS[name].tasks)} tasks; this task"
        raise ConfigError(path, f"{message} is {task} ({listing(allowed)})")


def reported(metrics: tuple[str, ...], monitor: str) -> tuple[str, ...]:
    """All names of a row, in order: losses first, then the asked ones, then the monitored one."""
    return tuple(dict.fromkeys((*DEFAULT, *metrics, monitor)))


def of_weights(names: Iterable[str]) -> list[str]:
    """Those metrics that weights alone have, at any time: all but those of an epoch's training."""
    return [name for name in names if name not in OF_TRAINING and name != "train_loss"]
