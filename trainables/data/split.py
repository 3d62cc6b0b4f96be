"""Training, validation and test parts, and folds: row numbers that depend only on the seed.

Stratified by systematic sampling: the rows of each class, shuffled, are spread evenly over one
sequence that is then cut, so that every part has each class's share to within about one row. A
class with fewer rows than there are parts goes to the training part: elsewhere nobody could learn
it. scikit-learn's stratified splitters refuse such a class, therefore this one is our own.

Where rows come in groups, whole groups are dealt instead: see `groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lanewise.trainables.data.groups import Dealer
from lanewise.trainables.data.table import Array, Order
from lanewise.trainables.data.timeline import split_in_time
from lanewise.trainables.errors import DataError

DEFAULT = (0.7, 0.15, 0.15)
PARTS = ("training", "validation", "test")
_PURPOSE = 1  # keeps this stream apart from others of the same seed


Pairs = tuple[tuple[Array, Array], ...]  # a training and a validation part for each fold


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers, sorted: per fold its training and validation part, and the test part."""

    folds: Pairs
    test: Array

    def whole(self) -> Split:
        """All rows but those of the test part as one training part, of which some validate, too."""
        train, val = self.folds[0]
        return Split(((np.union1d(train, val), val),), self.test)


def split_rows(
    rows: int,
    codes: Array | None,
    *,
    split: Sequence[float],
    folds: int,
    seed: int,
    groups: Array | None = None,
    order: Order | None = None,
    own: Sequence[str] = (),
    test_seed: int | None = None,
) -> Split:
    """Cut `rows` rows into parts.

    Args:
        codes: [rows] to stratify by, of classes or of another column's values; None for nothing.
        split: shares of training, validation and test; they sum to 1, parts but the first may be 0.
        folds: above 1, the rows outside the test part are cut into so many validation parts.
        groups: a value per row; rows of equal value come into one part.
        order: when each row is; parts follow each other in time.
        own: the parts that have rows of their own elsewhere, "validation" or "test".
        test_seed: cuts the test part, as a split without folds does, and `seed` only the rest.
    """
    check_split(split, folds, own)
    if test_seed is not None:
        if order is not None:
            message = f"the parts follow {order.name!r}, and no seed cuts them; leave it out"
            raise DataError("data.test_seed", message)
        test = split_rows(
            rows,
            codes,
            split=split,
            folds=1 if split[1] else folds,
            seed=test_seed,
            groups=groups,
            own=own,
        ).test
        kept = np.setdiff1d(np.arange(rows), test)
        rest = split_rows(
            len(kept),
            None if codes is None else codes[kept],
            split=without_test(split),
            folds=folds,
            seed=seed,
            groups=None if groups is None else groups[kept],
            own=own,
        )
        return Split(tuple((kept[train], kept[val]) for train, val in rest.folds), test)
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([_PURPOSE, seed % 2**64])))
    strata = np.zeros(rows, np.int64) if codes is None else codes
    train, val = _sizes(rows, split)
    if order is not None:
        if groups is not None:
            message = f"rows are split by {order.name!r}; groups of rows cannot be kept together"
            raise DataError("data.group", message)
        return Split(*split_in_time(order, split, folds))
    if groups is not None:
        return _split_groups(Dealer(groups, strata, rng), split, folds)
    spread = _spread(strata, rng, parts=sum(share > 0 for share in split))
    if folds == 1:
        pair = (np.sort(spread[:train]), np.sort(spread[train : train + val]))
        return Split((pair,), np.sort(spread[train + val :]))
    kept = spread[: train + val]
    if len(kept) < 2 * folds:
        raise DataError("folds", f"{folds} folds need {2 * folds} rows, and there are {len(kept)}")
    return Split(_folds(kept, strata, folds), np.sort(spread[train + val :]))


def without_test(split: Sequence[float]) -> tuple[float, ...]:
    """The shares of the rows outside the test part."""
    train = split[0] / (split[0] + split[1])
    return (train, 1 - train, 0.0)


