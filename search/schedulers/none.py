"""No scheduler: every trial trains to its end."""

from __future__ import annotations

from lanewise.search.core.events import Continue, Decision
from lanewise.search.core.history import History
from lanewise.search.core.spec import Spec


class NoScheduler:
    """Every trial trains to its last epoch."""

    def __init__(self, spec: Spec) -> None:
        self._rungs = (spec.budget.epochs,)

    def rungs(self, number: int) -> tuple[int, ...]:
        return self._rungs

    def decide(self, history: History, number: int) -> Decision:
        return Continue()

    def next(self, history: History) -> int | None:
        return None
