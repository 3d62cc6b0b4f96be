"""L1 on activations: what layers put out is made sparse.

The penalty of a mini-batch is activity_l1 · Σ|a| / rows over every output of an activation module
in its forward pass: a module from the list below or a subclass, as often as it is called. What is
computed by functions (torch.relu in a forward) is not seen. Evaluation knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


@contextmanager
def watched(module: nn.Module) -> Iterator[list[Tensor]]:
    """A list that Σ|a| of every activation module's output is appended to, while inside."""
    sums: list[Tensor] = []

    def add(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        # A copy: what comes next may work in place on the output.
        sums.append(output.clone().abs().sum())

    handles = [layer.register_forward_hook(add) for layer in activations(module)]
    try:
        yield sums
    finally:
        for handle in handles:
            handle.remove()
