"""A trained model: predictions from raw rows, its metrics, and the bundle that it is stored as."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lanewise.trainables.checkpoints.bundle import Bundle, Origin, of_checkpoint, write
from lanewise.trainables.checkpoints.evaluation import evaluate, score
from lanewise.trainables.checkpoints.outputs import mean_output, outputs
from lanewise.trainables.checkpoints.weights import copy_state, lacks, state_of
from lanewise.trainables.data.given import plain
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.labels import label_array
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.restore import restored, together
from lanewise.trainables.data.table import Array, Rows, Table
from lanewise.trainables.data.unread import Unread
from lanewise.trainables.errors import DataError, ModelError, listing
from lanewise.trainables.metrics.anomaly import row_scores
from lanewise.trainables.metrics.losses import Loss, make_loss
from lanewise.trainables.metrics.names import RECONSTRUCTION, complete_loss
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.latent import Generative, drawn
from lanewise.trainables.training.model_trial import pick_device, threads
from lanewise.trainables.training.streams import stream, torch_seed
from lanewise.trainables.training.unit import build_for, build_module
from lanewise.trainables.user_code.module import example_rows, first_pass
from lanewise.trainables.user_code.source import Source, source_of


def load_state(
    module: nn.Module, tensors: Mapping[str, Tensor], prefix: str, info: Info, dtype: str
) -> None:
    """Fill a module that was just built with what `weights.state_of` took from a trained one.

    Raises:
        CheckpointError: it is of another model.
    """
    if lacks(module, tensors, prefix):
        device = str(next(module.parameters()).device)
        # Where no forward pass of examples makes them, what is missing is said by its name.
        with suppress(Exception):
            first_pass(module, example_rows(info, device, getattr(torch, dtype)))
    copy_state(module, tensors, prefix)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Replicas and what turns raw columns into their input.

    modules, preprocess: one per replica, replicas of a fold beside each other.
    epoch: the best epoch, whose weights these are; metrics: its row.
    loss: what they were trained with, as in `recipe.Recipe`.
    given: the configuration as it was asked for, which a user's own model is built of; None for
        `config`. seed: of the trial.
    source: of a user's own model; None for the one that the recipe names.
    """

    modules: tuple[nn.Module, ...]
    preprocess: tuple[Inputs, ...]
    info: Info
    config: dict[str, Any]
    epoch: int
    metrics: dict[str, float]
    loss: Mapping[str, Any] | None
    recipe: Recipe
    given: Mapping[str, Any] | None = None
    seed: int = 0
    source: Source | None = None
    origin: Origin = field(default_factory=Origin)

    @classmethod
    def load(cls, path: Path, recipe: Recipe) -> TrainedModel:
        """The best weights in a model trial's checkpoint; `recipe` needs its data only to evaluate.

        Raises:
            CheckpointError: damaged, of another model, or without a finished epoch.
        """
        return cls.of(of_checkpoint(path, recipe), recipe)

    @classmethod
    def of(cls, bundle: Bundle, recipe: Recipe) -> TrainedModel:
        """The model of a bundle.

        Args:
            recipe: the bundle's, perhaps with data, a device or a function that builds the model.

        Raises:
            ModelError: there is no code to build it by. CheckpointError: it is of another model.
        """
        build, config = build_for(recipe, bundle.given, bundle.config)
        device, dtype = pick_device(recipe.device), recipe.dtype
        modules = []
        for number in range(bundle.replicas):
            # As it was built to be trained: what is random and no parameter must be the same, too.
            seed = torch_seed(bundle.seed, number, "init", 0)
            module = build_module(build, config, bundle.info, seed=seed, device=device, dtype=dtype)
            load_state(module, bundle.tensors, f"{number}.", bundle.info, dtype)
            modules.append(module.eval())
        return cls(
            tuple(modules),
            bundle.preprocess,
            bundle.info,
            dict(bundle.config),
            bundle.epoch,
            dict(bundle.metrics),
            bundle.recipe.loss,
            recipe,
            bundle.given,
            bundle.seed,
            bundle.source,
            bundle.origin,
        )

    def bundle(self) -> Bundle:
        """What it is stored as."""
        tensors = {
            f"{number}.{name}": tensor
            for number, module in enumerate(self.modules)
            for name, tensor in state_of(module).items()
        }
        return Bundle(
            recipe=replace(self.recipe, loss=self.loss, prepared=None),
            given=self.config if self.given is None else self.given,
            config=self.config,
            seed=self.seed,
            replicas=len(self.modules),
            info=self.info,
            preprocess=self.preprocess,
            tensors=tensors,
            epoch=self.epoch,
            metrics=self.metrics,
            source=self.source or source_of(self.recipe.model or "", self.recipe.base),
            origin=self.origin,
        )

    def save(self, folder: str | Path) -> None:
        """Stores it as a bundle, which `lanewise.load` makes a model of again, anywhere.

        Raises:
            ModelError: the folder holds something else.
        """
        write(self.bundle(), Path(folder))

    def __repr__(self) -> str:
        info, count = self.info, sum(p.numel() for p in self.module.parameters())
        shape = "×".join(map(str, info.input_shape))
        replicas = "" if len(self.modules) == 1 else f", {len(self.modules)} replicas"
        monitor = self.recipe.monitor
        measured = {monitor: None, "val_loss": None, **self.metrics}
        shown = [f"{n} {measured[n]:.4g}" for n in measured if measured[n] is not None][:4]
        return (
            f"<TrainedModel {self.recipe.model}: {info.task}, inputs {shape}, "
            f"outputs {info.outputs}, {count:,} parameters{replicas}\n"
            f" epoch {self.epoch}: {', '.join(shown)}>"
        )

    @property
    def module(self) -> nn.Module:
        """The first replica."""
        return self.modules[0]

    def predict(self, X: Any) -> Array:
        """Labels [N] as in the data, or values [N] in the target's own units.

        Of a forecasting [N, horizon], or [N, horizon, series] of several, in their own units; `X`
        is windows [N, window, series], or a DataFrame in the order of time, whose last rows are
        one window. Of a reconstruction the rows as the model gives them back, in their own units:
        [N, columns] of a table, or [N, …]; see `restore.restored`. Of the task anomaly bool [N],
        True where `score_samples` is above the threshold that was best on the validation part.

        `X`: a DataFrame, a dict of columns, a Table, or rows [N, columns].
        """
        if self.info.task == "generation":
            raise ModelError("model", "a generator predicts nothing; use sample(rows)")
        X = self._read(X)
        if self.info.task == "regression":
            return self._mean(X)[:, 0]
        if self.info.task == "forecasting":
            series = self.info.input_shape[-1]
            steps = self._mean(X).reshape(-1, self.info.outputs // series, series)
            return steps[..., 0] if series == 1 else steps
        if self.info.task == "reconstruction":
            pairs = zip(self.modules, self.preprocess, strict=True)
            return together(
                [restored(p, self._outputs(m, p.transform(X)).cpu().numpy()) for m, p in pairs]
            )
        if self.info.task == "anomaly":
            return np.asarray(self.score_samples(X) > self.metrics["val_threshold"])
        return self.labels(self.predict_proba(X))

    def labels(self, probabilities: Array) -> Array:
        """The most probable label of each row [N], of probabilities [N, classes]."""
        assert self.info.classes is not None
        return np.asarray(label_array(self.info.classes)[probabilities.argmax(1)])

    def predict_proba(self, X: Any) -> Array:
        """Probabilities [N, classes] in the order of `info.classes`: the mean over replicas."""
        if self.info.classes is None:
            other = "sample" if self.info.task == "generation" else "predict"
            message = f"a {self.info.task} has no class probabilities; use {other}"
            raise ModelError("model", message)
        mean = self._mean(self._read(X))
        return np.concatenate([1 - mean, mean], axis=1) if self.info.outputs == 1 else mean

    def sample(self, rows: int, seed: int = 0) -> Any:
        """Generated rows in the data's own units: as many of each replica.

        Of a table a DataFrame with the source's columns, a number missing where the model says so;
        of images an array [rows, C, H, W], float64. The same seed gives the same rows.
        """
        if not isinstance(self.module, Generative):
            message = f"a model for {self.info.task} makes no rows; a gan does"
            raise ModelError("model", message)
        found, count = [], len(self.modules)
        for place, (module, fitted) in enumerate(zip(self.modules, self.preprocess, strict=True)):
            like, noise = next(module.parameters()), stream(seed, place, "noise", 0)
            own = rows // count + (place < rows % count)
            with torch.no_grad():
                x_ND = module(drawn(noise, own, self.module.latent, like))
            found.append(restored(fitted, x_ND.cpu().numpy(), gaps=True))
        made = np.concatenate(found)
        columns = getattr(self.preprocess[0], "columns", None)
        return made if columns is None else _framed(made, columns)

    def score_samples(self, X: Any) -> Array:
        """How badly each row is reconstructed, float64 [N]: the higher, the more anomalous.

        The mean squared error of its standardised inputs, and of that the mean over replicas.
        """
        if self.info.task not in RECONSTRUCTION:
            message = f"the scores of rows are for {listing(RECONSTRUCTION)}"
            raise ModelError("model", f"{message}; this task is {self.info.task}")
        X, found = self._read(X), []
        for module, preprocess in zip(self.modules, self.preprocess, strict=True):
            x = preprocess.transform(X)
            values = torch.from_numpy(x.reshape(len(x), -1))
            found.append(row_scores(self._outputs(module, x).cpu(), values).numpy())
        return np.asarray(np.mean(found, 0))

    def evaluate(self, parts: Collection[str] = ("train", "val")) -> dict[str, float]:
        """The metrics of the best row but those of its epoch's training, such as train_loss.

        Each replica on its own fold's parts; needs the recipe's data. `parts`: whose metrics.
        """
        if self.recipe.prepared is None:
            raise DataError("data", "evaluation needs the data that the model was trained on")
        with threads(self.recipe.threads):  # as in training, to the last bit
            return evaluate(self.modules, self.recipe.of_trial(self.seed), self._loss, parts)

    def score(self, table: Rows, names: Sequence[str] = ("loss",)) -> dict[str, float]:
        """Replicas' mean of "loss", "accuracy", "r2" … on other rows, such as the test part.

        The "f1" of anomalies is that of the validation part's threshold, not the best one here;
        "roc_auc" is NaN for rows without an anomaly, or without a normal one.
        """
        pairs = list(zip(self.modules, self.preprocess, strict=True))
        threshold = self.metrics["val_threshold"] if self.info.task == "anomaly" else None
        return score(pairs, self.info, table, names, self._loss, self.dtype, threshold)

    def _read(self, X: Any) -> Any:
        """The columns of a table as the training source's were read, once for all replicas."""
        first, X = self.preprocess[0], plain(X, "X")
        if isinstance(X, Table) or not isinstance(first, Preprocess):
            return X
        table = first.read(X)
        for told in first.unseen(table):
            warnings.warn(told, UserWarning, stacklevel=3)
        return table

    @property
    def _loss(self) -> Loss:
        return make_loss(complete_loss(self.loss, self.info.task), self.info.task)

    @property
    def dtype(self) -> torch.dtype:
        found: torch.dtype = getattr(torch, self.recipe.dtype)
        return found

    def _outputs(self, module: nn.Module, x: Array | Unread) -> Tensor:
        return outputs(module, x, self.info, self.dtype)

    def _mean(self, X: Any) -> Array:
        pairs = zip(self.modules, self.preprocess, strict=True)
        return mean_output(pairs, X, self.info, self.dtype)


def _framed(rows_ND: Array, columns: Sequence[str]) -> Any:
    """A DataFrame; columns of numbers hold floats."""
    import pandas as pd

    return pd.DataFrame(rows_ND, columns=list(columns)).infer_objects()
