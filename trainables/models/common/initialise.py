"""Initial weights by name, drawn from torch's global generator, which `build_module` seeds.

He et al. 2015, "Delving Deep into Rectifiers"; Glorot & Bengio 2010, "Understanding the difficulty
of training deep feedforward neural networks"; Saxe et al. 2014, "Exact solutions to the nonlinear
dynamics of learning in deep linear neural networks" (orthogonal).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.init import calculate_gain

# torch's own gains where it has one. For the rest the condition that gives ReLU its √2: with
# z ~ N(0, 1) the gain g keeps the signal's second moment, g² · E[f(z)²] = 1. SELU is one of the
# rest, since that gives 1, hence the variance 1 / fan_in of Klambauer et al. 2017 under which it
# normalises itself; torch's 3/4 gives that up, as its documentation warns.
GAINS: dict[str, float] = {
    "relu": calculate_gain("relu"),
    "leaky_relu": calculate_gain("leaky_relu"),
    "elu": 1.2452,
    "selu": 1.0,
    "gelu": 1.5335,
    "silu": 1.6765,
    "tanh": calculate_gain("tanh"),
    "sigmoid": calculate_gain("sigmoid"),
}


def he_uniform(weight: Tensor, gain: float) -> None:
    """U(−b, b) with b = √3 · gain / √fan_in."""
    bound = math.sqrt(3) * _he_std(weight, gain)
    nn.init.uniform_(weight, -bound, bound)


def he_normal(weight: Tensor, gain: float) -> None:
    """N(0, gain² / fan_in)."""
    nn.init.normal_(weight, 0.0, _he_std(weight, gain))


def orthogonal(weight: Tensor, gain: float) -> None:
    """Rows or columns, whichever are fewer, are orthogonal and of length `gain`.

    In float64, because QR rounds differently with another number of threads.
    """
    exact = torch.empty_like(weight, dtype=torch.float64)
    nn.init.orthogonal_(exact, gain)
    with torch.no_grad():
        weight.copy_(exact)


def _he_std(weight: Tensor, gain: float) -> float:
    return gain / math.sqrt(weight[0].numel())


L = TypeVar("L", nn.Linear, nn.Conv1d, nn.Conv2d)

INITS: dict[str, Callable[[Tensor, float], object]] = {
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "orthogonal": orthogonal,
}


def initialise(layer: L, init: str | None, gain: float) -> L:
    """The layer with its weights [out, in, …] drawn anew and its bias zero; None leaves torch's."""
    if init is not None:
        INITS[init](layer.weight, gain)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return layer
