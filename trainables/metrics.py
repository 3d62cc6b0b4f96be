"""The names of the metrics that training reports, their tasks and their directions; no torch.

A new metric is one row in BASE and one function in `scores.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from trainables.errors import ConfigError, listing, nearest

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
    "mse": Metric(REGRESSION, "min"),
    "rmse": Metric(REGRESSION, "min"),
    "mae": Metric(REGRESSION, "min"),
    "r2": Metric(REGRESSION, "max"),
}

# As reported: val_accuracy, train_loss …
METRICS = {f"{part}_{name}": metric for part in PARTS for name, metric in BASE.items()}
DIRECTIONS = {name: metric.direction for name, metric in METRICS.items()}
DEFAULT = ("train_loss", "val_loss")


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
