"""A journal in memory: for a simulated sweep, of which nothing is to last."""

from __future__ import annotations

from collections.abc import Sequence

from lanewise.search.core.events import Event
from lanewise.search.selection.evaluated import Evaluated


class MemoryJournal:
    """What a controller needs of a journal, for one sweep.

    Attributes:
        events: all that were appended, in order.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(
        self,
        sweep: str,
        after: int,
        events: Sequence[Event],
        evaluated: Sequence[Evaluated] = (),
    ) -> int:
        """Takes events in behind record ``after``; returns the last one's number."""
        self.events += events
        return after + len(events)

    def take_requests(self, sweep: str) -> list[str]:
        """Nobody asks anything of a simulated sweep."""
        return []
