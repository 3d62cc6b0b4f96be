"""A trial of a model: folds × seeds replicas, trained epoch by epoch side by side."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from trainables import checkpoint as checkpoints
from trainables import penalties
from trainables.config import MODELS, check_task, complete
from trainables.errors import BadValue, CheckpointError, ConfigError, ModelError
from trainables.metrics import check_metric, of_weights, reported
from trainables.replica import Build, Replica
from trainables.state import describe
from trainables.tensors import fold_tensors
from trainables.trial import Recipe, Row, find_build


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
    """See `trial.Trial`. A row holds the mean over replicas, and the monitored metric's spread."""

    def __init__(
        self, recipe: Recipe, given: Mapping[str, Any], seed: int, checkpoint: Path | None
    ) -> None:
        self.recipe, self.seed = recipe, seed
        self.given = dict(given)
        self.config = complete(recipe.model, given)
        self.epoch = 0
        self.rows: list[Row] = []
        self.best_epoch = 0
        self.best_value = math.nan
        self.inside_epoch = False  # stays true after an interrupt: the weights are of no epoch
        with threads(recipe.threads):
            self.replicas = make_replicas(recipe, self.given, self.config, seed)
        self.names = reported(recipe.metrics, recipe.monitor)
        for name in self.names:
            check_metric(name, self.replicas[0].info.task, "metrics")
        if checkpoint is not None:
            self._restore(checkpoint)

    def advance(self, until: int, seconds: float | None = None) -> bool:
        started = time.monotonic()
        with threads(self.recipe.threads):
            while self.epoch < until and not self._out_of_patience():
                self._one_epoch()
                if seconds is not None and time.monotonic() - started >= seconds:
                    break
        return self._out_of_patience()

    def save(self, path: Path) -> None:
        if self.inside_epoch:
            message = f"the trial was interrupted inside epoch {self.epoch + 1}"
            raise CheckpointError(f"{message}; its last checkpoint stands")
        checkpoints.write(path, self._tensors(), self._state())

    def rescue(self, path: Path) -> None:
        if self.best_epoch:
            best = {n: t for n, t in self._tensors().items() if n.partition(".")[2][:5] == "best."}
            checkpoints.write(path, best, self._state())

    def _state(self) -> dict[str, Any]:
        return describe(self.recipe, self.given, self.config, self.seed) | {
            "epoch": self.epoch,
            "rows": self.rows,
            "best_epoch": self.best_epoch,
            "best_value": None if math.isnan(self.best_value) else self.best_value,
        }

    def close(self) -> None:
        self.replicas = []

    def _one_epoch(self) -> None:
        epoch, self.inside_epoch = self.epoch + 1, True
        found = [self._replica_epoch(replica, epoch) for replica in self.replicas]
        row = {name: statistics.fmean(each[name] for each in found) for name in self.names}
        monitor = self.recipe.monitor
        if not math.isfinite(row[monitor]):
            raise BadValue(f"epoch {epoch}: {monitor} is {row[monitor]}")
        if len(found) > 1:
            row[f"{monitor}_std"] = statistics.pstdev(each[monitor] for each in found)
        self.rows.append((epoch, {n: v for n, v in row.items() if math.isfinite(v)}))
        self.epoch = epoch
        self._remember_best(row[monitor])
        self.inside_epoch = False

    def _replica_epoch(self, replica: Replica, epoch: int) -> dict[str, float]:
        trained = replica.train_epoch(epoch)
        loss = trained["train_loss"]
        if not math.isfinite(loss):
            which = f" (replica {replica.number})" if len(self.replicas) > 1 else ""
            raise BadValue(f"epoch {epoch}: train_loss is {loss}{which}")
        measured = replica.evaluate(of_weights(self.names))
        replica.rate.epoch_ended(measured["val_loss"])
        return {**trained, **measured, "gap": measured["val_loss"] - loss}

    def _remember_best(self, value: float) -> None:
        """Copy the weights if `value` is better than all before; of equals the first stays."""
        sign = 1 if self.recipe.mode == "max" else -1
        if math.isnan(self.best_value) or sign * value > sign * self.best_value:
            self.best_epoch, self.best_value = self.epoch, value
            for replica in self.replicas:
                replica.keep_best()

    def _out_of_patience(self) -> bool:
        patience = self.config["patience"]
        return patience is not None and self.epoch - self.best_epoch >= patience

    def _tensors(self) -> dict[str, torch.Tensor]:
        return {
            f"{replica.number}.{name}": tensor
            for replica in self.replicas
            for name, tensor in replica.tensors().items()
        }

    def _restore(self, path: Path) -> None:
        tensors, state = checkpoints.read(path)
        if state["replicas"] != len(self.replicas):
            message = f"{state['replicas']} replicas, the trial {len(self.replicas)}"
            raise CheckpointError(f"{path} has {message}")
        # Another optimizer (as population based training may choose) starts with a fresh state.
        same = state["config"]["optimizer"]["name"] == self.config["optimizer"]["name"]
        for replica in self.replicas:
            prefix = f"{replica.number}."
            own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            replica.restore(own, with_optimizer=same)
        self.epoch = state["epoch"]
        self.rows = [(epoch, metrics) for epoch, metrics in state["rows"]]
        self.best_epoch = state["best_epoch"]
        self.best_value = math.nan if state["best_value"] is None else state["best_value"]


def build_for(
    recipe: Recipe, given: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[Build, Mapping[str, Any]]:
    """The build function, and what it gets.

    A built-in model needs its defaults; a user's build gets exactly what the user wrote.
    """
    built_in = recipe.callable is None and recipe.model in MODELS
    return find_build(recipe), config if built_in else given


def make_replicas(
    recipe: Recipe, given: Mapping[str, Any], config: Mapping[str, Any], seed: int
) -> list[Replica]:
    """Replica number = fold · seeds + seed's place; new, untrained."""
    if recipe.prepared is None:
        raise ConfigError("data", "a model needs data; give a source")
    info, device = recipe.prepared.info, pick_device(recipe.device)
    check_task(config, info.task, len(info.classes or ()))
    build, for_build = build_for(recipe, given, config)
    made = [
        Replica(
            recipe,
            build,
            for_build,
            config,
            info,
            data,
            seed=seed,
            number=fold * recipe.seeds + place,
            device=device,
        )
        for fold, data in enumerate(fold_tensors(recipe.prepared, device, recipe.dtype))
        for place in range(recipe.seeds)
    ]
    if config["activity_l1"] and for_build is given and not penalties.activations(made[0].module):
        message = "activity_l1 needs activation modules (nn.ReLU, …), and the module has none"
        raise ModelError("model", message)
    return made
