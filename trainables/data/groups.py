"""Parts made of whole groups of rows: all rows of a patient, a user, a day stay together.

The largest group first, each group goes to the part that it brings nearest to its wanted share of
the rows and of every class, by chi-square distance Σ (has − wanted)² / wanted. That is greedy, as
scikit-learn's StratifiedGroupKFold is: shares and stratification are as near as whole groups let
the greedy choice come, without a bound. What is promised: no group is in two parts, every wanted
part has a group, every class is in the training part, and only the seed decides among equals.

G groups, P parts, C classes and one more column for all rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import DataError


class Dealer:
    """Deals the groups of some rows to parts.

    Args:
        groups: a value per row; equal values are one group.
        strata: class codes [rows].
        rng: decides among groups of one size.
    """

    def __init__(self, groups: Array, strata: Array, rng: np.random.Generator) -> None:
        _, self._group_of = np.unique(groups.astype(str), return_inverse=True)
        self._strata = strata
        self._rng = rng

    def deal(
        self,
        shares: Sequence[float],
        *,
        within: Array | None = None,
        least: Sequence[int] | None = None,
        complete: int | None = None,
    ) -> list[Array]:
        """The rows of each part, sorted; parts with a share of 0 are empty.

        Args:
            within: only these rows; all by default.
            least: the fewest groups of each part, 1 by default.
            complete: the part in which every class must be.

        Raises:
            DataError: at "data.group", too few groups.
        """
        rows = np.arange(len(self._strata)) if within is None else within
        present, group_of = np.unique(self._group_of[rows], return_inverse=True)
        counts_GC = _counts(group_of, self._strata[rows], len(present))
        wanted = [place for place, share in enumerate(shares) if share > 0]
        fewest = np.array([least[place] if least else 1 for place in wanted])
        if len(present) < fewest.sum():
            message = f"{len(present)} groups are too few: the parts need {fewest.sum()}"
            raise DataError("data.group", message)
        shares_P = np.array([shares[place] for place in wanted])
        part_G = _deal(counts_GC, shares_P, fewest, self._rng)
        if complete is not None:
            _complete(part_G, counts_GC, wanted.index(complete), fewest)
        part_of = np.array(wanted)[part_G][group_of]
        return [np.sort(rows[part_of == place]) for place in range(len(shares))]


def _counts(group_of: Array, strata: Array, groups: int) -> Array:
    """Rows of each group by class, and in all; [G, C + 1]."""
    _, codes = np.unique(strata, return_inverse=True)
    classes = int(codes.max()) + 1
    flat = np.bincount(group_of * classes + codes, minlength=groups * classes)
    counts_GC = flat.reshape(groups, classes)
    return np.column_stack([counts_GC, counts_GC.sum(1)]).astype(np.float64)


def _deal(counts_GC: Array, shares_P: Array, fewest_P: Array, rng: np.random.Generator) -> Array:
    """The part of each group."""
    wanted_PC = shares_P[:, None] * counts_GC.sum(0)
    has_PC, groups_P = np.zeros_like(wanted_PC), np.zeros(len(shares_P), np.int64)
    shuffled = rng.permutation(len(counts_GC))
    order = shuffled[np.argsort(-counts_GC[shuffled, -1], kind="stable")]
    part_G = np.empty(len(counts_GC), np.int64)
    for done, group in enumerate(order):
        rows_C = counts_GC[group]
        rise_P = (rows_C * (2 * (has_PC - wanted_PC) + rows_C) / wanted_PC).sum(1)
        short_P = groups_P < fewest_P
        if np.maximum(fewest_P - groups_P, 0).sum() >= len(order) - done:
            rise_P = np.where(short_P, rise_P, np.inf)  # the last groups belong to these parts
        part = part_G[group] = int(np.argmin(rise_P))
        has_PC[part] += rows_C
        groups_P[part] += 1
    return part_G


def _complete(part_G: Array, counts_GC: Array, part: int, fewest_P: Array) -> None:
    """Moves groups into `part` until it has every class, in place; the smallest that do."""
    for code in range(counts_GC.shape[1] - 1):
        with_class = np.flatnonzero(counts_GC[:, code])
        if (part_G[with_class] == part).any():
            continue
        groups_P = np.bincount(part_G, minlength=len(fewest_P))
        spare = [g for g in with_class if groups_P[part_G[g]] > fewest_P[part_G[g]]]
        if not spare:
            message = "the groups are too few for every class to be in the training part"
            raise DataError("data.group", message)
        part_G[min(spare, key=lambda g: counts_GC[g, -1])] = part
