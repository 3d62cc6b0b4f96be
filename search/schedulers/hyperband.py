"""Asynchronous Hyperband: ASHA in several brackets, as nobody knows how early one may judge.

Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 18, 2018,
Algorithm 1: with s_max = floor(log_eta(R / r)), bracket s = s_max, ..., 0 halves s times and begins
with n_s = ceil((s_max + 1) eta^s / (s + 1)) configurations, so that all brackets cost the same.
Each bracket is an ASHA here (Li et al., MLSys 2020), to which trials come in proportion to n_s:
evenly mixed rather than one bracket after the other, so that a short sweep has its share of each.
"""

from __future__ import annotations

from functools import lru_cache
from math import lcm

from lanewise.search.core.events import Decision
from lanewise.search.core.history import History
from lanewise.search.core.spec import Spec
from lanewise.search.schedulers.asha import ASHA
from lanewise.search.schedulers.options import check_whole


class Hyperband:
    """Compares trials within brackets, each of which begins to compare eta times later.

    Args:
        eta: how many trials reach a rung for one that goes on.
        min_epochs: the first rung of the first bracket, at most the epochs of a trial.
        brackets: how many, of those that compare earliest. All by default, the last of which
            trains every trial to its end; a single one is ASHA.
        promote: whether trials pause at a rung instead of being stopped (see ASHA).

    Raises:
        SearchError: for another eta, min_epochs, brackets or promote.
    """

    def __init__(
        self,
        spec: Spec,
        eta: int = 3,
        min_epochs: int = 1,
        brackets: int | None = None,
        promote: bool = False,
    ) -> None:
        first = ASHA(spec, eta, min_epochs, promote)
        starts = _starts(min_epochs, eta, spec.budget.epochs)
        if brackets is not None:
            check_whole("brackets", brackets, 1, len(starts), "all")
        others = (ASHA(spec, eta, start, promote) for start in starts[1:brackets])
        self.brackets = (first, *others)
        self._sizes = _sizes(len(starts), eta)[:brackets]

    def bracket(self, number: int) -> ASHA:
        """The bracket of a trial."""
        cycle = _cycle(self._sizes)
        return self.brackets[cycle[number % len(cycle)]]

    def rungs(self, number: int) -> tuple[int, ...]:
        return self.bracket(number).rungs(number)

    def decide(self, history: History, number: int) -> Decision:
        return self.bracket(number).decide(history, number)

    def next(self, history: History) -> int | None:
        found = (bracket.next(history) for bracket in self.brackets)
        return next((number for number in found if number is not None), None)


def _starts(first: int, eta: int, last: int) -> tuple[int, ...]:
    """The first rung of each bracket; that of the last bracket is the last epoch.

    first * eta^k for k = 0, ..., s_max - 1. Where ``last`` is no such number, the step to it from
    the rung before it is shorter than the others, and makes no bracket of its own.
    """
    starts = []
    while first * eta <= last:
        starts.append(first)
        first *= eta
    return (*starts, last)


def _sizes(count: int, eta: int) -> tuple[int, ...]:
    """n_s of s = s_max, ..., 0 for s_max + 1 brackets, in whole numbers."""
    return tuple(-(-count * eta**s // (s + 1)) for s in reversed(range(count)))


@lru_cache
def _cycle(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Each index as often as its size says, spread evenly: the j-th of n at (2j + 1) / 2n."""
    whole = lcm(*sizes)
    turns = [
        ((2 * j + 1) * (whole // size), index)
        for index, size in enumerate(sizes)
        for j in range(size)
    ]
    return tuple(index for _, index in sorted(turns))
