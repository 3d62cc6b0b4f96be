"""What a scheduler is."""

from __future__ import annotations

from typing import Protocol

from lanewise.search.core.history import History


class Scheduler(Protocol):
    """Decides from the history alone; keeps no state of its own."""

    rungs: tuple[int, ...]  # ascending; the last one is the most epochs of a trial

    def stops(self, history: History, number: int, rung: int) -> bool:
        """Whether the trial, which has just reached ``rung`` (never the last), ends there."""
        ...
