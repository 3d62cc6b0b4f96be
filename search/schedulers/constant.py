"""Constant fidelity: every trial the same few epochs, then the best of them to the end.

Egele, Mohr, Viering, Balaprakash, "The Unreasonable Effectiveness Of Early Discarding After One
Epoch In Neural Network Hyperparameter Optimization", Neurocomputing 597, 2024 (arXiv 2404.04111),
call it i-Epoch, and found it as good as most.
"""

from __future__ import annotations

from lanewise.search.core.events import Continue, Decision, Pause
from lanewise.search.core.history import History
from lanewise.search.core.spec import Spec
from lanewise.search.schedulers.options import check_whole, needed_trials


class Constant:
    """Trains every trial for the same few epochs, and the best of them to the end.

    All pause there until the last of ``budget.trials`` has come that far or has ended.

    Args:
        first: the epochs that every trial gets.
        top: how many go on.

    Raises:
        SearchError: without ``budget.trials``; for another first or top.
    """

    def __init__(self, spec: Spec, first: int = 1, top: int = 3) -> None:
        check_whole("first", first, 1, spec.budget.epochs, "epochs")
        check_whole("top", top, 1)
        self.trials = needed_trials(spec)
        self.top = top
        self.first = first
        self._rungs = tuple(sorted({first, spec.budget.epochs}))

    def rungs(self, number: int) -> tuple[int, ...]:
        return self._rungs

    def decide(self, history: History, number: int) -> Decision:
        is_on_top = history.rung_of(number).better(number) < self.top
        return Continue() if is_on_top and self._has_seen_all(history) else Pause()

    def next(self, history: History) -> int | None:
        rung = history.rung(self._rungs, self.first)
        if not rung.paused or not self._has_seen_all(history):
            return None
        best = -rung.paused[-1][1]
        return best if rung.better(best) < self.top else None

    def _has_seen_all(self, history: History) -> bool:
        if not history.has_all_begun(self.trials):
            return False
        return history.rung(self._rungs, self.first).is_settled(len(history))
