"""The metrics of a trained model: on the parts that it was trained with, and on other rows."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence

import torch
from torch import nn

from lanewise.trainables.checkpoints.outputs import outputs
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.table import Rows
from lanewise.trainables.data.targets import Targets
from lanewise.trainables.metrics import scores
from lanewise.trainables.metrics.losses import Loss
from lanewise.trainables.metrics.names import of_weights, reported
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.model_trial import pick_device
from lanewise.trainables.training.replica import measure
from lanewise.trainables.training.tensors import fold_tensors
from lanewise.trainables.training.unit import seeded


def evaluate(
    modules: Sequence[nn.Module], recipe: Recipe, loss_of: Loss, parts: Collection[str]
) -> dict[str, float]:
    """See `trained.TrainedModel.evaluate`."""
    assert recipe.prepared is not None
    info, monitor = recipe.prepared.info, recipe.monitor
    whole = of_weights(reported(recipe.metrics, monitor, info.task))
    names = [name for name in whole if name.partition("_")[0] in parts]
    folds = fold_tensors(recipe.prepared, pick_device(recipe.device), recipe.dtype)
    seeds = len(modules) // len(folds)
    data = [fold for fold in folds for _ in range(seeds)]
    pairs = zip(modules, data, strict=True)
    each = [measure(module, fold, names, loss_of, info) for module, fold in pairs]
    row = {name: statistics.fmean(found[name] for found in each) for name in names}
    if len(each) > 1 and monitor in row:
        row[f"{monitor}_std"] = statistics.pstdev(found[monitor] for found in each)
    return row


def score(
    replicas: Sequence[tuple[nn.Module, Inputs]],
    info: Info,
    rows: Rows,
    names: Sequence[str],
    loss_of: Loss,
    dtype: torch.dtype,
    threshold: float | None,
) -> dict[str, float]:
    """See `trained.TrainedModel.score`. `threshold`: above which a row is an anomaly."""
    targets = Targets(info.task, info.classes, info.anomalies)
    instead = None if threshold is None else scores.at_threshold(threshold)
    each = []
    for module, preprocess in replicas:
        x, y = targets.part(rows, preprocess)
        made = torch.from_numpy(y).to(next(module.parameters()).device)
        y_N = made.to(dtype) if made.is_floating_point() else made
        # What a module draws at random in an evaluation, it draws in each evaluation.
        with seeded(0, str(y_N.device)):
            output_NC = outputs(module, x, info, dtype)
        scale = torch.as_tensor(preprocess.target_std, dtype=torch.float64)
        each.append(scores.score(names, output_NC, y_N, loss_of, scale, info.task, instead))
    return {name: statistics.fmean(found[name] for found in each) for name in names}
