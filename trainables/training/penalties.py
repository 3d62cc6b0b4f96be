"""What a forward pass adds to the loss: L1 on activations, and the terms of a model's own layers.

The penalty of a mini-batch is activity_l1 · Σ|a| / rows over every output of an activation module
in its forward pass: a module from the list below or a subclass, as often as it is called. What is
computed by functions (torch.relu in a forward) is not seen. A `Term` layer adds what it says. An
evaluation knows nothing of either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

ACTIVATIONS = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,  # and ReLU6
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.RReLU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Threshold,
)


def activations(module: nn.Module) -> list[nn.Module]:
    """The activation modules inside `module`; a shared one is there once."""
    return [child for child in module.modules() if isinstance(child, ACTIVATIONS)]


class Term(nn.Module):
    """Hands its input on, and adds weight · value of it to the loss.

    The weight is a buffer, so that lanes with other weights share a stack.

    Args:
        value: from the input [B, …] to a number, the mean over its rows. A function of a module:
            lanes are copied and sent to workers.
    """

    def __init__(self, weight: float, value: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.weight: Tensor
        self.register_buffer("weight", torch.tensor(float(weight)))
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return input


def has_terms(module: nn.Module) -> bool:
    return any(isinstance(child, Term) for child in module.modules())


@dataclass
class Watched:
    """What forward passes added: Σ|a| of each activation module, and each term's value."""

    activity: list[Tensor] = field(default_factory=list)
    terms: list[Tensor] = field(default_factory=list)

    def clear(self) -> None:
        self.activity.clear()
        self.terms.clear()


@contextmanager
def watched(module: nn.Module) -> Iterator[Watched]:
    """What is filled by each forward pass of the module, while inside."""
    seen = Watched()

    def add(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        # A copy: what comes next may work in place on the output.
        seen.activity.append(output.clone().abs().sum())

    def add_term(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        assert isinstance(layer, Term)
        if layer.training:
            seen.terms.append(layer.weight.to(output.dtype) * layer.value(output))

    handles = [layer.register_forward_hook(add) for layer in activations(module)]
    terms = [layer for layer in module.modules() if isinstance(layer, Term)]
    handles += [layer.register_forward_hook(add_term) for layer in terms]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
