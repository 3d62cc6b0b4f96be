"""Whether further trials are worth their while: not where they would bring less than the noise.

The noise is the spread between a trial's replicas, which differ by their seeds and folds alone.
Makarova et al., "Automatic Termination for Hyperparameter Optimization", AutoML 2022, compare with
it a Gaussian process's bound on what is left to gain. Here that is estimated from the best trials
("peaks over threshold": Pickands, "Statistical Inference Using Extreme Order Statistics", Annals of
Statistics 3, 1975), which costs little, asks nothing of the space, and takes a sweep that is still
finding its way for one with much to gain: its best trials lie far apart.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from lanewise.search.core.history import History

TOP = 10  # the trials by which the tail is estimated
TRIALS = 2 * TOP  # that have ended before anything is said


def is_within_noise(history: History, left: int | None) -> bool:
    """Whether as many trials again as have ended are expected to improve the best by no more.

    Trials under way do not count, and while the best one is among them the sweep goes on.

    Args:
        left: how many more there may be; None without a limit.
    """
    ended, best = history.ended, history.best
    if ended < TRIALS or len(history.results) <= TOP or best is None or best.is_open:
        return False
    noise = _noise(history)
    if noise is None:
        return False
    further = ended if left is None else min(ended, left)
    scores = [history.results[-place][0] for place in range(1, TOP + 2)]
    return expected_gain(scores, further / ended) <= noise


def _noise(history: History) -> float | None:
    """The standard deviation between replicas, over the best trials; None where one has none."""
    name = f"{history.objective.metric}_std"
    numbers = [-history.results[-place][1] for place in range(1, TOP + 1)]
    spreads = [history.trials[number].best_metrics.get(name) for number in numbers]
    known = [spread for spread in spreads if spread is not None]
    if len(known) < len(spreads):
        return None
    return math.sqrt(statistics.fmean(spread * spread for spread in known))


def expected_gain(scores: Sequence[float], share: float) -> float:
    """By how much further trials improve the best, if they are drawn like those there were.

    Above the (k+1)-th best value the tail is taken for exponential, its mean m being that of the k
    excesses. The best of n such draws lies m H_n above where the tail begins, with the harmonic
    number H_n; so share * n further ones raise it by m (H_(n + share n) - H_n), about
    m log(1 + share). Bounded tails, such as an accuracy's near 1, have less to gain.

    Args:
        scores: the k + 1 best ones, descending: more is better.
        share: how many further trials, for each one so far.
    """
    *top, threshold = scores
    mean = sum((score - threshold) / len(top) for score in top)
    return mean * math.log1p(share)
