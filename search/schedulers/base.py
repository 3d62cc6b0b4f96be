"""What a scheduler is."""

from __future__ import annotations

from typing import Protocol

from lanewise.search.core.events import Decision
from lanewise.search.core.history import History


class Scheduler(Protocol):
    """Decides from the history alone, and keeps no state of its own but a memo of the history.

    One that decides ``Exploit`` says so beforehand by the attribute ``exploits = True``: of its
    sweep, a snapshot of every trial is kept at each rung (see ``exploits``). By ``mutate`` it may
    name the parameters that it changes, as in ``space.axes``: those that change what a built-in
    model consists of are refused before a sweep begins.
    """

    def rungs(self, number: int) -> tuple[int, ...]:
        """The epochs at which that trial is decided on, ascending; the last one is its end."""
        ...

    def decide(self, history: History, number: int) -> Decision:
        """What becomes of a trial at its rung ``history.trials[number].rung``, never its last.

        Asked when it has just reached the rung, and of a paused trial that ``next`` has named.
        Up to which epoch it goes on is left to the sweep: ``Continue()``, ``Exploit(source,
        params)``.
        """
        ...

    def next(self, history: History) -> int | None:
        """The paused trial that goes on now, of which ``decide`` would not say Pause.

        None where a new configuration is to be tried instead, if there is one.
        """
        ...


def exploits(scheduler: Scheduler) -> bool:
    """Whether it may decide that a trial goes on with another one's weights."""
    return bool(getattr(scheduler, "exploits", False))
