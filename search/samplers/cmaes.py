"""CMA-ES: covariance matrix adaptation (Hansen, arXiv 1604.00772), as the package cmaes has it."""

from __future__ import annotations

from lanewise.search.samplers.options import check_count, check_flag
from lanewise.search.samplers.optuna import OptunaSampler
from lanewise.spaces import Space


def cmaes(
    space: Space, seed: int, population: int | None = None, margin: bool = False
) -> OptunaSampler:
    """Optuna's CMA-ES; for many trials over ranges of numbers, and one objective.

    Choices, and parameters of conditional spaces that not every trial has, are drawn at random.

    Args:
        population: configurations of a generation, at least 4; by default 4 + ⌊3 ln(ranges)⌋.
        margin: whether ranges with few values keep a chance for each of them (CMA-ES with
            margin, Hamano et al. 2022).
    """
    options: dict[str, object] = {"with_margin": margin}
    if population is not None:
        check_count("population", population, 4)  # two parents at least
        options["popsize"] = population
    check_flag("margin", margin)
    return OptunaSampler(space, seed, "cmaes", options)
