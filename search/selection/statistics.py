"""A metric of weighted rows. E evaluations, K columns, N rows, B bootstraps, C classes.

`score` gives the metric of each evaluation under each of some weights, [E, B]. What is undefined
under some weights is NaN; `is_defined` says where, by the weights alone.
"""

from __future__ import annotations

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

    def rank(self, values_EKN: Array, weights_BN: Array) -> Array:
        """What evaluations are compared by under the same weights, [E, B]: the score, or about."""
        ...


class Mean:
    """The mean over rows and columns."""

    def __init__(self, sample: Sample) -> None: ...

    def is_defined(self, weights_BN: Array) -> Array:
        return np.asarray(weights_BN.any(1))

    def score(self, values_EKN: Array, weights_BN: Array) -> Array:
        # Sums of counts are exact in float32: evaluations with equal counts have equal scores.
        sums_EN = values_EKN.sum(1, dtype=np.float32)
        rows_B = weights_BN.sum(1, dtype=np.float64)
        return np.asarray((sums_EN @ weights_BN.T) / (rows_B * values_EKN.shape[1]))

    def rank(self, values_EKN: Array, weights_BN: Array) -> Array:
        return self.score(values_EKN, weights_BN)


class BalancedAccuracy:
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

    def rank(self, values_EKN: Array, weights_BN: Array) -> Array:
        return self.score(values_EKN, weights_BN)


class F1:
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

    def rank(self, values_EKN: Array, weights_BN: Array) -> Array:
        return self.score(values_EKN, weights_BN)


class RocAuc:
    """The chance that a row of a class scores above one of another; a tie counts half.

    Of more than two classes one against the rest, the mean over the classes and seeds. Columns are
    scores of class 1, or of every class.
    """

    def __init__(self, sample: Sample) -> None:
        codes = [1] if sample.classes == 2 else list(range(sample.classes))
        self.is_class_NC = _one_hot(sample)
        self.codes = [codes[k % len(codes)] for k in range(sample.columns)]

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

    def rank(self, values_EKN: Array, weights_BN: Array) -> Array:
        """The first-order terms (Hájek's projection), which are sums over rows: DeLong's placements
        under the weights. Sorting each evaluation under all weights would take long, and what is
        left out is of the order of 1/N.
        """
        rows_B = weights_BN.sum(1, dtype=np.float64)
        total_EB = np.zeros((len(values_EKN), len(weights_BN)))
        count = 0
        for k, code in enumerate(self.codes):
            is_class_N = self.is_class_NC[:, code]
            if not is_class_N.any():
                continue
            count += 1
            ours_B = (weights_BN @ is_class_N).astype(np.float64)
            placed_EN = np.array([_placements(v, is_class_N > 0) for v in values_EKN[:, k]])
            area_E1 = placed_EN[:, is_class_N > 0].mean(1, keepdims=True)
            placed_EN = placed_EN.astype(np.float32)
            total_EB += (placed_EN * is_class_N) @ weights_BN.T / np.maximum(ours_B, 1)
            total_EB += (
                (placed_EN * (1 - is_class_N)) @ weights_BN.T / np.maximum(rows_B - ours_B, 1)
            )
            total_EB -= area_E1
        return np.asarray(np.round(total_EB / max(1, count), _ABOUT))


def _area(score_N: Array, is_class_N: Array, weights_BN: Array) -> Array:
    """The Mann-Whitney statistic of weighted rows, [B]."""
    order = np.argsort(score_N, kind="stable")
    ordered, ours = score_N[order], np.flatnonzero(is_class_N[order])
    weights_BN = weights_BN[:, order].astype(np.float64)
    below_BN = np.zeros((len(weights_BN), len(order) + 1))
    np.cumsum(weights_BN * ~is_class_N[order], axis=1, out=below_BN[:, 1:])
    first = np.searchsorted(ordered, ordered[ours], "left")
    last = np.searchsorted(ordered, ordered[ours], "right")
    mine = weights_BN[:, ours]
    pairs_B = (mine * (below_BN[:, first] + below_BN[:, last])).sum(1) / 2
    with np.errstate(invalid="ignore"):
        return np.asarray(pairs_B / (mine.sum(1) * below_BN[:, -1]))


def _placements(score_N: Array, is_class_N: Array) -> Array:
    """Of a row of the class the share of others below it, of another that of the class above."""
    placed_N = np.empty(len(score_N))
    ours, others = np.sort(score_N[is_class_N]), np.sort(score_N[~is_class_N])
    mine, theirs = score_N[is_class_N], score_N[~is_class_N]
    below = np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")
    upto = np.searchsorted(ours, theirs, "left") + np.searchsorted(ours, theirs, "right")
    placed_N[is_class_N] = below / 2 / max(1, len(others))
    placed_N[~is_class_N] = 1 - upto / 2 / max(1, len(ours))
    return placed_N


def _one_hot(sample: Sample) -> Array:
    """[N, C], float32."""
    return np.equal(sample.codes_N[:, None], np.arange(sample.classes)).astype(np.float32)


STATISTICS: dict[str, type[Mean] | type[BalancedAccuracy] | type[F1] | type[RocAuc]] = {
    "mean": Mean,
    "balanced_accuracy": BalancedAccuracy,
    "f1": F1,
    "roc_auc": RocAuc,
}
