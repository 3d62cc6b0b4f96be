"""Random search (Bergstra and Bengio, JMLR 13, 2012): independent draws from the space."""

from __future__ import annotations

from collections.abc import Sequence

from lanewise.search.core.events import Params
from lanewise.search.core.history import History
from lanewise.search.core.seeds import generator
from lanewise.spaces import Space


def draw(space: Space, seed: int, number: int, attempt: int = 0) -> Params:
    """The random configuration for (seed, number); ``attempt`` gives further ones."""
    return space.sample(generator(seed, number, attempt))


class Random:
    """Draws each configuration independently of all others."""

    is_adaptive, is_finite = False, False

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        return [draw(self.space, self.seed, number) for number in numbers]
