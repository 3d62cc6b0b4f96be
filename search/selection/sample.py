"""The validation rows that are resampled, and what an evaluation tells of each of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BITS = "bits"  # the type of values that are 0 or 1, eight in a byte


@dataclass(frozen=True, eq=False)
class Sample:
    """N rows of the validation parts, and how the objective's metric is made of them.

    An evaluation (the weights of a trial after an epoch) has `columns` values of each row: one for
    each seed, or for each seed and class.

    Attributes:
        statistic: one of ``statistics.STATISTICS``.
        mode: "max" where more of it is better, else "min".
        clusters_N: rows of one number are resampled together: a group, a stretch of time.
        codes_N: the class of each row, for statistics of classes.
        classes: how many there are.
        dtype: of the values, little-endian ("<f4", "<u2"), or BITS.
        total: rows of the validation parts, of which these N are a part.
        is_root: the metric is the square root of the statistic.
        is_share: it lies between 0 and 1.
    """

    statistic: str
    mode: str
    clusters_N: Array
    codes_N: Array
    classes: int
    columns: int
    dtype: str
    total: int
    is_root: bool = False
    is_share: bool = False

    @property
    def rows(self) -> int:
        return len(self.clusters_N)

    @property
    def sign(self) -> float:
        """Of the statistic in a utility, of which more is better."""
        return 1.0 if self.mode == "max" else -1.0

    def identity(self) -> Mapping[str, Any]:
        """What has to be the same where a stream goes on, as JSON."""
        about = self.clusters_N.astype("<i8").tobytes() + self.codes_N.astype("<i8").tobytes()
        names = ("statistic", "mode", "classes", "columns", "dtype", "total")
        return {name: getattr(self, name) for name in names} | {"rows": zlib.crc32(about)}

    def decode(self, body: bytes) -> Array:
        """The values of an evaluation, [columns, N]; read-only.

        Raises:
            ValueError: the body has another length.
        """
        count = self.columns * self.rows
        if self.dtype != BITS:
            return np.frombuffer(body, self.dtype).reshape(self.columns, self.rows)
        if len(body) != -(-count // 8):
            raise ValueError(f"{len(body)} bytes are not {count} bits")
        packed = np.frombuffer(body, np.uint8)
        return np.unpackbits(packed, count=count).reshape(self.columns, self.rows)

    def metric(self, utility: Any) -> Any:
        """The metric of utilities, one or many."""
        value = np.asarray(utility, np.float64) * self.sign
        return np.sqrt(np.maximum(value, 0.0)) if self.is_root else value
