"""The corrected score of a selected model, its interval, and who is tied with it.

BBC (Tsamardinos et al., "Bootstrapping the out-of-sample predictions for efficient and accurate
cross-validation", 2018): select on the rows of a bootstrap, score on the others; the mean over
bootstraps. Efron, "The estimation of prediction error", 2004: subtract from the naive score how
much the selected ones are better on their bootstrap's rows than on all. The first is a little too
low, the second too high. A study of sweeps of real networks found either three quarters of the
first or a half good for ROC AUC and squared errors, and three quarters for accuracy; with a sampler
that learns, a half is too little (`benchmarks/honesty.py`), so it is three quarters throughout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lanewise.search.selection.sample import Array
from lanewise.search.selection.stream import Stream

BBC_SHARE = 0.75  # in the corrected score
LEAST = 100  # bootstraps of use, below which nothing is estimated
_WIDTH = math.sqrt(0.368 / 0.632)  # the rows left out are a subsample: their scores vary more
_LOW, _HIGH = 0.05, 0.95


@dataclass(frozen=True)
class Corrected:
    """What the best trial's score is worth on new rows, with a 90 % interval."""

    score: float
    low: float
    high: float


def corrected(stream: Stream, reported: float, share: float = BBC_SHARE) -> Corrected | None:
    """The best score, corrected for having been selected; None where nothing can be said.

    Args:
        reported: the best trial's metric. It may be of more rows than the sample has; what is to
            be subtracted shrinks with their root then.
        share: of BBC.
    """
    sample, state_B = stream.sample, stream.state_B
    if len(state_B) < LEAST or not np.isfinite(stream.naive):
        return None
    bbc = state_B["out"].mean()
    efron = stream.naive - (state_B["in_bag"] - state_B["full"]).mean()
    mixed = share * bbc + (1 - share) * efron
    width = _WIDTH * _few(len(np.unique(sample.clusters_N)))
    spread = width * np.quantile(state_B["out"] - bbc, [_LOW, _HIGH])
    shrink = math.sqrt(sample.rows / sample.total)
    naive, score = sample.metric(stream.naive), sample.metric(mixed)
    ends = sorted((sample.metric(mixed + spread) - naive) * shrink + reported)
    found = [float((score - naive) * shrink + reported), *map(float, ends)]
    if sample.is_share:
        found = [min(1.0, max(0.0, value)) for value in found]
    elif sample.is_root:
        found = [max(0.0, value) for value in found]
    return Corrected(*found)


def _few(clusters: int) -> float:
    """How much wider an interval is to be that resamples few clusters of rows.

    Student's quantile over the normal one, and the variance over n − 1 instead of n.
    """
    from scipy.special import ndtri, stdtrit

    degrees = clusters - 1
    return float(stdtrit(degrees, _HIGH) / ndtri(_HIGH)) * math.sqrt(clusters / degrees)


def tied(
    stream: Stream, best: int, values: Mapping[int, Array], reported: Mapping[int, float]
) -> tuple[int, ...]:
    """The trials whose difference to the best may be chance: a paired bootstrap of their best
    evaluations includes 0 at 90 %. In about nine in ten sweeps the truly best one is among these.

    Args:
        values: of each trial's best evaluation, [K, N].
        reported: its metric.
    """
    sample, others = stream.sample, [trial for trial in values if trial != best]
    if best not in values or not others or len(stream.weights_BN) < LEAST:
        return ()
    shrink = math.sqrt(sample.rows / sample.total)
    top_B = _scores(stream, values[best][None])[0]
    found = []
    for first in range(0, len(others), 256):
        some = others[first : first + 256]
        behind_EB = top_B - _scores(stream, np.stack([values[trial] for trial in some]))
        mean_E = behind_EB.mean(1)
        low_E = np.quantile((behind_EB - mean_E[:, None]) * shrink, _LOW, axis=1)
        for trial, low, mean in zip(some, low_E, mean_E, strict=True):
            behind = sample.sign * (reported[best] - reported[trial]) if shrink < 1 else mean
            if behind + low <= 0:
                found.append(trial)
    return tuple(sorted(found))


def _scores(stream: Stream, values_EKN: Array) -> Array:
    """The metric on the bootstraps' rows as a utility, [E, B]."""
    sample = stream.sample
    scores_EB = sample.sign * stream.statistic.rank(values_EKN, stream.weights_BN)
    return np.asarray(sample.sign * sample.metric(scores_EB))
