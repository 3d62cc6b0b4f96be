"""How much each hyperparameter has to do with being among the best: PED-ANOVA.

The Pearson divergence between a parameter's density in the best tenth of the trials and in all of
them, both by Parzen estimators on a grid (Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently
Quantifying Hyperparameter Importance in Arbitrary Subspaces", IJCAI 2023); what exists in some
configurations only counts by how many of them are among the best (arXiv 2601.20800, theorem 4.2).
It is what Optuna computes by default, and a test holds the two equal; to import Optuna's takes
seconds, most of them for evaluators that are not asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lanewise.dashboards.report.points import Parameter, Point, Points

Floats = NDArray[np.float64]

BEST = 0.1  # the share of the trials that counts as the best
GRID = 50  # places of a range
LEAST_SIGMA = 0.5 / 1.64  # of a kernel: 90 % of it lie within its place of the grid
PRIOR = 1.0  # the weight of the kernel over the whole range
FEWEST = 10  # trials that have a parameter of some configurations only

_normal = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))), otypes=[float])


def importances(points: Points) -> list[tuple[Parameter, float | None]]:
    """Each parameter with its share of 1: first those of every configuration, then the others.

    Each of the two parts is descending. What exists in some configurations only stands behind: its
    share comes from fewer trials, and says nothing where it does not exist. It is None where fewer
    than ``FEWEST`` trials have it.
    """
    best = _best(points.ranked)
    found = {
        parameter: _divergence(parameter, points, best)
        for parameter in points.parameters
        if not parameter.is_conditional or len(points.having(parameter)) >= FEWEST
    }
    total = sum(found.values())
    shares: list[tuple[Parameter, float]] = [
        (parameter, value / total if total else 1 / len(found))
        for parameter, value in found.items()
    ]
    ranked = sorted(shares, key=lambda pair: (pair[0].is_conditional, -pair[1]))
    rare = [parameter for parameter in points.parameters if parameter not in found]
    return [*ranked, *((parameter, None) for parameter in rare)]


def _best(ranked: Sequence[Point]) -> list[Point]:
    """The best tenth, and whatever equals its last."""
    last = ranked[math.ceil(BEST * len(ranked)) - 1].value
    count = max(place for place, point in enumerate(ranked, 1) if point.value == last)
    return list(ranked[:count])


def _divergence(parameter: Parameter, points: Points, best: Sequence[Point]) -> float:
    having = points.having(parameter)
    among = [point for point in best if parameter.name in point.places]
    if not among:
        return 0.0
    share_of_best, share_of_all = len(among) / len(best), len(having) / len(points.ranked)
    top, everywhere = (_density(parameter, group) + 1e-12 for group in (among, having))
    pearson = float(everywhere @ ((top / everywhere - 1) ** 2))
    return share_of_best**2 / share_of_all * pearson


def _density(parameter: Parameter, group: Sequence[Point]) -> Floats:
    """The probability of each place of the grid, or of each option [G]."""
    places = np.array([point.places[parameter.name] for point in group])
    if parameter.options:
        return _of_options(places.astype(int), len(parameter.options))
    grid = _grid_size(parameter)
    low, high = parameter.bounds
    if parameter.is_log:
        places, low, high = np.log(places), math.log(low), math.log(high)
    positions = (places - low) / ((high - low) / (grid - 1))
    # What lies in the middle goes to the lower place.
    counts = np.bincount(np.clip(np.ceil(positions - 0.5).astype(int), 0, grid - 1), minlength=grid)
    return _of_range(counts)


def _grid_size(parameter: Parameter) -> int:
    low, high = parameter.bounds
    if parameter.is_integer and parameter.is_log:
        return min(math.ceil(math.log2(high - low + 1)) + 1, GRID)
    step = 1 if parameter.is_integer else None
    if parameter.range is not None and parameter.range.step is not None:
        step = parameter.range.step
    return GRID if step is None or parameter.is_log else min(round((high - low) / step) + 1, GRID)


def _of_options(options: NDArray[np.int64], size: int) -> Floats:
    """A kernel for each option that was met, and one over all."""
    met, counts = np.unique(options, return_counts=True)
    kernels = np.full((len(met) + 1, size), PRIOR / (len(met) + 1))
    kernels[np.arange(len(met)), met] += 1
    weights = np.append(counts, PRIOR)
    density: Floats = weights / weights.sum() @ (kernels / kernels.sum(axis=1, keepdims=True))
    return density


def _of_range(counts: NDArray[np.int64]) -> Floats:
    """Normal kernels on whole numbers, cut off at the ends; as wide as Scott's rule says."""
    places = np.flatnonzero(counts)
    weights, size = counts[places], len(counts)
    number = weights.sum()
    mean = places @ weights / number
    deviation = math.sqrt((places - mean) ** 2 @ weights / max(1, number - 1))
    until = np.cumsum(weights)
    first = np.searchsorted(until, number // 4, side="left")
    third = np.searchsorted(until, number * 3 // 4, side="right")
    between = places[min(len(places) - 1, third)] - places[first]
    sigma = max(1.059 * min(between / 1.34, deviation) * number**-0.2, LEAST_SIGMA)
    # One more kernel, over the whole range: the prior.
    centres = np.append(places, (size - 1) / 2)[:, None]
    sigmas = np.append(np.full(len(places), sigma), size)[:, None]
    ends = _normal((np.arange(size + 1) - 0.5 - centres) / sigmas)
    kernels = np.diff(ends) / (ends[:, -1:] - ends[:, :1])
    density: Floats = np.append(weights, PRIOR) / (number + PRIOR) @ kernels
    return density