def shares(given: Sequence[float] | None, own: Sequence[str]) -> tuple[float, ...]:
    """The shares into which the source is cut: as given, else the default ones among the parts
    that have no rows of their own.
    """
    if given is not None:
        return tuple(given)
    left = [0.0 if part in own else share for part, share in zip(PARTS, DEFAULT, strict=True)]
    return tuple(round(share / sum(left), 6) for share in left)


def check_split(split: Sequence[float], folds: int = 1, own: Sequence[str] = ()) -> None:
    """Raise DataError unless `split` holds three usable shares."""
    path = "data.split"
    shown = list(split)
    if len(shown) != 3 or any(isinstance(s, bool) or not 0 <= s <= 1 for s in shown):
        message = f"{shown}: give three shares from 0 to 1 (training, validation, test)"
        raise DataError(path, message)
    if abs(sum(shown) - 1) > 1e-6:
        raise DataError(path, f"{shown}: the shares must sum to 1, not {sum(shown):g}")
    if shown[0] == 0:
        raise DataError(path, f"{shown}: the training share must be above 0")
    for part, share in zip(PARTS, shown, strict=True):
        if part in own and share > 0:
            message = f"the {part} share must be 0, since data.{part} has these rows"
            raise DataError(path, f"{shown}: {message}")
    if isinstance(folds, bool) or folds < 1:
        raise DataError("folds", f"{folds}: give 1 (no cross-validation) or more")
    if "validation" in own and folds > 1:
        message = f"{folds} folds cut their validation parts from the source; leave one of them out"
        raise DataError("data.validation", message)
    if shown[1] == 0 and folds == 1 and "validation" not in own:
        message = "the validation share may be 0 only with folds of 2 or more, or data.validation"
        raise DataError(path, f"{shown}: {message}")


def _sizes(rows: int, split: Sequence[float]) -> tuple[int, int]:
    val, test = (max(1, round(rows * share)) if share > 0 else 0 for share in split[1:])
    train = rows - val - test
    if train < 2:
        message = f"{rows} rows are too few for the split {list(split)} (2 or more must train)"
        raise DataError("data.source", message)
    return train, val


def _spread(strata: Array, rng: np.random.Generator, parts: int) -> Array:
    """All rows in an order of which every stretch holds about each stratum's share."""
    keys = np.empty(len(strata))
    in_turn = np.argsort(strata, kind="stable")
    starts = np.unique(strata[in_turn], return_index=True)[1]
    for stratum in np.split(in_turn, starts[1:]):
        members = rng.permutation(stratum)
        places = (np.arange(len(members)) + rng.random()) / len(members)
        keys[members] = places if len(members) >= parts else -1.0
    return np.argsort(keys + 1e-9 * rng.random(len(keys)), kind="stable")


def _folds(kept: Array, strata: Array, folds: int) -> Pairs:
    """Deal the rows, stratum by stratum, to the folds in turn: counts differ by at most one."""
    dealt = kept[np.argsort(strata[kept], kind="stable")]
    place = np.arange(len(dealt)) % folds
    pairs = [(np.sort(dealt[place != k]), np.sort(dealt[place == k])) for k in range(folds)]
    return tuple(pairs)


def _split_groups(dealer: Dealer, split: Sequence[float], folds: int) -> Split:
    if folds == 1:
        train, val, test = dealer.deal(split, complete=0)
        _check_training(train)
        return Split(((train, val),), test)
    kept, test = dealer.deal((split[0] + split[1], split[2]), complete=0, least=(folds, 1))
    parts = dealer.deal([1 / folds] * folds, within=kept)
    pairs = tuple((np.setdiff1d(kept, part), part) for part in parts)
    for train, _ in pairs:
        _check_training(train)
    return Split(pairs, test)


def _check_training(train: Array) -> None:
    if len(train) < 2:
        raise DataError("data.group", "the groups leave the training part less than 2 rows")
