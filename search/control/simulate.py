"""Runs a sweep against a made-up learning curve on a virtual clock: no training, no waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from lanewise.search.core.events import Continue, Event, Exploit, Metrics, Params
from lanewise.search.core.sweep import Done, Run, Sweep

Curve = Callable[[Params, int], Metrics]


def simulate(
    sweep: Sweep,
    curve: Curve,
    *,
    workers: int = 1,
    seconds: Callable[[Params], float] = lambda params: 1.0,
) -> list[Event]:
    """Drives the sweep to its end with that many workers; returns all of its events.

    Args:
        curve: the metrics of (params, epoch).
        seconds: virtual seconds per epoch of a configuration; ties go to the lower number.
    """
    clock = 0.0
    busy: list[tuple[float, int, Run, int]] = []  # (ends at, number, run, epochs to)
    while True:
        while len(busy) < workers and isinstance(run := sweep.ask(), Run):
            ends = clock + seconds(run.params) * (run.until - run.epoch)
            heapq.heappush(busy, (ends, run.number, run, run.epoch))
        if not busy:
            break
        clock, number, run, epoch = heapq.heappop(busy)
        trial = sweep.history.trials[number]
        until = trial.until
        sweep.tick(clock)
        rows = [(e, curve(run.params, e)) for e in range(epoch + 1, until + 1)]
        decision = sweep.report(number, rows)
        if isinstance(decision, Continue | Exploit):
            run = sweep.run_of(trial)
            ends = clock + seconds(run.params) * (decision.until - until)
            heapq.heappush(busy, (ends, number, run, until))
    if not isinstance(sweep.ask(), Done):
        raise RuntimeError("nothing runs, yet the sweep is not done")
    sweep.close(sweep.end)
    return sweep.drain()
