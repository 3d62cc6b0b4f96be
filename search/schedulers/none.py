"""No scheduler: every trial trains to its end."""

from __future__ import annotations

from lanewise.search.core.history import History


class NoScheduler:
    """Every trial trains to its last epoch."""

    def __init__(self, epochs: int) -> None:
        self.rungs = (epochs,)

    def stops(self, history: History, number: int, rung: int) -> bool:
        return False
