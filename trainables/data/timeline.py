"""Parts that follow time: validation comes after training, test after validation.

A row has a first and a last moment (a forecast's rows have a horizon). Rows of one moment stay
together, and a training row that ends after the next part has begun is in no part: nobody learns
from what is to be foretold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lanewise.trainables.data.table import Array, Order
from lanewise.trainables.errors import DataError


def split_in_time(
    order: Order, split: Sequence[float], folds: int
) -> tuple[tuple[tuple[Array, Array], ...], Array]:
    """Row numbers, sorted: per fold its training and validation part, and the test part.

    With folds, the rows before the test part are cut into folds + 1 stretches; fold k trains on
    the first k and validates on the next, as scikit-learn's TimeSeriesSplit does.

    Raises:
        DataError: at "data.order" or "folds", too few moments.
    """
    moments = np.sort(order.first)
    test_from = _cut(moments, split[0] + split[1]) if split[2] else None
    test = _between(order, test_from, None) if test_from is not None else np.empty(0, np.int64)
    is_own = not split[1] and folds == 1  # the validation part has rows of its own
    if is_own:
        pairs = [(_between(order, None, test_from), np.empty(0, np.int64))]
    elif folds == 1:
        val_from = _cut(moments, split[0])
        pairs = [(_between(order, None, val_from), _between(order, val_from, test_from))]
    else:
        kept = moments if test_from is None else moments[moments < test_from]
        kept = kept if len(kept) else moments  # too few, as is said below
        cuts = [_cut(kept, k / (folds + 1)) for k in range(1, folds + 1)]
        ends = [*cuts[1:], test_from]
        pairs = [
            (_between(order, None, cut), _between(order, cut, end))
            for cut, end in zip(cuts, ends, strict=True)
        ]
    for train, val in pairs:
        if len(train) < 2 or not (len(val) or is_own):
            count = len(np.unique(order.first))
            reach = int((order.last > order.first).any())
            message = f"column {order.name!r} has rows at {count} moments"
            message += ", which reach into later ones" * reach
            where = "folds" if folds > 1 else "data.order"
            raise DataError(where, f"{message}; too few for parts that follow each other")
    return tuple(pairs), test


def _cut(moments: Array, share: float) -> object:
    """The moment that a share of the rows comes before."""
    return moments[min(len(moments) - 1, round(share * len(moments)))]


def _between(order: Order, begin: object, end: object) -> Array:
    """The rows from `begin` on that are over before `end`; None for no bound."""
    inside = np.ones(len(order.first), bool)
    if begin is not None:
        inside &= order.first >= begin
    if end is not None:
        inside &= order.last < end
    return np.flatnonzero(inside)
