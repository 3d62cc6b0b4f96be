"""What a trial of a model remembers over its epochs, however its replicas are trained."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from lanewise.trainables.checkpoints import files as checkpoints
from lanewise.trainables.checkpoints.state import describe
from lanewise.trainables.checkpoints.weights import renumbered
from lanewise.trainables.config import complete
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import BadValue, CheckpointError, ConfigError
from lanewise.trainables.metrics.names import check_metric, reported
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.protocol import Row, RowsByEpoch

_EVALUATED = "evaluated."  # and the epoch: what a checkpoint holds of validation rows


class Keeper(Protocol):
    """A replica in training, alone or as a lane: what a course saves and restores."""

    number: int
    row_values: Array | None  # of its fold's rows that are resampled, [columns, N]

    @property
    def size(self) -> int:
        """Trainable parameters."""
        ...

    def keep_best(self) -> None:
        """Copy the present weights."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Everything that training needs to go on, by name."""
        ...

    def restore(self, tensors: Mapping[str, Tensor], *, with_optimizer: bool) -> None:
        """Take over what `tensors()` gave, bit by bit."""
        ...


class Course:
    """Rows, best epoch, patience and checkpoints of folds × seeds replicas.

    A row holds the mean over replicas, and the monitored metric's spread.

    given: the trial's configuration as it was asked for; config: the same with all defaults.
    """

    def __init__(self, recipe: Recipe, given: Mapping[str, Any], seed: int) -> None:
        if recipe.prepared is None:
            raise ConfigError("data", "a model needs data; give a source")
        self.recipe, self.seed = recipe, seed
        self.given = dict(given)
        self.config = complete(recipe.model, given)
        self.epoch = 0
        self.rows: list[Row] = []
        self.evaluated: RowsByEpoch = {}
        self.best_epoch = 0
        self.best_given = self.given  # with which the best epoch was trained
        self.adopted: str | None = None  # the checkpoint whose weights it has taken over last
        self.names = reported(recipe.metrics, recipe.monitor, recipe.prepared.info.task)
        for name in self.names:
            check_metric(name, recipe.prepared.info.task, "metrics")

    @property
    def is_out_of_patience(self) -> bool:
        """Whether the objective has not become better for so many epochs; a tie is no progress."""
        patience = self.config["patience"]
        if patience is None or not self.best_epoch:
            return False
        monitor = self.recipe.monitor
        best = self.rows[self.best_epoch - 1][1][monitor]
        first = next(epoch for epoch, row in self.rows if row[monitor] == best)
        return bool(self.epoch - first >= patience)

    def end_epoch(self, found: Sequence[Mapping[str, float]], replicas: Sequence[Keeper]) -> None:
        """Take in what each replica measured: one more row, and perhaps a new best.

        Raises:
            BadValue: a loss or the monitored metric is not finite.
        """
        epoch = self.epoch + 1
        for place, each in enumerate(found):
            check_loss(each["train_loss"], epoch, place if len(found) > 1 else None)
        rows = [{**each, "gap": each["val_loss"] - each["train_loss"]} for each in found]
        row = {name: statistics.fmean(each[name] for each in rows) for name in self.names}
        monitor = self.recipe.monitor
        if not math.isfinite(row[monitor]):
            raise BadValue(f"epoch {epoch}: {monitor} is {row[monitor]}")
        if len(rows) > 1:
            row[f"{monitor}_std"] = statistics.pstdev(each[monitor] for each in rows)
        if self.recipe.per_replica:
            row |= {f"{monitor}_{place}": each[monitor] for place, each in enumerate(rows)}
        row = {n: v for n, v in row.items() if math.isfinite(v)}
        before = self.rows[self.best_epoch - 1][1] if self.best_epoch else None
        self.rows.append((epoch, row))
        self.epoch = epoch
        self._keep_row_values(replicas)
        if before is None or self._rank(row) > self._rank(before):
            self.best_epoch, self.best_given = epoch, self.given
            for replica in replicas:
                replica.keep_best()

    def _keep_row_values(self, replicas: Sequence[Keeper]) -> None:
        """Folds one after the other, seeds beside each other; replica = fold · seeds + seed."""
        each = [replica.row_values for replica in replicas]
        given = [values for values in each if values is not None]
        if self.recipe.resampled is None or len(given) < len(each):
            return
        seeds = self.recipe.seeds
        whole = [np.concatenate(given[seed::seeds], -1) for seed in range(seeds)]
        body = self.recipe.resampled.encode(np.concatenate(whole))
        self.evaluated[self.epoch] = replicas[0].size, body

    def _rank(self, row: Mapping[str, float]) -> tuple[float, float]:
        """What epochs are compared by, more is better; of equals the earlier stays the best.

        The same order as `core.ranking`, by which the sweep names the best epoch: a test holds
        them together.
        """
        value = row[self.recipe.monitor]
        score = value if self.recipe.mode == "max" else -value
        return score, -row.get("val_loss", math.inf) if self.recipe.ties == "loss" else 0.0

    def save(self, path: Path, replicas: Sequence[Keeper]) -> None:
        """A checkpoint, to be trained on from."""
        bodies = {
            f"{_EVALUATED}{epoch}": torch.frombuffer(bytearray(body), dtype=torch.uint8)
            for epoch, (_, body) in self.evaluated.items()
        }
        checkpoints.write(path, _named(replicas) | bodies, self._state())

    def rescue(self, path: Path, replicas: Sequence[Keeper]) -> None:
        """See `trial.Trial.rescue`."""
        if self.best_epoch:
            checkpoints.write(path, _best(_named(replicas)), self._state())

    def _state(self) -> dict[str, Any]:
        state = describe(self.recipe, self.given, self.config, self.seed) | {
            "epoch": self.epoch,
            "rows": self.rows,
            "best_epoch": self.best_epoch,
            "adopted": self.adopted,
            "sizes": {epoch: size for epoch, (size, _) in self.evaluated.items()},
        }
        if self.best_given != self.given:
            config = complete(self.recipe.model, self.best_given)
            state["best"] = {"given": self.best_given, "config": config}
        return state

    def restore(self, path: Path, replicas: Sequence[Keeper], adopt: Path | None = None) -> None:
        """Go on from a checkpoint.

        Args:
            adopt: another trial's, of the same epoch. Its weights and what else is needed to
                train on replace this trial's, unless they have done so before `path` was
                written; rows and best weights stay.

        Raises:
            CheckpointError: one of them is damaged, missing or of another model.
        """
        tensors, state = _read(path, replicas)
        bodies = {name: tensors.pop(name) for name in [*tensors] if name.startswith(_EVALUATED)}
        self.adopted = state.get("adopted")
        trained_with = state["config"]
        if adopt is not None and adopt.name != self.adopted:
            theirs, source = _read(adopt, replicas)
            if source["epoch"] != state["epoch"]:
                message = f"is of epoch {source['epoch']}, {path} of epoch {state['epoch']}"
                raise CheckpointError(f"{adopt} {message}")
            mine = [name for name in _named(replicas) if _is_now(name)]
            theirs = {name: t for name, t in theirs.items() if not name.startswith(_EVALUATED)}
            tensors = renumbered(_but_best(theirs), mine, _is_now) | _best(tensors)
            self.adopted, trained_with = adopt.name, source["config"]
        # Another optimizer (as population based training may choose) starts with a fresh state.
        same = _optimizers(trained_with) == _optimizers(self.config)
        for replica in replicas:
            prefix = f"{replica.number}."
            own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            replica.restore(own, with_optimizer=same)
        self.epoch = state["epoch"]
        self.rows = [(epoch, metrics) for epoch, metrics in state["rows"]]
        self.evaluated = {
            int(epoch): (size, bodies[f"{_EVALUATED}{epoch}"].numpy().tobytes())
            for epoch, size in state.get("sizes", {}).items()
        }
        self.best_epoch = state["best_epoch"]
        self.best_given = state.get("best", state)["given"]


