"""A trial of a model: folds × seeds replicas, trained epoch by epoch side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lanewise.trainables.errors import CheckpointError, ConfigError, ModelError
from lanewise.trainables.metrics.names import of_weights
from lanewise.trainables.models import MODELS
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training import penalties
from lanewise.trainables.training.progress import Course, check_loss
from lanewise.trainables.training.protocol import Row, RowsByEpoch
from lanewise.trainables.training.replica import Replica
from lanewise.trainables.training.tensors import fold_tensors
from lanewise.trainables.training.unit import Unit, units


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Torch's CPU threads inside; as before outside, where a person's own code goes on."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def pick_device(wanted: str) -> str:
    """`wanted`, or the CPU where there is no such GPU."""
    return wanted if not wanted.startswith("cuda") or torch.cuda.is_available() else "cpu"


class ModelTrial:
    """See `protocol.Trial`; its replicas train one after the other."""

    def __init__(
        self,
        recipe: Recipe,
        given: Mapping[str, Any],
        seed: int,
        checkpoint: Path | None,
        adopt: Path | None = None,
    ) -> None:
        self.recipe = recipe
        self.course = Course(recipe, given, seed)
        self.inside_epoch = False  # stays true after an interrupt: the weights are of no epoch
        with threads(recipe.threads):
            self.replicas = make_replicas(recipe, self.course.given, self.course.config, seed)
        if checkpoint is not None:
            self.course.restore(checkpoint, self.replicas, adopt)

    @property
    def epoch(self) -> int:
        return self.course.epoch

    @property
    def rows(self) -> list[Row]:
        return self.course.rows

    @property
    def evaluated(self) -> RowsByEpoch:
        return self.course.evaluated

    @property
    def config(self) -> dict[str, Any]:
        return self.course.config

    def advance(self, until: int, seconds: float | None = None) -> bool:
        started = time.monotonic()
        with threads(self.recipe.threads):
            while self.epoch < until and not self.course.is_out_of_patience:
                self._one_epoch()
                if seconds is not None and time.monotonic() - started >= seconds:
                    break
        return self.course.is_out_of_patience

    def save(self, path: Path) -> None:
        if self.inside_epoch:
            message = f"the trial was interrupted inside epoch {self.epoch + 1}"
            raise CheckpointError(f"{message}; its last checkpoint stands")
        self.course.save(path, self.replicas)

    def rescue(self, path: Path) -> None:
        self.course.rescue(path, self.replicas)

    def close(self) -> None:
        self.replicas = []

    def _one_epoch(self) -> None:
        epoch, self.inside_epoch = self.epoch + 1, True
        found = [self._replica_epoch(replica, epoch) for replica in self.replicas]
        self.course.end_epoch(found, self.replicas)
        self.inside_epoch = False

    def _replica_epoch(self, replica: Replica, epoch: int) -> dict[str, float]:
        trained = replica.train_epoch(epoch)
        number = replica.number if len(self.replicas) > 1 else None
        check_loss(trained["train_loss"], epoch, number)
        measured = replica.evaluate(of_weights(self.course.names))
        replica.rate.epoch_ended(measured["val_loss"])
        return {**trained, **measured}


def make_replicas(
    recipe: Recipe, given: Mapping[str, Any], config: Mapping[str, Any], seed: int
) -> list[Replica]:
    """Replica number = fold · seeds + seed's place; new, untrained."""
    if recipe.prepared is None:
        raise ConfigError("data", "a model needs data; give a source")
    device = pick_device(recipe.device)
    folds = fold_tensors(recipe.prepared, device, recipe.dtype)
    built_in = None if recipe.callable else MODELS.get(recipe.model or "")
    make = built_in.replica_class if built_in else Replica
    each = units(recipe, given, config, folds, device, seed)
    made: list[Replica] = [make(unit) for unit in each]
    check_activations(each[0], made[0].module)
    return made


def check_activations(unit: Unit, module: nn.Module) -> None:
    """Raise ModelError where a user's module has nothing that `activity_l1` could see."""
    is_built_in = unit.given is unit.config
    if unit.config["activity_l1"] and not is_built_in and not penalties.activations(module):
        message = "activity_l1 needs activation modules (nn.ReLU, …), and the module has none"
        raise ModelError("model", message)
