"""Samplers by name, and the rules that hold for all of them: start configurations, no repeats.

A sampler proposes from (space, history, number, seed) and keeps no state of its own: asked twice
with equal arguments it answers equally. What it caches must be a memo of the history.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from lanewise.search.errors import SearchError
from lanewise.search.events import Params
from lanewise.search.grid_search import Grid
from lanewise.search.history import History
from lanewise.search.optuna_tpe import OptunaTPE
from lanewise.search.plugins import construct
from lanewise.search.random_search import Random, draw
from lanewise.search.spec import Spec
from lanewise.search.tpe import TPE
from lanewise.spaces import Space, SpaceError, fingerprint


class Sampler(Protocol):
    """Proposes the configuration of trial ``number``; None when there is nothing left to try."""

    def ask(self, history: History, number: int) -> Params | None: ...


# name -> class with the signature (space, seed, **options)
SAMPLERS: dict[str, Any] = {
    "grid": Grid,
    "random": Random,
    "tpe": TPE,
    "optuna:tpe": OptunaTPE,
}


def make_sampler(spec: Spec) -> Sampler:
    """The sampler of a sweep: start configurations first, then the named one, never a repeat."""
    name, options = spec.sampler.name, spec.sampler.options
    made: Sampler = construct("sampler", SAMPLERS, name, options, spec.space, spec.seed)
    # What the registered ones propose is covered by tests; a user's may propose anything.
    asked = made if name in SAMPLERS else Checked(made, spec.space)
    sampler: Sampler = Deduplicated(asked, spec.space, spec.seed)
    return StartingWith(spec.start, sampler) if spec.start else sampler


class StartingWith:
    """Proposes given configurations first, then asks another sampler."""

    def __init__(self, start: tuple[Params, ...], then: Sampler) -> None:
        self.start = start
        self.then = then

    def ask(self, history: History, number: int) -> Params | None:
        if number < len(self.start):
            return self.start[number]
        return self.then.ask(history, number)


class Checked:
    """Another sampler whose proposals are validated.

    Raises:
        SearchError: on asking, for a proposal that is not of the space.
    """

    def __init__(self, inner: Sampler, space: Space) -> None:
        self.inner = inner
        self.space = space

    def ask(self, history: History, number: int) -> Params | None:
        params = self.inner.ask(history, number)
        if params is not None:
            try:
                self.space.validate(params)
            except SpaceError as error:
                raise SearchError(f"sampler: its proposal for trial {number}: {error}") from None
        return params


class Deduplicated:
    """Another sampler whose repeats are replaced by random configurations not tried before.

    A finite space ends when all of its configurations were tried.
    """

    PATIENCE = 20_000  # draws before a space counts as exhausted: some values are drawn rarely

    def __init__(self, inner: Sampler, space: Space, seed: int) -> None:
        self.inner = inner
        self.space = space
        self.seed = seed

    def ask(self, history: History, number: int) -> Params | None:
        if len(history.fingerprints) >= self.space.size:
            return None
        params = self.inner.ask(history, number)
        if params is None:
            return None
        if fingerprint(params) in history.fingerprints:
            return self._unseen(history, number)
        return params

    def _unseen(self, history: History, number: int) -> Params | None:
        for attempt in range(1, self.PATIENCE + 1):
            params = draw(self.space, self.seed, number, attempt)
            if fingerprint(params) not in history.fingerprints:
                return params
        return None


def check_sampler(spec: Spec) -> None:
    """Raises SearchError where the sampler cannot work on this space or with these options."""
    make_sampler(spec)
    ends = spec.sampler.name == "grid" or not math.isinf(spec.space.size)
    if not ends and not spec.budget.is_finite:
        raise SearchError(
            "budget: give trials, total_epochs or time; the space is infinite and nothing else "
            "would end the sweep"
        )
