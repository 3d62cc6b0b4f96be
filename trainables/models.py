"""The built-in models: name → build(config, info) → nn.Module with outputs [B, info.outputs]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from trainables.dataset import Info

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def mlp(config: Mapping[str, Any], info: Info) -> nn.Module:
    """A feed-forward network: Linear, activation, dropout per hidden layer, then Linear."""
    width = info.input_shape[0]
    layers: list[nn.Module] = []
    for hidden in config["hidden"]:
        layers += [nn.Linear(width, hidden), ACTIVATIONS[config["activation"]]()]
        if config["dropout"] > 0:
            layers.append(nn.Dropout(config["dropout"]))
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, info.outputs))


MODELS: dict[str, Callable[[Mapping[str, Any], Info], nn.Module]] = {"mlp": mlp}
