"""The folds of a data set as tensors, made once per process and kept while the data lives."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from lanewise.trainables.data.dataset import Fold, Prepared
from lanewise.trainables.data.table import Array
from lanewise.trainables.data.unread import Unread
from lanewise.trainables.training.streamed import Features, Streamed


@dataclass(frozen=True, eq=False)
class FoldTensors:
    """As `dataset.Fold`, on a device.

    w_train: the weight of each training row; None for 1.
    scale: the standard deviation of a regression target, or of each of several, [O].
    """

    x_train: Features
    y_train: Tensor
    x_val: Features
    y_val: Tensor
    scale: float | Tensor
    w_train: Tensor | None = None


_CACHE: WeakKeyDictionary[Prepared, dict[tuple[str, str], tuple[FoldTensors, ...]]] = (
    WeakKeyDictionary()
)


def fold_tensors(prepared: Prepared, device: str, dtype: str) -> tuple[FoldTensors, ...]:
    """The folds on `device`, floating values as `dtype` ("float32", "float64")."""
    made = _CACHE.setdefault(prepared, {})
    if (device, dtype) not in made:
        made[device, dtype] = tuple(_move(fold, device, dtype) for fold in prepared.folds)
    return made[device, dtype]


def _move(fold: Fold, device: str, dtype: str) -> FoldTensors:
    def tensor(array: Array) -> Tensor:
        # Arrays in Ray's object store are read-only: torch warns of them, and a model that works
        # in place on its input would crash the process. One copy per process avoids both.
        made = torch.from_numpy(array if array.flags.writeable else array.copy()).to(device)
        return made.to(getattr(torch, dtype)) if made.is_floating_point() else made

    def features(x: Array | Unread) -> Features:
        if isinstance(x, Unread):
            return Streamed([x], device, getattr(torch, dtype))
        return tensor(x)

    x_train, x_val = features(fold.x_train), features(fold.x_val)
    std = fold.preprocess.target_std
    scale = std if isinstance(std, float) else torch.tensor(std, dtype=torch.float64, device=device)
    weights = None if fold.w_train is None else tensor(fold.w_train)
    return FoldTensors(x_train, tensor(fold.y_train), x_val, tensor(fold.y_val), scale, weights)
