"""The memory of a pack: the parameters and buffers of K lanes side by side. P parameters.

Lanes 0 … n lie close together, since an idle lane costs its full share of every product; whoever
leaves makes room for the last one. A lane narrower than the stack has its values in the upper left
corner of each parameter, and zeros elsewhere.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lanewise.trainables.packs.steps import STATE_ROWS

PARAM, STATE, BEST = 0, slice(1, 1 + STATE_ROWS), 1 + STATE_ROWS
ROWS = BEST + 1

Shapes = tuple[tuple[int, ...], ...]


@dataclass
class Values:
    """All that one lane consists of, at its true shapes.

    rows: [ROWS, P]: parameters, optimizer states, the best parameters.
    buffers, best_buffers: by name.
    """

    rows: Tensor
    buffers: dict[str, Tensor] = field(default_factory=dict)
    best_buffers: dict[str, Tensor] = field(default_factory=dict)


def sizes(shapes: Shapes) -> list[int]:
    return [math.prod(shape) for shape in shapes]


class Stack:
    """Room for lanes with parameters of up to these shapes.

    shapes: of the parameters, in the module's order; buffers: shapes and types, by name.
    """

    def __init__(
        self, shapes: Shapes, buffers: Mapping[str, Tensor], dtype: torch.dtype, device: str
    ) -> None:
        self.shapes, self.sizes = shapes, sizes(shapes)
        self.count = 0
        self._like = {name: (tuple(b.shape), b.dtype) for name, b in buffers.items()}
        self._dtype, self._device = dtype, device
        self.rows = self._rows(4)
        self.buffers, self.best_buffers = self._buffers(4), self._buffers(4)

    def _rows(self, room: int) -> Tensor:
        return torch.zeros(ROWS, room, sum(self.sizes), dtype=self._dtype, device=self._device)

    def _buffers(self, room: int) -> dict[str, Tensor]:
        # Ones: the running variance of padding is divided by. Nothing else of it is ever seen.
        return {
            name: torch.ones(room, *shape, dtype=dtype, device=self._device)
            for name, (shape, dtype) in self._like.items()
        }

    def seat(self, values: Values, shapes: Shapes) -> int:
        """Takes a lane in, behind the others; its place."""
        if self.count == self.rows.shape[1]:
            self._grow()
        place = self.count
        self.count += 1
        where = self._where(shapes)
        if where is None:
            self.rows[:, place] = values.rows
        else:
            self.rows[:, place] = 0
            self.rows[:, place, where] = values.rows
        for mine, theirs in (
            (self.buffers, values.buffers),
            (self.best_buffers, values.best_buffers),
        ):
            for name, tensor in theirs.items():
                mine[name][place] = 1
                mine[name][place][_corner(tensor.shape)] = tensor
        return place

    def _grow(self) -> None:
        before, room = self.count, 2 * self.rows.shape[1]
        rows, buffers, best = self._rows(room), self._buffers(room), self._buffers(room)
        rows[:, :before] = self.rows
        for new, old in ((buffers, self.buffers), (best, self.best_buffers)):
            for name in new:
                new[name][:before] = old[name]
        self.rows, self.buffers, self.best_buffers = rows, buffers, best

    def read(self, place: int, shapes: Shapes, like: Mapping[str, Tensor]) -> Values:
        """A copy of a lane with parameters of `shapes` and buffers shaped like those."""
        where, rows = self._where(shapes), self.rows[:, place]
        buffers, best = (
            {name: stacked[name][place][_corner(b.shape)].clone() for name, b in like.items()}
            for stacked in (self.buffers, self.best_buffers)
        )
        return Values(rows.clone() if where is None else rows[:, where], buffers, best)

    def swap(self, one: int, other: int) -> None:
        """Two lanes change places."""
        pair, turned = [one, other], [other, one]
        self.rows[:, pair] = self.rows[:, turned]
        for buffers in (self.buffers, self.best_buffers):
            for tensor in buffers.values():
                tensor[pair] = tensor[turned]

    def drop_last(self) -> None:
        self.count -= 1

    def keep_best(self, place: int) -> None:
        """The lane's present values are its best ones."""
        self.rows[BEST, place] = self.rows[PARAM, place]
        for name, tensor in self.buffers.items():
            self.best_buffers[name][place] = tensor[place]

    def views(self, rows_KP: Tensor) -> list[Tensor]:
        """Each parameter [K, …] of rows [K, P]; gradients come back through one concatenation."""
        return [
            part.view(len(part), *shape) if shape else part.view(len(part))
            for part, shape in zip(torch.split(rows_KP, self.sizes, 1), self.shapes, strict=True)
        ]

    def _where(self, shapes: Shapes) -> Tensor | None:
        """The places in a row of the values of a lane with these shapes; None for all of them."""
        if shapes == self.shapes:
            return None
        return places(shapes, self.shapes)


@functools.lru_cache(maxsize=4096)
def places(shapes: Shapes, within: Shapes) -> Tensor:
    """Where the values of parameters of `shapes` lie in a row of parameters of `within`; int64."""
    starts = itertools.accumulate(sizes(within), initial=0)
    found = []
    for start, shape, whole in zip(starts, shapes, within, strict=False):
        numbers = torch.arange(math.prod(whole)).view(whole)
        found.append(start + numbers[_corner(shape)].reshape(-1))
    return torch.cat(found)


def _corner(shape: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(size) for size in shape)
