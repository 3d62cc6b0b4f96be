"""The rules that hold for all samplers: start configurations first, no repeats, no strangers."""

from __future__ import annotations

from lanewise.search.core.events import Params
from lanewise.search.core.history import History
from lanewise.search.errors import SearchError
from lanewise.search.samplers.base import Sampler
from lanewise.search.samplers.random import draw
from lanewise.spaces import Space, SpaceError, fingerprint


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
