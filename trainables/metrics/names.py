"""The names of losses and of the metrics that training reports, their tasks, options, directions.

No torch. A new metric is one row in BASE, which names its function; a new loss one row in LOSSES
and one function in `losses.py`.
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


class Resampling(NamedTuple):
    """How a metric is made of rows: see `search.selection.sample.Sample`."""

    statistic: str
    dtype: str
    is_root: bool = False
    is_share: bool = False


class Metric(NamedTuple):
    """What is registered of a metric.

    tasks: for which it is defined; direction: whether larger ("max") or smaller is better.
    score: "module:function" in this package, (outputs, targets, scale) → [...] as in `scores`;
        "" for none but those `of_task`, which have the task's own instead.
    resampling: by which the best value is corrected; None where it is of all rows together.
    """

    tasks: tuple[str, ...]
    direction: str
    score: str = ""
    of_task: Mapping[str, str] = {}
    resampling: Resampling | None = None


_MEAN = Resampling("mean", "<f4")
_RIGHT = Resampling("mean", "bits", is_share=True)
_RECALLS = Resampling("balanced_accuracy", "bits", is_share=True)
_CLASSES = Resampling("f1", "<u2", is_share=True)
_AREA = Resampling("roc_auc", "<f4", is_share=True)
_ROOT = _MEAN._replace(is_root=True)


def _anomaly(name: str) -> dict[str, str]:
    return {"anomaly": f"scores:anomaly_{name}"}


def _generation(name: str) -> dict[str, str]:
    return {"generation": f"generated:{name}"}


BASE = {
    "loss": Metric(TASKS, "min", resampling=_MEAN),
    "accuracy": Metric(CLASSIFICATION, "max", "scores:accuracy", resampling=_RIGHT),
    "balanced_accuracy": Metric(
        CLASSIFICATION, "max", "scores:balanced_accuracy", resampling=_RECALLS
    ),
    "f1": Metric((*CLASSIFICATION, "anomaly"), "max", "scores:f1", _anomaly("f1"), _CLASSES),
    "roc_auc": Metric(
        (*CLASSIFICATION, "anomaly"), "max", "scores:roc_auc", _anomaly("roc_auc"), _AREA
    ),
    "log_loss": Metric(CLASSIFICATION, "min", "scores:log_loss", resampling=_MEAN),
    "mse": Metric(VALUES, "min", "scores:mse", _anomaly("mse"), _MEAN),
    "rmse": Metric(VALUES, "min", "scores:rmse", _anomaly("rmse"), _ROOT),
    "mae": Metric(VALUES, "min", "scores:mae", _anomaly("mae"), _MEAN),
    "r2": Metric(VALUES, "max", "scores:r2", _anomaly("r2"), _MEAN),
    "skill": Metric(("forecasting",), "max", "scores:skill", resampling=_MEAN),
    "threshold": Metric(("anomaly",), "min", of_task=_anomaly("threshold")),
    "wasserstein": Metric(("generation",), "min", of_task=_generation("wasserstein")),
    "two_sample": Metric(("generation",), "min", of_task=_generation("two_sample")),
    "precision": Metric(("generation",), "max", of_task=_generation("precision")),
    "recall": Metric(("generation",), "max", of_task=_generation("recall")),
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
