"""What all trials of a sweep share, and the function that builds their model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lanewise.trainables.data.dataset import Prepared
from lanewise.trainables.errors import ConfigError, ModelError, listing, nearest
from lanewise.trainables.metrics.resampling import Resampled
from lanewise.trainables.models import MODELS
from lanewise.trainables.training.streams import torch_seed
from lanewise.trainables.user_code.contract import check_call
from lanewise.trainables.user_code.references import is_reference, locate, resolve

Around = Callable[[int | None, Mapping[str, Any]], AbstractContextManager[object]]


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that the trials of a sweep share; cloudpickle can carry it to workers.

    model: a built-in name, "path.py:build" or "package.module:build".
    train: a reference to a user's training function instead.
    callable: that function itself, given from Python; wins over the reference.
    fixed: settings below every trial's config.
    base: the folder that relative references resolve against.
    folder: the one that a user's code runs in; None where there is none of theirs.
    around: makes what a trial's code runs in, from its number and its configuration, wherever that
        is; from None and an empty one for code that runs for several trials at once.
    prepared: the data, without its test part; None for a train function that brings its own.
    loss: its name and options ({"name": "huber", "delta": 2}); None for the task's own.
    metrics: further metrics to report ("val_mae"); the losses and `monitor` always are.
    monitor, mode: the objective's metric, and "max" or "min".
    ties: which of two epochs with equal values is the better: "loss", the one with the lower
        validation loss, then the earlier; "age", the earlier.
    epochs: the most of one trial, over which schedules are stretched.
    seeds: a trial has folds × seeds replicas.
    per_replica: rows have the monitored metric of each replica, too: "val_accuracy_0", ….
    threads: of torch, on the CPU, while a model trains or is evaluated; None leaves what the
        process has set. More threads than free cores make small models many times slower.
    device: "cpu", or "cuda", used if there is one.
    dtype: "float32", or "float64" to compare trainings without rounding.
    resampled: the validation rows whose values each evaluation gives; None for none.
    """

    model: str | None = None
    train: str | None = None
    callable: Callable[..., Any] | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    base: str = "."
    folder: str | None = None
    around: Around | None = None
    prepared: Prepared | None = field(default=None, repr=False)
    loss: Mapping[str, Any] | None = None
    metrics: tuple[str, ...] = ()
    monitor: str = "val_loss"
    mode: str = "min"
    ties: str = "loss"
    epochs: int = 27
    seeds: int = 1
    per_replica: bool = False
    threads: int | None = None
    device: str = "cpu"
    dtype: str = "float32"
    resampled: Resampled | None = field(default=None, repr=False)

    def of_trial(self, seed: int) -> Recipe:
        """The recipe of a trial with this seed: with its own split, where each has one."""
        if self.prepared is None or self.prepared.redraw is None:
            return self
        return replace(self, prepared=self.prepared.redrawn(torch_seed(seed, 0, "split", 0)))


def check_model(model: str, base: str | Path) -> None:
    """Raise ModelError unless `model` is a built-in name or points to a file that is there.

    Runs no code of the user's and imports no torch.
    """
    if is_reference(model):
        if model.rpartition(":")[0].endswith(".py"):
            locate(model, base)
    elif model not in MODELS:
        allowed = f"{listing(MODELS)}, or my.py:build{nearest(model, MODELS)}"
        raise ModelError("model", f"{model!r} is not a model ({allowed})")


def find_build(recipe: Recipe) -> Callable[..., Any]:
    """The function that builds the recipe's model.

    Raises:
        ModelError: there is none, or it does not take (config, info).
    """
    if recipe.callable is not None:
        check_call(recipe.callable, "model")
        return recipe.callable
    if recipe.model is None:
        raise ConfigError("model", "give a model or a train function")
    if recipe.model in MODELS:
        return MODELS[recipe.model].builder
    check_model(recipe.model, recipe.base)
    build = resolve(recipe.model, recipe.base, "model")
    check_call(build, "model")
    return build
