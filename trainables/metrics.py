"""The names of losses and of the metrics that training reports, their tasks, options, directions.

No torch. A new metric is one row in BASE and one function in `scores.py`; a new loss one row in
LOSSES and one function in `losses.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from trainables.errors import ConfigError, listing, nearest
from trainables.knobs import NOT_NEGATIVE, POSITIVE, Family, Knob

CLASSIFICATION = ("binary", "multiclass")
SUPERVISED = (*CLASSIFICATION, "regression")
RECONSTRUCTION = ("reconstruction", "anomaly")
VALUES = ("regression", "forecasting", *RECONSTRUCTION)
TASKS = (*SUPERVISED, "forecasting", *RECONSTRUCTION, "generation")
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
    """ "regression" or "classification", which the loss says of the target; None for None.

    Raises:
        ConfigError: as `complete_loss`, but for the task.
    """
    if loss is None:
        return None
    LOSS.check(loss, "loss")
    return (
        "classification" if set(LOSSES[loss["name"]].tasks) <= {*CLASSIFICATION} else "regression"
    )


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
        message = f"{given['name']!r} is a loss of {listing(kind.tasks)} tasks; this task"
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
        message = f"{name!r} is a metric of {listing(METRICS[name].tasks)} tasks; this task"
        raise ConfigError(path, f"{message} is {task} ({listing(allowed)})")


def reported(metrics: tuple[str, ...], monitor: str) -> tuple[str, ...]:
    """All names of a row, in order: losses first, then the asked ones, then the monitored one."""
    return tuple(dict.fromkeys((*DEFAULT, *metrics, monitor)))


def of_weights(names: Iterable[str]) -> list[str]:
    """Those metrics that weights alone have, at any time: all but those of an epoch's training."""
    return [name for name in names if name not in OF_TRAINING and name != "train_loss"]
