"""Schedulers by name. A scheduler says at which epochs trials are compared, and who stops there."""

from __future__ import annotations

from typing import Any, Protocol

from lanewise.search.asha import ASHA
from lanewise.search.history import History
from lanewise.search.plugins import construct
from lanewise.search.spec import Spec


class Scheduler(Protocol):
    """Decides from the history alone; keeps no state of its own."""

    rungs: tuple[int, ...]  # ascending; the last one is the most epochs of a trial

    def stops(self, history: History, number: int, rung: int) -> bool:
        """Whether the trial, which has just reached ``rung`` (never the last), ends there."""
        ...


class NoScheduler:
    """Every trial trains to its last epoch."""

    def __init__(self, epochs: int) -> None:
        self.rungs = (epochs,)

    def stops(self, history: History, number: int, rung: int) -> bool:
        return False


# name -> class with the signature (epochs, **options)
SCHEDULERS: dict[str, Any] = {"none": NoScheduler, "asha": ASHA}


def make_scheduler(spec: Spec) -> Scheduler:
    """The scheduler that the spec names; SearchError for unknown names and bad options."""
    plugin = spec.scheduler
    made: Scheduler = construct(
        "scheduler", SCHEDULERS, plugin.name, plugin.options, spec.budget.epochs
    )
    return made
