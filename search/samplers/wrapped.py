"""The rules that hold for all samplers: start configurations first, no repeats, no strangers."""

from __future__ import annotations

from collections.abc import Sequence

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
        self.is_adaptive, self.is_finite = then.is_adaptive, then.is_finite

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        given = [self.start[number] for number in numbers if number < len(self.start)]
        rest = numbers[len(given) :]
        return given + (self.then.ask(history, rest) if rest else [])


class Checked:
    """Another sampler whose proposals are validated.

    Raises:
        SearchError: on asking, for a proposal that is not of the space.
    """

    def __init__(self, inner: Sampler, space: Space) -> None:
        self.inner = inner
        self.space = space
        self.is_adaptive = getattr(inner, "is_adaptive", True)
        self.is_finite = getattr(inner, "is_finite", False)

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        proposals = self.inner.ask(history, numbers)
        for number, params in zip(numbers, proposals, strict=False):
            try:
                self.space.validate(params)
            except SpaceError as error:
                raise SearchError(f"sampler: its proposal for trial {number}: {error}") from None
        return proposals


class Deduplicated:
    """Another sampler whose repeats are replaced by random configurations not tried before.

    A finite space ends when all of its configurations were tried.
    """

    PATIENCE = 20_000  # draws before a space counts as exhausted: some values are drawn rarely

    def __init__(self, inner: Sampler, space: Space, seed: int) -> None:
        self.inner = inner
        self.space = space
        self.seed = seed
        self.is_adaptive, self.is_finite = inner.is_adaptive, inner.is_finite

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        seen = _Seen(history.fingerprints)
        numbers = numbers[: int(min(len(numbers), self.space.size - len(seen.before)))]
        fresh: list[Params] = []
        if not numbers:
            return fresh
        for number, params in zip(numbers, self.inner.ask(history, numbers), strict=False):
            unseen = self._unseen(seen, number) if params in seen else params
            if unseen is None:
                break
            seen.add(unseen)
            fresh.append(unseen)
        return fresh

    def _unseen(self, seen: _Seen, number: int) -> Params | None:
        for attempt in range(1, self.PATIENCE + 1):
            params = draw(self.space, self.seed, number, attempt)
            if params not in seen:
                return params
        return None


class _Seen:
    """The configurations of a history, and those of the batch so far."""

    def __init__(self, before: set[str]) -> None:
        self.before = before
        self.batch: set[str] = set()

    def __contains__(self, params: Params) -> bool:
        print_ = fingerprint(params)
        return print_ in self.before or print_ in self.batch

    def add(self, params: Params) -> None:
        self.batch.add(fingerprint(params))
