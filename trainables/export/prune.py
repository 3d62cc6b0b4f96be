"""Fewer weights: the smallest are set to 0, or the weakest hidden units are taken out.

Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks"; whole units
by their norm as in Li et al. 2017, "Pruning Filters for Efficient ConvNets". What is left is
trained on for a few epochs by the trial's own optimizer, from its first learning rate down to 0
(better than a low one: Renda et al. 2020, "Comparing Rewinding and Fine-tuning in Neural Network
Pruning"). The epoch with the best monitored metric is kept, the one before the first among them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lanewise.trainables.checkpoints.trained import TrainedModel, load_state
from lanewise.trainables.checkpoints.weights import state_of
from lanewise.trainables.errors import ExportError
from lanewise.trainables.export.measure import validation_names
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.model_trial import make_replicas, threads
from lanewise.trainables.training.replica import Replica
from lanewise.trainables.training.unit import build_for, build_module

_SCHEDULE = {"name": "cosine", "warmup": 0, "final": 0.0}

Masks = Mapping[str, Tensor]  # False where a weight is 0, by the name of the parameter


def sparse(model: TrainedModel, share: float, epochs: int) -> TrainedModel:
    """The model with this share of its weights at 0: the smallest of each replica.

    Weights are the parameters of two dimensions or more; biases and norms stay.

    Raises:
        ExportError: it has no weights.
    """
    masks = [_masks(module, share) for module in model.modules]
    tensors = []
    for module, kept in zip(model.modules, masks, strict=True):
        state = {name: tensor.detach().clone() for name, tensor in state_of(module).items()}
        tensors.append({n: t * kept[n] if n in kept else t for n, t in state.items()})
    return _tuned(model, tensors, epochs, masks=masks)


def narrow(model: TrainedModel, share: float, epochs: int) -> TrainedModel:
    """An mlp without this share of each layer's hidden units: those of the smallest norm.

    Raises:
        ExportError: another model, or one whose widths are tied.
    """
    check_narrow(model)
    hidden = [max(1, width - math.floor(share * width)) for width in model.config["hidden"]]
    config = {**model.config, "hidden": hidden}
    build, own = build_for(model.recipe, config, config)
    tensors = []
    for module in model.modules:
        made = build_module(build, own, model.info, seed=0, device="cpu", dtype=model.recipe.dtype)
        _take_units(module, made)
        tensors.append(state_of(made))
    return _tuned(model, tensors, epochs, {"hidden": hidden})


def check_narrow(model: TrainedModel) -> None:
    """Raise ExportError unless hidden units can be taken out."""
    if model.recipe.model != "mlp" or model.recipe.callable is not None:
        message = "whole units are taken out of an mlp alone"
        raise ExportError("variant", f"{message}; this model is {model.recipe.model}")
    if model.config["residual"]:
        raise ExportError("variant", "residual connections tie the widths of its layers")
    if not any(width > 1 for width in model.config["hidden"]):
        raise ExportError("variant", "it has no hidden layer of 2 units or more")


# -- what is left ----------------------------------------------------------------------------------


def _masks(module: nn.Module, share: float) -> dict[str, Tensor]:
    weights = {n: p.detach() for n, p in module.named_parameters() if _is_weight(p)}
    if not weights:
        raise ExportError("variant", "it has no weights of two dimensions")
    sizes = torch.cat([weight.abs().flatten() for weight in weights.values()])
    count = math.floor(share * len(sizes))
    if not count:
        return {name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()}
    limit = sizes.kthvalue(count).values
    return {name: weight.abs() > limit for name, weight in weights.items()}


def _is_weight(parameter: Tensor) -> bool:
    return parameter.is_floating_point() and parameter.ndim >= 2


def _take_units(module: nn.Module, made: nn.Module) -> None:
    """Fills a narrower mlp with the strongest units of another."""
    layers, targets = list(module.children()), list(made.children())
    before: Tensor | None = None  # the units that are kept of the layer before
    with torch.no_grad():
        for layer, target in zip(layers, targets, strict=True):
            if isinstance(layer, nn.Linear) and isinstance(target, nn.Linear):
                weight = layer.weight if before is None else layer.weight[:, before]
                before = _strongest(layer, target.out_features)
                target.weight.copy_(weight[before])
                if layer.bias is not None and target.bias is not None:
                    target.bias.copy_(layer.bias[before])
                continue
            for (name, one), (_, other) in zip(
                state_of(layer).items(), state_of(target).items(), strict=True
            ):
                del name
                other.copy_(one if one.ndim == 0 or before is None else one[before])


def _strongest(layer: nn.Linear, count: int) -> Tensor:
    """The numbers of the units with the largest norms, in their order."""
    norms = layer.weight.detach().norm(dim=1)
    strongest: Tensor = norms.topk(count).indices.sort().values
    return strongest


# -- training on -----------------------------------------------------------------------------------


def _tuned(
    model: TrainedModel,
    tensors: Sequence[Mapping[str, Tensor]],
    epochs: int,
    changes: Mapping[str, Any] | None = None,
    masks: Sequence[Masks] = (),
) -> TrainedModel:
    """A model of these weights, trained on.

    Args:
        changes: to the configuration. masks: of each replica; zeros stay zeros.
    """
    config = {**model.config, **(changes or {})}
    given = {**(model.config if model.given is None else model.given), **(changes or {})}
    recipe = replace(model.recipe, epochs=max(1, epochs), device="cpu")
    training = {**config, "schedule": _SCHEDULE}
    with threads(recipe.threads):
        replicas = make_replicas(recipe, given, training, model.seed)
        for number, (replica, own) in enumerate(zip(replicas, tensors, strict=True)):
            named = {f"{number}.{name}": tensor for name, tensor in own.items()}
            load_state(replica.module, named, f"{number}.", model.info, recipe.dtype)
            if masks:
                replica.optimizer.register_step_post_hook(_zeroing(replica, masks[number]))
        row = _best(replicas, recipe, epochs)
    tuned = {
        f"{number}.{name.removeprefix('best.')}": tensor
        for number, replica in enumerate(replicas)
        for name, tensor in replica.weights.tensors().items()
        if name.startswith("best.")
    }
    bundle = replace(
        model.bundle(),
        config=dict(config),
        given=given,
        tensors=tuned,
        metrics=row,
    )
    return TrainedModel.of(bundle, model.recipe)


def _zeroing(replica: Replica, masks: Masks) -> Callable[..., None]:
    parameters = dict(replica.module.named_parameters())

    def zero(*_: object) -> None:
        with torch.no_grad():
            for name, kept in masks.items():
                parameters[name].mul_(kept)

    return zero


def _best(replicas: Sequence[Replica], recipe: Recipe, epochs: int) -> dict[str, float]:
    """Trains all of them, and keeps the weights of the epoch that is the best by their mean.

    Returns:
        The metrics of that epoch on the validation part.
    """
    names = validation_names(recipe)
    monitor, mode = (
        (recipe.monitor, recipe.mode) if recipe.monitor in names else ("val_loss", "min")
    )
    best, row = -math.inf, dict[str, float]()
    for epoch in range(epochs + 1):
        for replica in replicas if epoch else ():
            replica.train_epoch(epoch)
        each = [replica.evaluate(names) for replica in replicas]
        means = {name: statistics.fmean(one[name] for one in each) for name in names}
        value = means[monitor] if mode == "max" else -means[monitor]
        if not row or value > best:
            best, row = value, means
            for replica in replicas:
                replica.keep_best()
    return row