def check_loss(loss: float, epoch: int, replica: int | None) -> None:
    """Raise BadValue unless a training loss is finite."""
    if not math.isfinite(loss):
        which = "" if replica is None else f" (replica {replica})"
        raise BadValue(f"epoch {epoch}: train_loss is {loss}{which}")


def _optimizers(config: Mapping[str, Any]) -> list[str | None]:
    """Their names; a gan's critic may have one of its own."""
    both = config["optimizer"], config.get("critic_optimizer")
    return [each["name"] if each else None for each in both]


def _read(path: Path, replicas: Sequence[Keeper]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, state = checkpoints.read(path)
    if state["replicas"] != len(replicas):
        message = f"{state['replicas']} replicas, the trial {len(replicas)}"
        raise CheckpointError(f"{path} has {message}")
    return tensors, state


def _best(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The best weights of all replicas."""
    return {name: t for name, t in tensors.items() if _is_best(name)}


def _but_best(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All that training needs to go on."""
    return {name: t for name, t in tensors.items() if not _is_best(name)}


def _is_best(name: str) -> bool:
    """Whether "REPLICA.NAME" is among the best weights."""
    return name.partition(".")[2].startswith("best.")


def _is_now(name: str) -> bool:
    """Whether "REPLICA.NAME" is among the present weights."""
    return name.partition(".")[2].startswith("now.")


def _named(replicas: Sequence[Keeper]) -> dict[str, Tensor]:
    return {f"{r.number}.{name}": tensor for r in replicas for name, tensor in r.tensors().items()}
