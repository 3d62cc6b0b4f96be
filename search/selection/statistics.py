"""A metric of weighted rows. E evaluations, K columns, N rows, B bootstraps, C classes.

`score` gives the metric of each evaluation under each of some weights, [E, B]. What is undefined
under some weights is NaN; `is_defined` says where, by the weights alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from lanewise.search.selection.sample import Array, Sample

_DIGITS = 12  # in which equal shares are equal, whatever the order of additions
_ABOUT = 6  # the same, of sums in float32


class Statistic(Protocol):
    """A metric of rows."""

    def is_defined(self, weights_BN: Array) -> Array:
        """Which weights it is defined for, [B]."""
        ...

    def score(self, values_EKN: Array, weights_BN: Array) -> Array:
        """[E, B], float64."""
        ...

    def full(self, values_EKN: Array) -> Array:
        """The score of all rows, [E]."""
        ...

    def rank(self, values_EKN: Array, weights_BN: Array) -> Array:
        """What evaluations are compared by under the same weights, [E, B]: the score, or about."""
        ...


class _ByScore(ABC):
    """Evaluations are compared by their scores."""

    @abstractmethod
    def score(self, values_EKN: Array, weights_BN: Array) -> Array: ...

    def full(self, values_EKN: Array) -> Array:
        ones_1N = np.ones((1, values_EKN.shape[2]), np.float32)
        return self.score(values_EKN, ones_1N)[:, 0]

    def rank(self, values_EKN: Array, weights_BN: Array) -> Array:
        return self.score(values_EKN, weights_BN)


class Mean(_ByScore):
    """The mean over rows and columns."""

    def __init__(self, sample: Sample) -> None: ...

    def is_defined(self, weights_BN: Array) -> Array:
        return np.asarray(weights_BN.any(1))

    def score(self, values_EKN: Array, weights_BN: Array) -> Array:
        # Sums of counts are exact in float32: evaluations with equal counts have equal scores.
        sums_EN = values_EKN.sum(1, dtype=np.float32)
        rows_B = weights_BN.sum(1, dtype=np.float64)
        return np.asarray((sums_EN @ weights_BN.T) / (rows_B * values_EKN.shape[1]))


class BalancedAccuracy(_ByScore):
    """The mean recall of the classes that the rows have."""

    def __init__(self, sample: Sample) -> None:
        self.codes_N = sample.codes_N
        self.is_class_NC = _one_hot(sample)

    def is_defined(self, weights_BN: Array) -> Array:
        # With a class less, it is another metric.
        there_C = self.is_class_NC.any(0)
        return np.asarray(((weights_BN @ self.is_class_NC) > 0)[:, there_C].all(1))

    def score(self, values_EKN: Array, weights_BN: Array) -> Array:
        rows_BC = (weights_BN @ self.is_class_NC).astype(np.float64)
        classes_B1 = (rows_BC > 0).sum(1, keepdims=True)
        share_BC = 1 / (np.maximum(rows_BC, 1) * classes_B1)
        weights_BN = weights_BN * share_BC[:, self.codes_N]
        return np.asarray(np.round(values_EKN.mean(1) @ weights_BN.T, _DIGITS))


class F1(_ByScore):
    """Of class 1 of two, 0 if it is neither there nor predicted; of more, the mean over those that
    are there or predicted. Values are predicted classes; the mean over columns.
    """

    def __init__(self, sample: Sample) -> None:
        self.is_class_NC = _one_hot(sample)
        self.classes = [1] if sample.classes == 2 else list(range(sample.classes))

    def is_defined(self, weights_BN: Array) -> Array:
        if len(self.classes) > 1:
            return np.asarray(weights_BN.any(1))
        return np.asarray(weights_BN @ self.is_class_NC[:, 1] > 0)

    def score(self, values_EKN: Array, weights_BN: Array) -> Array:
        columns = [self._column(values_EKN[:, k], weights_BN) for k in range(values_EKN.shape[1])]
        return np.asarray(np.round(np.mean(columns, axis=0), _DIGITS))

    def _column(self, predicted_EN: Array, weights_BN: Array) -> Array:
        there_BC = (weights_BN @ self.is_class_NC).astype(np.float64)
        shape = len(predicted_EN), len(weights_BN)
        total_EB, count_EB = np.zeros(shape), np.zeros(shape)
        for code in self.classes:
            called_EN = (predicted_EN == code).astype(np.float32)
            either_EB = called_EN @ weights_BN.T + there_BC[:, code]
            found_EB = (called_EN * self.is_class_NC[:, code]) @ weights_BN.T
            total_EB += 2 * found_EB / np.maximum(either_EB, 1)
            count_EB += either_EB > 0
        return total_EB / (1 if len(self.classes) == 1 else np.maximum(count_EB, 1))


class RocAuc:
    """The chance that a row of a class scores above one of another; a tie counts half.

    Of more than two classes one against the rest, the mean over the classes and seeds. Columns are
    scores of class 1, or of every class.
    """

    def __init__(self, sample: Sample) -> None:
        codes = [1] if sample.classes == 2 else list(range(sample.classes))
        self.is_class_NC = _one_hot(sample)
        self.codes = [codes[k % len(codes)] for k in range(sample.columns)]
        # The same evaluations are scored, and then compared.
        self._known: tuple[Array, tuple[Array, Array]] | None = None

    def is_defined(self, weights_BN: Array) -> Array:
        rows_BC = weights_BN @ self.is_class_NC
        there_C = self.is_class_NC.any(0)
        return np.asarray((rows_BC > 0)[:, there_C].all(1) & (there_C.sum() > 1))

    def score(self, values_EKN: Array, weights_BN: Array) -> Array:
        found = [self._one(values_KN, weights_BN) for values_KN in values_EKN]
        return np.array(found).reshape(len(values_EKN), len(weights_BN))

    def _one(self, values_KN: Array, weights_BN: Array) -> Array:
        areas = [
            _area(score_N, self.is_class_NC[:, code] > 0, weights_BN)
            for score_N, code in zip(values_KN, self.codes, strict=True)
            if self.is_class_NC[:, code].any()
        ]
        return np.asarray(np.round(np.mean(areas, axis=0), _DIGITS))

    def full(self, values_EKN: Array) -> Array:
        return np.round(self._influence(values_EKN)[0], _DIGITS)

    def rank(self, values_EKN: Array, weights_BN: Array) -> Array:
        """The first-order terms (Hájek's projection), which are a sum over rows: sorting each
        evaluation under all weights would take long, and what is left out is of the order of 1/N.
        """
        area_E, influence_EN = self._influence(values_EKN)
        return np.asarray(np.round(area_E[:, None] + influence_EN @ weights_BN.T, _ABOUT))

    def _influence(self, values_EKN: Array) -> tuple[Array, Array]:
        """The area [E], and by how much it changes with the weight of each row [E, N].

        DeLong's placements minus their means, over the rows of the class or of the others.
        """
        if self._known is not None and self._known[0] is values_EKN:
            return self._known[1]
        area_E = np.zeros(len(values_EKN))
        influence_EN = np.zeros((len(values_EKN), values_EKN.shape[2]), np.float32)
        columns = [(k, c) for k, c in enumerate(self.codes) if self.is_class_NC[:, c].any()]
        for k, code in columns:
            is_class_N = self.is_class_NC[:, code] > 0
            placed_EN = _placements(values_EKN[:, k], is_class_N)
            mine_E = placed_EN[:, is_class_N].mean(1, dtype=np.float64)
            ours = is_class_N.sum()
            share_N = 1 / np.where(is_class_N, ours, max(1, len(is_class_N) - ours))
            placed_EN -= mine_E[:, None].astype(np.float32)
            influence_EN += placed_EN * share_N.astype(np.float32)
            area_E += mine_E
        count = max(1, len(columns))
        self._known = values_EKN, (area_E / count, influence_EN / np.float32(count))
        return self._known[1]


def _area(score_N: Array, is_class_N: Array, weights_BN: Array) -> Array:
    """The Mann-Whitney statistic of weighted rows, [B]."""
    order = np.argsort(score_N, kind="stable")
    ordered, is_ours = score_N[order], is_class_N[order]
    ours = ordered[is_ours]
    mine_BM = weights_BN[:, order[is_ours]]
    # Sums of counts are exact in float32.
    below_BO = np.zeros((len(weights_BN), 1 + int((~is_ours).sum())), np.float32)
    np.cumsum(weights_BN[:, order[~is_ours]], axis=1, out=below_BO[:, 1:])
    first = np.searchsorted(ordered[~is_ours], ours, "left")
    last = np.searchsorted(ordered[~is_ours], ours, "right")
    halves_BM = below_BO[:, first] + below_BO[:, last]
    pairs_B = np.einsum("bm,bm->b", mine_BM, halves_BM, dtype=np.float64) / 2
    with np.errstate(invalid="ignore"):
        return np.asarray(pairs_B / (mine_BM.sum(1, dtype=np.float64) * below_BO[:, -1]))


def _placements(scores_EN: Array, is_class_N: Array) -> Array:
    """Of a row of the class the share of others below it, of another that of the class above.

    float32; some hundred rows are sorted thousands of times, so this is a matter of seconds.
    """
    order_EN = _order(scores_EN)
    at_EN = order_EN + scores_EN.shape[1] * np.arange(len(scores_EN))[:, None]
    ordered_EN, ours_EN = scores_EN.ravel()[at_EN], is_class_N[order_EN]
    # The rows of the class, and of all, that are before each in this order.
    mine_EN = np.cumsum(ours_EN, axis=1, dtype=np.float32) - ours_EN
    all_EN = np.broadcast_to(np.arange(scores_EN.shape[1], dtype=np.float32), at_EN.shape)
    is_tie_EN = ordered_EN[:, 1:] == ordered_EN[:, :-1]
    if is_tie_EN.any():
        mine_EN = _amid(mine_EN, ours_EN, is_tie_EN)
        all_EN = _amid(all_EN, np.ones_like(ours_EN), is_tie_EN)
    ours = int(is_class_N.sum())
    above_EN = 1 - mine_EN * np.float32(1 / max(1, ours))
    below_EN = (all_EN - mine_EN) * np.float32(1 / max(1, len(is_class_N) - ours))
    placed_EN = np.empty_like(above_EN)
    placed_EN.ravel()[at_EN] = np.where(ours_EN, below_EN, above_EN)
    return placed_EN


def _order(scores_EN: Array) -> Array:
    """As argsort of float32, at a third of its time: by whole numbers with the place behind."""
    bits_EN = (scores_EN.astype(np.float32) + np.float32(0.0)).view(np.int32)  # −0 is 0
    keys_EN = (bits_EN ^ ((bits_EN >> 31) & 0x7FFFFFFF)).astype(np.int64)
    shift = scores_EN.shape[1].bit_length()
    keys_EN = (keys_EN << shift) | np.arange(scores_EN.shape[1])
    keys_EN.sort(axis=1)
    return np.asarray(keys_EN & ((1 << shift) - 1))


def _amid(before_EN: Array, counted_EN: Array, is_tie_EN: Array) -> Array:
    """Counts before each row, where those that are tied with it count half."""
    rows, count = before_EN.shape
    places = np.broadcast_to(np.arange(count), (rows, count))
    edge = np.zeros((rows, 1), bool)
    starts_EN = ~np.concatenate([edge, is_tie_EN], 1)
    ends_EN = ~np.concatenate([is_tie_EN, edge], 1)
    first_EN = np.maximum.accumulate(np.where(starts_EN, places, 0), axis=1)
    last_EN = np.minimum.accumulate(np.where(ends_EN, places, count)[:, ::-1], axis=1)[:, ::-1]
    low_EN = np.take_along_axis(before_EN, first_EN, 1)
    upto_EN = np.take_along_axis(before_EN + counted_EN, last_EN, 1)
    return np.asarray((low_EN + upto_EN) * np.float32(0.5))


def _one_hot(sample: Sample) -> Array:
    """[N, C], float32."""
    return np.equal(sample.codes_N[:, None], np.arange(sample.classes)).astype(np.float32)


STATISTICS: dict[str, type[Mean] | type[BalancedAccuracy] | type[F1] | type[RocAuc]] = {
    "mean": Mean,
    "balanced_accuracy": BalancedAccuracy,
    "f1": F1,
    "roc_auc": RocAuc,
}
