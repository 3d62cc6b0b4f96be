"""Rungs: the epochs at which trials are compared, and who stands where at each of them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from lanewise.search.core.ordered import Ordered


def geometric(first: int, eta: int, last: int) -> tuple[int, ...]:
    """first, first*eta, first*eta^2, ... below ``last``, and ``last`` itself.

    By integer multiplication: float logarithms lose rungs (log(243, 3) < 5 in floating point).
    """
    rungs = []
    rung = first
    while rung < last:
        rungs.append(rung)
        rung *= eta
    return (*rungs, last)


def next_rung(rungs: tuple[int, ...], epoch: int) -> int:
    """The first rung behind ``epoch``; the last one where there is none."""
    return rungs[min(bisect_right(rungs, epoch), len(rungs) - 1)]


def last_rung(rungs: tuple[int, ...], epoch: int) -> int:
    """The last rung that a trial at ``epoch`` has reached; 0 before the first."""
    reached = bisect_right(rungs, epoch)
    return rungs[reached - 1] if reached else 0


@dataclass
class Rung:
    """The trials that have reached one rung. A report costs O(log n).

    Attributes:
        arrived: their numbers, in the order in which they reached it.
        standings: (score, -number), ascending; the best one is the last.
        paused: the standings of those that are paused at it, ascending.
        missed: how many trials of these rungs have ended before they reached it.
    """

    arrived: list[int] = field(default_factory=list)
    standings: Ordered = field(default_factory=Ordered)
    paused: Ordered = field(default_factory=Ordered)
    missed: int = 0
    _scores: dict[int, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arrived)

    @property
    def scores(self) -> list[float]:
        """Of all of them, ascending: more is better."""
        return [score for score, _ in self.standings]

    def is_settled(self, trials: int) -> bool:
        """Whether none of so many trials may still reach it."""
        return len(self.arrived) + self.missed >= trials

    def score(self, number: int) -> float:
        """With which a trial reached the rung; KeyError if it has not."""
        return self._scores[number]

    def best(self, place: int) -> float:
        """The score of the best one (1), the second best (2), ..."""
        return self.standings[-place][0]

    def better(self, number: int) -> int:
        """How many trials stand before that one."""
        standing = (self._scores[number], -number)
        return len(self.standings) - 1 - self.standings.rank(standing)

    def enter(self, number: int, score: float) -> None:
        self.arrived.append(number)
        self._scores[number] = score
        self.standings.add((score, -number))

    def pause(self, number: int) -> None:
        self.paused.add((self._scores[number], -number))

    def leave(self, number: int) -> None:
        """It is no longer paused here."""
        self.paused.remove((self._scores[number], -number))
