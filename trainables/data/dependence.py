"""Which validation rows are alike for another reason than chance: they are resampled together."""

from __future__ import annotations

import math

import numpy as np

from lanewise.trainables.data.table import Array, Groups, Order


def clusters(count: int, groups: Groups | None, order: Order | None, rows: Array | None) -> Array:
    """A number for each of the rows; those with equal ones belong together.

    Rows of a group, or a stretch of time: neighbours in time are alike, and the horizons of
    windows overlap. A stretch has `stretch` rows, and at least twice as many as overlap.

    Args:
        count: of the rows. rows: their numbers in `groups` and `order`; None for all.
    """
    chosen = np.arange(count) if rows is None else rows
    if groups is not None:
        values = groups.values[chosen].astype(str)
        return np.asarray(np.unique(values, return_inverse=True)[1])
    if order is None:
        return np.arange(count)
    first, last = order.first[chosen], order.last[chosen]
    ordered = np.sort(first)
    overlap = np.searchsorted(ordered, last, "right") - np.searchsorted(ordered, first, "left")
    length = max(stretch(count), 2 * int(np.median(overlap)) if overlap.max() > 1 else 1)
    place = np.empty(count, np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(count)
    return np.asarray(place // length)


def stretch(count: int) -> int:
    """The length of one stretch of so many rows in time.

    The cube root of all that is usual (Künsch, 1989) is for shorter memories, and the square root
    left intervals too narrow (`benchmarks/honesty.py`).
    """
    return max(1, round(1.5 * math.sqrt(count)))
