"""Training rows made anew in each epoch: pictures moved, flipped and cropped, noise on any input.

Every row has draws of its own from the trial's streams, so that it is changed the same way in
whatever company: alone or among other lanes. M rows, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (torch's own convention)

from lanewise.trainables.data.table import Array
from lanewise.trainables.training.streams import normals, stream

_DRAWS = 6  # of a row: how large a crop is, whether it is mirrored, two of a shift, two of a place


@dataclass(frozen=True)
class Augment:
    """What a configuration asks for.

    noise: standard deviation of normal noise on the standardised inputs.
    shift: the most pixels that a picture moves each way; zeros come in.
    flip: whether half of the pictures are mirrored, left to right.
    crop: the least share of height and width that is cut out and scaled up; 1 for all of it.
    """

    noise: float = 0.0
    shift: int = 0
    flip: bool = False
    crop: float = 1.0

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Augment:
        names = ("noise", "shift", "flip", "crop")
        return cls(**{name: config[name] for name in names if name in config})

    @property
    def moves(self) -> bool:
        return bool(self.shift or self.flip or self.crop < 1)

    @property
    def does_something(self) -> bool:
        return self.moves or self.noise > 0


class Augmented:
    """The changes of one replica's epoch, batch by batch.

    Args:
        rows: of the epoch.
    """

    def __init__(self, augment: Augment, seed: int, replica: int, epoch: int, rows: int) -> None:
        self.augment = augment
        self._noise = stream(seed, replica, "noise", epoch)
        self._done = 0
        if augment.moves:
            drawn = stream(seed, replica, "augment", epoch).random((rows, _DRAWS), dtype=np.float32)
            self._drawn = drawn

    def apply(self, x_M: Tensor) -> Tensor:
        """The next rows of the epoch, in its order; a new tensor."""
        first, self._done = self._done, self._done + len(x_M)
        if self.augment.moves:
            x_M = moved(x_M, self.augment, self._drawn[first : self._done])
        if self.augment.noise:
            noise = torch.from_numpy(normals(self._noise, x_M.numel())).view(x_M.shape)
            x_M = x_M + self.augment.noise * noise.to(x_M.device, x_M.dtype)
        return x_M


def moved(x_MCHW: Tensor, augment: Augment, drawn_M6: Array) -> Tensor:
    """Pictures shifted, flipped and cropped by numbers from [0, 1); bilinear where between pixels.

    Zero is the mean of standardised pictures, and what comes in from outside.
    """
    height, width = x_MCHW.shape[2:]
    drawn = torch.from_numpy(drawn_M6).to(x_MCHW.device, x_MCHW.dtype)
    size = 1 - (1 - augment.crop) * drawn[:, 0]
    flip = torch.where(drawn[:, 1] < 0.5, -1.0, 1.0) if augment.flip else torch.ones_like(size)
    pixels = 2 * augment.shift + 1
    shift_M2 = torch.floor(drawn[:, 2:4] * pixels) - augment.shift
    free_M2 = (2 * drawn[:, 4:] - 1) * (1 - size).unsqueeze(1)  # where a crop lies
    theta_M23 = torch.zeros(len(x_MCHW), 2, 3, dtype=x_MCHW.dtype, device=x_MCHW.device)
    theta_M23[:, 0, 0], theta_M23[:, 1, 1] = size * flip, size
    theta_M23[:, 0, 2] = 2 * shift_M2[:, 0] / width + free_M2[:, 0]
    theta_M23[:, 1, 2] = 2 * shift_M2[:, 1] / height + free_M2[:, 1]
    grid = F.affine_grid(theta_M23, list(x_MCHW.shape), align_corners=False)
    return F.grid_sample(x_MCHW, grid, padding_mode="zeros", align_corners=False)
