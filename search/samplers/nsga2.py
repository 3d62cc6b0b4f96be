"""NSGA-II: a genetic algorithm that sorts by domination (Deb et al. 2002), as Optuna has it."""

from __future__ import annotations

from lanewise.search.samplers.options import check_count, check_share
from lanewise.search.samplers.optuna import OptunaSampler
from lanewise.spaces import Space


def nsga2(space: Space, seed: int, population: int = 50, crossover: float = 0.9) -> OptunaSampler:
    """Optuna's NSGA-II; for several objectives and many trials.

    Of a conditional space, parents pass on the parameters that every trial has; the others are
    drawn at random.

    Args:
        population: configurations of a generation.
        crossover: the probability that a configuration has two parents.
    """
    check_count("population", population, 2)
    check_share("crossover", crossover)
    options = {"population_size": population, "crossover_prob": crossover}
    return OptunaSampler(space, seed, "nsgaii", options)
