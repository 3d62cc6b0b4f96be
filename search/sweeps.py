"""A sweep made of what its spec names: the core, a sampler and a scheduler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lanewise.search.core.events import Asked, Event
from lanewise.search.core.history import History
from lanewise.search.core.invariants import check_invariants
from lanewise.search.core.spec import Spec
from lanewise.search.core.sweep import Sweep
from lanewise.search.samplers import Sampler, make_sampler
from lanewise.search.schedulers import Scheduler, make_scheduler


def make_sweep(
    spec: Spec, sampler: Sampler | None = None, scheduler: Scheduler | None = None
) -> Sweep:
    """A new sweep; a sampler or scheduler that is given stands in for the named one.

    Raises:
        SearchError: where the spec names what does not exist or does not fit.
    """
    return Sweep(spec, sampler or make_sampler(spec), scheduler or make_scheduler(spec))


def go_on(spec: Spec, history: History) -> Sweep:
    """A sweep that goes on with this history, which is its own from now on; nothing is folded
    again. Its trials know their rungs (``replay`` is for journals up to format 3).

    Raises:
        ValueError: the history contradicts itself.
    """
    sweep = make_sweep(spec)
    sweep.history = history
    check_invariants(history)
    return sweep


def replay(spec: Spec, events: Iterable[Event]) -> Sweep:
    """A sweep in the state that these events left; its outbox is empty."""
    sweep = make_sweep(spec)
    for event in events:
        if isinstance(event, Asked) and not event.rungs:  # up to format 3
            event = replace(event, rungs=sweep.scheduler.rungs(event.number))
        sweep.history.apply(event)
    check_invariants(sweep.history)
    return sweep
