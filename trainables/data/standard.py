"""Standardising: moments of numbers, and the target of a regression of one number a row. N rows."""

from __future__ import annotations

import numpy as np

from lanewise.trainables.data.table import Array, Rows


class OneTarget:
    """What inputs with the fields `target_mean` and `target_std` do with a target."""

    target_mean: float
    target_std: float

    def encode_target(self, y: Array) -> Array:
        """Standardise targets in their own units; float32 [N]."""
        return ((y.astype(np.float64) - self.target_mean) / self.target_std).astype(np.float32)

    def decode_target(self, y: Array) -> Array:
        """From standardised targets back to the original units; float64."""
        return y.astype(np.float64) * self.target_std + self.target_mean


def moments_of(rows: Rows, *, regression: bool) -> tuple[float, float]:
    """The mean and the standard deviation of a regression's target; 0 and 1 of other tasks'."""
    return moments(rows.target.astype(np.float64)) if regression else (0.0, 1.0)


def moments(x: Array) -> tuple[float, float]:
    """Mean and standard deviation; 1 for a constant, whose computed deviation is only rounding."""
    if x.min() == x.max():
        return float(x[0]), 1.0
    unit = float(np.abs(x).max())  # squares of 1e200 would overflow
    mean, std = float((x / unit).mean()) * unit, float((x / unit).std()) * unit
    return mean, std if std > 0 else 1.0
