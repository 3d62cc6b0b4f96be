"""Models that make rows of noise, and the noise that they are evaluated with. N rows, D values."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lanewise.trainables.training.streams import normals, stream


class Generative(nn.Module):
    """Rows [N, D] of standard normal noise [N, latent]: an abstract module."""

    latent: int


def drawn(generator: np.random.Generator, rows: int, latent: int, like: Tensor) -> Tensor:
    """Standard normal noise [N, latent], of the type and on the device of `like`."""
    numbers = torch.from_numpy(normals(generator, rows * latent)).view(rows, latent)
    return numbers.to(like.device, like.dtype)


def fixed(rows: int, latent: int, like: Tensor) -> Tensor:
    """The noise of every evaluation: a model's metrics depend on its weights alone."""
    return drawn(stream(0, 0, "noise", 0), rows, latent, like)
