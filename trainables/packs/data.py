"""The rows of a pack's lanes: the same for all, or, where each trial has a split of its own, own.

K lanes, S steps, B batch, N rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from lanewise.trainables.data.table import Array
from lanewise.trainables.training.streamed import Features, joined, rows_of
from lanewise.trainables.training.tensors import FoldTensors

if TYPE_CHECKING:
    from lanewise.trainables.packs.lane import Lane


@dataclass(frozen=True, eq=False)
class Scored:
    """Lanes whose outputs are compared with the same targets.

    lanes: their numbers; fold: that they are on; within: where they are in their `Part`.
    """

    lanes: list[int]
    fold: int
    within: slice
    y: Tensor
    scale: float | Tensor


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that lanes are evaluated on together.

    x: the same for all lanes, or one for each.
    """

    lanes: list[int]
    x: tuple[Features, ...]
    scored: tuple[Scored, ...]


class Data(Protocol):
    """What lanes train and are evaluated on."""

    def orders(self, lanes: Sequence[Lane]) -> Array:
        """The row numbers of the epoch to come in its order, [K, N]."""
        ...

    def take(self, lanes: Sequence[Lane], rows_SKB: Tensor) -> list[Tensor]:
        """Inputs and targets of such numbers, [S, K, B, …]; and weights, where rows have some."""
        ...

    def parts(self, lanes: Sequence[Lane], part: str) -> Iterator[Part]:
        """All rows of the part, "train" or "val"."""
        ...


@dataclass(frozen=True, eq=False)
class SharedData:
    """The training rows of all folds one after the other, so that lanes may differ in theirs.

    first: the row with which each fold begins; w: the weight of each row, None for 1.
    """

    x: Features
    y: Tensor
    first: tuple[int, ...]
    folds: tuple[FoldTensors, ...]
    w: Tensor | None = None

    def orders(self, lanes: Sequence[Lane]) -> Array:
        return np.stack([lane.order() + self.first[lane.fold] for lane in lanes])

    def take(self, lanes: Sequence[Lane], rows_SKB: Tensor) -> list[Tensor]:
        shape, flat = rows_SKB.shape, rows_SKB.reshape(-1)
        others = [self.y] if self.w is None else [self.y, self.w]
        return [
            rows_of(self.x, flat).view(*shape, *self.x.shape[1:]),
            *(each.index_select(0, flat).view(*shape, *each.shape[1:]) for each in others),
        ]

    def parts(self, lanes: Sequence[Lane], part: str) -> Iterator[Part]:
        for fold in sorted({lane.fold for lane in lanes}):
            mine = [k for k, lane in enumerate(lanes) if lane.fold == fold]
            data = self.folds[fold]
            x, y = _part(data, part)
            y_KN = y.expand(len(mine), *y.shape)
            yield Part(mine, (x,), (Scored(mine, fold, slice(None), y_KN, data.scale),))


class OwnData:
    """Each lane's own rows, those of its `FoldTensors`."""

    def orders(self, lanes: Sequence[Lane]) -> Array:
        return np.stack([lane.order() for lane in lanes])

    def take(self, lanes: Sequence[Lane], rows_SKB: Tensor) -> list[Tensor]:
        shape, each = rows_SKB.shape, []
        for k, lane in enumerate(lanes):
            flat, data = rows_SKB[:, k].reshape(-1), lane.data
            others = [data.y_train] if data.w_train is None else [data.y_train, data.w_train]
            each.append([rows_of(data.x_train, flat), *(t.index_select(0, flat) for t in others)])
        return [
            torch.stack([t.view(shape[0], shape[2], *t.shape[1:]) for t in tensors], 1)
            for tensors in zip(*each, strict=True)
        ]

    def parts(self, lanes: Sequence[Lane], part: str) -> Iterator[Part]:
        for size in sorted({len(_part(lane.data, part)[1]) for lane in lanes}):
            mine = [k for k, lane in enumerate(lanes) if len(_part(lane.data, part)[1]) == size]
            pairs = [_part(lanes[k].data, part) for k in mine]
            scored = [
                Scored([k], lanes[k].fold, slice(at, at + 1), y.unsqueeze(0), lanes[k].data.scale)
                for at, (k, (_, y)) in enumerate(zip(mine, pairs, strict=True))
            ]
            yield Part(mine, tuple(x for x, _ in pairs), tuple(scored))


def _part(data: FoldTensors, part: str) -> tuple[Features, Tensor]:
    return (data.x_train, data.y_train) if part == "train" else (data.x_val, data.y_val)


def join_folds(folds: tuple[FoldTensors, ...]) -> SharedData:
    """The data of lanes that are on these folds."""
    if len(folds) == 1:
        return SharedData(folds[0].x_train, folds[0].y_train, (0,), folds, folds[0].w_train)
    first = np.cumsum([0, *(len(fold.x_train) for fold in folds)])
    x = joined([fold.x_train for fold in folds])
    y, weights = torch.cat([fold.y_train for fold in folds]), [fold.w_train for fold in folds]
    known = [each for each in weights if each is not None]
    w = torch.cat(known) if known else None
    return SharedData(x, y, tuple(map(int, first)), folds, w)
