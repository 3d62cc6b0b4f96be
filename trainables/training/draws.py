"""What a forward pass draws, masks and noise, from a trial's own stream, alone and in packs.

Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014, in
its inverted form as in torch: what is kept is scaled by 1 / (1 − p). Tompson et al., "Efficient
Object Localization Using Convolutional Networks", 2015: spatial dropout drops whole channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from lanewise.trainables.training.streams import keep_mask, normals


class Draws:
    """The stream that a replica's layers draw from, in the order of their calls."""

    def __init__(self) -> None:
        self.generator: np.random.Generator | None = None
        self._instead: Draws | None = None

    @contextmanager
    def replaced(self, other: Draws) -> Iterator[None]:
        """Inside, `other` is asked for what the layers draw."""
        self._instead = other
        try:
            yield
        finally:
            self._instead = None

    def dropout(self, x: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
        """`x` with a fresh mask, scaled; p = 0 draws nothing.

        Args:
            shape: of the mask; it is spread over `x`.
        """
        if self._instead is not None:
            return self._instead.dropout(x, p, shape)
        if p == 0:
            return x
        if p == 1:
            return x * 0.0  # not zeros_like: the graph must stay connected
        keep = torch.from_numpy(keep_mask(self._stream(), int(np.prod(shape)), p)).view(shape)
        return x * keep.to(x.device, x.dtype).mul_(1 / (1 - p))

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers of the shape of `like`."""
        if self._instead is not None:
            return self._instead.normal(like)
        drawn = torch.from_numpy(normals(self._stream(), like.numel())).view(like.shape)
        return drawn.to(like.device, like.dtype)

    def _stream(self) -> np.random.Generator:
        if self.generator is None:
            raise RuntimeError("layers need the epoch's stream: set Draws.generator first")
        return self.generator


class Dropout(nn.Dropout):
    """nn.Dropout, for code that asks isinstance, but drawing from `draws`."""

    def __init__(self, p: float, inplace: bool, draws: Draws) -> None:
        super().__init__(p, inplace)
        self.draws = draws

    def forward(self, input: Tensor) -> Tensor:
        return _dropped(self, input, tuple(input.shape))


class ChannelDropout(nn.Dropout):
    """nn.Dropout1d, 2d or 3d: drops whole channels of [B, C, …]."""

    def __init__(self, p: float, inplace: bool, draws: Draws) -> None:
        super().__init__(p, inplace)
        self.draws = draws

    def forward(self, input: Tensor) -> Tensor:
        return _dropped(self, input, (*input.shape[:2], *(1,) * (input.ndim - 2)))


def _dropped(layer: Dropout | ChannelDropout, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x` in training with a mask of `shape`, in place where the layer is."""
    if not layer.training:
        return x
    found = layer.draws.dropout(x, layer.p, shape)
    return x.copy_(found) if layer.inplace else found


class Normal(nn.Module):
    """Standard normal numbers of the shape of its input; zeros in an evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = Draws()

    def forward(self, input: Tensor) -> Tensor:
        return self.draws.normal(input) if self.training else torch.zeros_like(input)


_OURS: dict[type, type[Dropout | ChannelDropout]] = {
    nn.Dropout: Dropout,
    nn.Dropout1d: ChannelDropout,
    nn.Dropout2d: ChannelDropout,
    nn.Dropout3d: ChannelDropout,
}


def own_draws(module: nn.Module, draws: Draws) -> nn.Module:
    """Make every dropout and `Normal` in `module` draw from `draws`; dropouts are replaced, users'
    included. A shared layer stays shared.
    """
    made: dict[int, nn.Module] = {}

    def ours(layer: nn.Module) -> nn.Module:
        if type(layer) is Normal:
            layer.draws = draws
        if type(layer) not in _OURS:
            return layer
        assert isinstance(layer, nn.modules.dropout._DropoutNd)
        kind = _OURS[type(layer)]
        return made.setdefault(id(layer), kind(layer.p, layer.inplace, draws))

    for parent in list(module.modules()):
        for name, child in parent._modules.items():
            if child is not None:
                parent._modules[name] = ours(child)
    return ours(module)


def draws_of(module: nn.Module) -> Draws:
    """What the module's layers draw from; fresh ones where none does."""
    ours = (Dropout, ChannelDropout, Normal)
    return next((part.draws for part in module.modules() if isinstance(part, ours)), Draws())
