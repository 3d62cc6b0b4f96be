"""From pictures and sequences to float32: each channel or feature standardised. Ships with models.

The mean and the standard deviation are of the training rows. What is missing is the mean. N rows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lanewise.trainables.data.block import Block
from lanewise.trainables.data.mapped import Mapped
from lanewise.trainables.data.preprocess import FARTHEST
from lanewise.trainables.data.series import last_window
from lanewise.trainables.data.standard import moments
from lanewise.trainables.data.table import Array
from lanewise.trainables.data.types import ColumnType
from lanewise.trainables.errors import DataError

_ROWS = 4096  # at a time: the rows may be mapped from a file that memory does not hold


@dataclass(frozen=True)
class Scaling:
    """What was learned from the training rows of one fold.

    shape: of a row, [C, H, W] or [T, F]; means and scales: of each channel or feature.
    target_means, target_stds: of a regression's target, or of each of several.
    series: the names of the features of windows of series, and as what these were read.
    """

    shape: tuple[int, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    target_means: tuple[float, ...] = (0.0,)
    target_stds: tuple[float, ...] = (1.0,)
    series: tuple[str, ...] = ()
    types: tuple[ColumnType, ...] = ()

    @classmethod
    def fit(cls, block: Block, *, regression: bool = False) -> Scaling:
        """Learn from the given rows, which are training rows only."""
        shape = tuple(block.x.shape[1:])
        means, scales = _of_channels(block.x)
        if not regression:
            return cls(shape, means, scales)
        if block.outlook is not None:  # foretold values in the units of those that are seen
            horizon = block.outlook.asked.horizon
            ahead = (means * horizon, scales * horizon)
            kinds = tuple(kind for kind in block.types if kind.name in block.columns)
            return cls(shape, means, scales, *ahead, block.columns, kinds)
        columns = block.target.reshape(len(block), -1).astype(np.float64).T
        pairs = [moments(column) for column in columns]
        return cls(shape, means, scales, tuple(m for m, _ in pairs), tuple(s for _, s in pairs))

    @property
    def target_std(self) -> float | tuple[float, ...]:
        """One number, or one for each of several targets."""
        return self.target_stds[0] if len(self.target_stds) == 1 else self.target_stds

    def transform(self, X: Any) -> Array:
        """Float32 [N, …] of a Block or an array of raw rows [N, …].

        Of windows of series, also a data frame in the order of time, whose last rows are a window.
        """
        if self.series and hasattr(X, "columns") and not isinstance(X, Block):
            X = last_window(X, self.series, self.shape[0], self.types)
        x = X.x if isinstance(X, Block) else X if isinstance(X, Mapped) else np.asarray(X)
        if x.shape[1:] != self.shape:
            wanted = f"[rows, {', '.join(map(str, self.shape))}]"
            raise DataError("X", f"the model takes {wanted}, not an array of {list(x.shape)}")
        mean, scale = (np.array(v).reshape(_along(x)) for v in (self.means, self.scales))
        made = np.empty(x.shape, np.float32)
        for first in range(0, len(x), _ROWS):
            part = (x[first : first + _ROWS].astype(np.float64) - mean) / scale
            part = np.clip(np.where(np.isfinite(part), part, 0.0), -FARTHEST, FARTHEST)
            made[first : first + _ROWS] = part
        return made

    def restored(self, x: Array) -> Array:
        """Rows in the original units from what `transform` makes of them; float64 [N, …]."""
        x = x.reshape(len(x), *self.shape).astype(np.float64)
        mean, scale = (np.array(v).reshape(_along(x)) for v in (self.means, self.scales))
        return np.asarray(x * scale + mean)

    def encode_target(self, y: Array) -> Array:
        """Standardise targets [N] or [N, O] in their own units; float32."""
        scaled = (y.reshape(len(y), -1) - np.array(self.target_means)) / np.array(self.target_stds)
        return np.asarray(scaled.reshape(y.shape), np.float32)

    def decode_target(self, y: Array) -> Array:
        """From standardised targets [N, O] back to the original units; float64."""
        return np.asarray(y.astype(np.float64) * self.target_stds + self.target_means)

    def to_json(self) -> str:
        return json.dumps({"form": "block", **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Scaling:
        state = json.loads(text)
        state.pop("form")
        types = tuple(map(ColumnType.from_json, state.pop("types", ())))
        return cls(**{key: tuple(value) for key, value in state.items()}, types=types)


def _along(x: Array | Mapped) -> tuple[int, ...]:
    """The shape of a value for each channel of pictures [N, C, H, W], or feature of [N, …, F]."""
    return (1, -1, 1, 1) if x.ndim == 4 else (*(1,) * (x.ndim - 1), -1)


def _of_channels(x: Array | Mapped) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel or feature over all that is not missing."""
    axes = (0, 2, 3) if x.ndim == 4 else tuple(range(x.ndim - 1))
    count, total, squares = 0.0, 0.0, 0.0
    parts = [slice(first, first + _ROWS) for first in range(0, len(x), _ROWS)]
    for part in parts:
        values = x[part].astype(np.float64)
        known = np.isfinite(values)
        count, total = count + known.sum(axes), total + np.where(known, values, 0.0).sum(axes)
    mean = total / np.maximum(count, 1)
    for part in parts:
        values = x[part].astype(np.float64) - mean.reshape(_along(x))
        squares = squares + np.square(np.where(np.isfinite(values), values, 0.0)).sum(axes)
    std = np.sqrt(squares / np.maximum(count, 1))
    std = np.where(std > 1e-12 * np.maximum(np.abs(mean), 1.0), std, 1.0)
    return tuple(mean.tolist()), tuple(std.tolist())
