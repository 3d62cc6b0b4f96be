"""Runs a sweep against a made-up learning curve: the controller on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lanewise.search.control.controller import Controller
from lanewise.search.control.simulator import (
    Curve,
    Faults,
    NoCheckpoints,
    Outage,
    SimulatedExecutor,
    VirtualClock,
)
from lanewise.search.core.events import Event, Params
from lanewise.search.core.sweep import Sweep
from lanewise.search.store.memory import MemoryJournal


def simulate(
    sweep: Sweep,
    curve: Curve,
    *,
    workers: int = 1,
    seconds: Callable[[Params], float] = lambda params: 1.0,
    faults: Faults | None = None,
    outages: Sequence[Outage] = (),
) -> list[Event]:
    """Drives the sweep to its end with that many workers; returns all of its events.

    Args:
        curve, seconds, faults, outages: of ``SimulatedExecutor``.

    Raises:
        RuntimeError: the sweep cannot end: every worker is lost for good.
    """
    clock, journal = VirtualClock(), MemoryJournal()
    executor = SimulatedExecutor(curve, workers, clock, seconds, faults, outages)
    controller = Controller(sweep, "simulated", journal, -1, executor, NoCheckpoints(), clock)
    controller.run()
    return journal.events
