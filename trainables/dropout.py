"""Dropout whose masks come from a trial's own stream, alone and in a pack alike.

Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014, in
its inverted form as in torch: what is kept is scaled by 1 / (1 − p).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from trainables.streams import keep_mask


class Masks:
    """The stream that a replica's dropout layers draw from, in the order of their calls."""

    def __init__(self) -> None:
        self.generator: np.random.Generator | None = None
        self._instead: Masks | None = None

    @contextmanager
    def replaced(self, other: Masks) -> Iterator[None]:
        """Inside, `other` is asked for what the dropout layers do."""
        self._instead = other
        try:
            yield
        finally:
            self._instead = None

    def apply(self, x: Tensor, p: float) -> Tensor:
        """`x` with a fresh mask of its shape, scaled; p = 0 draws nothing."""
        if self._instead is not None:
            return self._instead.apply(x, p)
        if p == 0:
            return x
        if p == 1:
            return x * 0.0  # not zeros_like: the graph must stay connected
        if self.generator is None:
            raise RuntimeError("dropout needs the epoch's stream: set Masks.generator first")
        keep = torch.from_numpy(keep_mask(self.generator, x.numel(), p)).view(x.shape)
        return x * keep.to(x.device, x.dtype).mul_(1 / (1 - p))


class Dropout(nn.Dropout):
    """nn.Dropout, for code that asks isinstance, but drawing from `masks`."""

    def __init__(self, p: float, inplace: bool, masks: Masks) -> None:
        super().__init__(p, inplace)
        self.masks = masks

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        dropped = self.masks.apply(input, self.p)
        return input.copy_(dropped) if self.inplace else dropped


def own_dropout(module: nn.Module, masks: Masks) -> nn.Module:
    """Replace every nn.Dropout in `module`, users' included; a shared layer stays shared."""
    made: dict[int, nn.Module] = {}

    def ours(layer: nn.Module) -> nn.Module:
        if type(layer) is not nn.Dropout:
            return layer
        return made.setdefault(id(layer), Dropout(layer.p, layer.inplace, masks))

    for parent in list(module.modules()):
        for name, child in parent._modules.items():
            if child is not None:
                parent._modules[name] = ours(child)
    return ours(module)
