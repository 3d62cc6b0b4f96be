"""What repeated trainings of one configuration say of its score: a mean and an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Repeated:
    """The score of a configuration over its trainings.

    spread: their standard deviation (n − 1 in the denominator); 0 for a single one.
    folds: disjoint validation parts among them; 1 where all have the same.
    """

    mean: float
    spread: float
    count: int
    folds: int = 1

    @property
    def variance(self) -> float:
        """Of the mean: spread² · (1 / n + rows of validation / rows of training).

        Folds share most of their training rows, so that their scores are not independent; the
        second term is the correction of Nadeau and Bengio (Machine Learning 52, 2003, section 3).
        """
        shared = 1 / (self.folds - 1) if self.folds > 1 else 0.0
        return self.spread**2 * (1 / self.count + shared)

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Of the mean, by Student's t; infinite for a single training."""
        return self._within(self.mean, self.variance, self.count, level)

    def is_tied(self, other: Repeated, level: float = 0.9) -> bool:
        """Whether the difference of two means could as well be 0."""
        difference, variance = self.mean - other.mean, self.variance + other.variance
        low, high = self._within(difference, variance, min(self.count, other.count), level)
        return low <= 0 <= high

    @staticmethod
    def _within(mean: float, variance: float, count: int, level: float) -> tuple[float, float]:
        from scipy.special import stdtrit

        if count < 2:
            return -math.inf, math.inf
        reach = float(stdtrit(count - 1, (1 + level) / 2)) * math.sqrt(variance)
        return mean - reach, mean + reach


def of_values(values: Sequence[float]) -> Repeated:
    """Of trainings that are known one by one, on the same validation part."""
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Repeated(mean, math.sqrt(squares / max(1, len(values) - 1)), len(values))


def of_moments(mean: float, deviation: float, count: int, folds: int) -> Repeated:
    """Of a trial's replicas: their mean, and standard deviation with n in the denominator."""
    return Repeated(mean, deviation * math.sqrt(count / max(1, count - 1)), count, folds)
