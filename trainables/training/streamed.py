"""Inputs that are read from their file batch by batch, where they do not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lanewise.trainables.data.unread import Unread


class Streamed:
    """Looks like a tensor [N, …] to those who take rows of it; each taking reads and preprocesses.

    Args:
        parts: one after the other.
    """

    def __init__(self, parts: Sequence[Unread], device: str, dtype: torch.dtype) -> None:
        self.parts, self.device, self.dtype = tuple(parts), torch.device(device), dtype
        self._first = np.cumsum([0, *(len(part) for part in parts)])

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), *self.parts[0].shape[1:]))

    def __len__(self) -> int:
        return int(self._first[-1])

    def is_floating_point(self) -> bool:
        return True

    def __getitem__(self, index: Any) -> Tensor:
        """Rows by number, slice, or a tensor of numbers of any shape."""
        if isinstance(index, slice):
            index = torch.arange(*index.indices(len(self)))
        numbers = torch.as_tensor(index).cpu()
        wanted = numbers.reshape(-1).numpy()
        found = np.empty((len(wanted), *self.shape[1:]), np.float32)
        for part, first in zip(self.parts, self._first, strict=False):
            mine = np.flatnonzero((wanted >= first) & (wanted < first + len(part)))
            if len(mine):
                found[mine] = part.read(wanted[mine] - first)
        made = torch.from_numpy(found).to(self.device, self.dtype)
        return made.view(*numbers.shape, *self.shape[1:])


Features = Tensor | Streamed


def chunks(x: Features, size: int) -> Iterator[Tensor]:
    """All rows, at most `size` at a time."""
    for first in range(0, len(x), size):
        yield x[first : first + size]


def rows_of(x: Features, numbers: Tensor) -> Tensor:
    """Rows by their numbers [M]."""
    return x.index_select(0, numbers) if isinstance(x, Tensor) else x[numbers]


def joined(parts: Sequence[Features]) -> Features:
    """One after the other."""
    streamed = [part for part in parts if isinstance(part, Streamed)]
    if not streamed:
        return torch.cat([part for part in parts if isinstance(part, Tensor)])
    first = streamed[0]
    return Streamed([p for part in streamed for p in part.parts], str(first.device), first.dtype)
