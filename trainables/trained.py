"""A trained model from a checkpoint's best weights: predictions, and proof of its metrics."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables import checkpoint as checkpoints
from trainables.config import complete
from trainables.errors import CheckpointError, DataError, ModelError
from trainables.info import Info
from trainables.inputs import Inputs
from trainables.losses import Loss, make_loss
from trainables.metrics import complete_loss, of_weights, reported
from trainables.replica import build_module, copy_weights, forward, measure
from trainables.scores import score
from trainables.state import read_info, read_preprocess
from trainables.streamed import Streamed
from trainables.table import Array, Rows
from trainables.targets import Targets
from trainables.tensors import FoldTensors, fold_tensors
from trainables.training import build_for, pick_device, threads
from trainables.trial import Recipe
from trainables.unread import Unread


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Replicas and what turns raw columns into their input.

    modules, preprocess: one per replica, replicas of a fold beside each other.
    epoch: the best epoch, whose weights these are; metrics: its row.
    loss: what they were trained with, as in `trial.Recipe`.
    """

    modules: tuple[nn.Module, ...]
    preprocess: tuple[Inputs, ...]
    info: Info
    config: dict[str, Any]
    epoch: int
    metrics: dict[str, float]
    loss: Mapping[str, Any] | None
    recipe: Recipe

    @classmethod
    def load(cls, path: Path, recipe: Recipe) -> TrainedModel:
        """The best weights in a model trial's checkpoint; `recipe` needs its data only to evaluate.

        Raises:
            CheckpointError: damaged, of another model, or without a finished epoch.
        """
        tensors, state = checkpoints.read(path)
        info, fits = read_info(state), read_preprocess(state)
        rows = dict(state["rows"])
        if state["best_epoch"] not in rows:
            raise CheckpointError(f"{path} has no finished epoch")
        # The checkpoint may be older than a hyperparameter, which then was at its default.
        full = complete(recipe.model, state["config"])
        build, config = build_for(recipe, state["given"], full)
        device = pick_device(recipe.device)
        modules = []
        for number in range(state["replicas"]):
            module = build_module(build, config, info, seed=0, device=device, dtype=recipe.dtype)
            copy_weights(module, tensors, f"{number}.best.")
            modules.append(module.eval())
        every = tuple(fits[number // state["seeds"]] for number in range(state["replicas"]))
        best = state["best_epoch"]
        return cls(
            tuple(modules),
            every,
            info,
            state["config"],
            best,
            rows[best],
            state.get("loss"),
            recipe,
        )

    @property
    def module(self) -> nn.Module:
        """The first replica."""
        return self.modules[0]

    def predict(self, X: Any) -> Array:
        """Labels [N] as in the data, or values [N] in the target's own units.

        `X`: a DataFrame, a dict of columns, a Table, or rows [N, columns].
        """
        if self.info.task == "regression":
            return self._mean(X)[:, 0]
        assert self.info.classes is not None
        labels: Array = np.asarray(self.info.classes)
        return np.asarray(labels[self.predict_proba(X).argmax(1)])

    def predict_proba(self, X: Any) -> Array:
        """Probabilities [N, classes] in the order of `info.classes`: the mean over replicas."""
        if self.info.task == "regression":
            raise ModelError("model", "a regression has no class probabilities; use predict")
        mean = self._mean(X)
        return np.concatenate([1 - mean, mean], axis=1) if self.info.outputs == 1 else mean

    def evaluate(self) -> dict[str, float]:
        """The metrics of the best row but those of its epoch's training, such as train_loss.

        Each replica on its own fold's parts; needs the recipe's data.
        """
        if self.recipe.prepared is None:
            raise DataError("data", "evaluation needs the data that the model was trained on")
        names = of_weights(reported(self.recipe.metrics, self.recipe.monitor))
        device = pick_device(self.recipe.device)
        folds = fold_tensors(self.recipe.prepared, device, self.recipe.dtype)
        pairs = zip(self.modules, self._per_replica(folds), strict=True)
        with threads(self.recipe.threads):  # as in training, to the last bit
            found = [measure(m, data, names, self._loss, self.info) for m, data in pairs]
        row = {name: statistics.fmean(each[name] for each in found) for name in names}
        monitor = self.recipe.monitor
        if len(found) > 1 and monitor in row:
            row[f"{monitor}_std"] = statistics.pstdev(each[monitor] for each in found)
        return row

    def score(self, table: Rows, names: tuple[str, ...] = ("loss",)) -> dict[str, float]:
        """Replicas' mean of "loss", "accuracy", "r2" … on other rows, such as the test part."""
        targets = Targets(self.info.task, self.info.classes, self.info.anomalies)
        found = []
        for module, preprocess in zip(self.modules, self.preprocess, strict=True):
            x, y = targets.part(table, preprocess)
            like = next(module.parameters())
            made = torch.from_numpy(y).to(like.device)
            y_N = made.to(like.dtype) if made.is_floating_point() else made
            output_NC = self._outputs(module, x)
            scale = torch.as_tensor(preprocess.target_std, dtype=torch.float64)
            found.append(score(names, output_NC, y_N, self._loss, scale, self.info.task))
        return {name: statistics.fmean(each[name] for each in found) for name in names}

    @property
    def _loss(self) -> Loss:
        return make_loss(complete_loss(self.loss, self.info.task), self.info.task)

    def _per_replica(self, folds: tuple[FoldTensors, ...]) -> list[FoldTensors]:
        seeds = len(self.modules) // len(folds)
        return [fold for fold in folds for _ in range(seeds)]

    def _forward(self, module: nn.Module, preprocess: Inputs, X: Any) -> Tensor:
        return self._outputs(module, preprocess.transform(X))

    def _outputs(self, module: nn.Module, x: Array | Unread) -> Tensor:
        like = next(module.parameters())
        if isinstance(x, Unread):
            rows = Streamed([x], str(like.device), like.dtype)
            return forward(module, rows, self.info.outputs)
        inputs = torch.from_numpy(x).to(like.device)
        inputs = inputs.to(like.dtype) if inputs.is_floating_point() else inputs
        return forward(module, inputs, self.info.outputs)

    def _mean(self, X: Any) -> Array:
        """Probabilities, or values in original units, averaged over replicas; float64 [N, C]."""
        total: Array = np.zeros(1)
        for module, preprocess in zip(self.modules, self.preprocess, strict=True):
            output = self._forward(module, preprocess, X).double()
            if self.info.task == "multiclass":
                output = output.softmax(1)
            elif self.info.task == "binary":
                output = output.sigmoid()
            values = output.cpu().numpy()
            if self.info.task == "regression":
                values = preprocess.decode_target(values)
            total = total + values
        return np.asarray(total / len(self.modules))
