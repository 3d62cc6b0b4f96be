"""Grid search: every point of the grid once, in order; the last key of the space varies fastest."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from lanewise.search.core.events import Params
from lanewise.search.core.history import History
from lanewise.spaces import Space, fingerprint


class Grid:
    """Enumerates the grid of a space; a range needs ``grid`` points or a ``step``.

    Raises:
        SpaceError: at construction, where a range has neither points nor a step.
    """

    is_adaptive, is_finite = False, True

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.size = space.grid_size
        # A memo, not a state: histories only grow, so points once seen stay seen.
        self._all_seen_below: WeakKeyDictionary[History, int] = WeakKeyDictionary()

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        found: list[Params] = []
        first = self._all_seen_below.get(history, 0)
        for index in range(first, self.size):
            if len(found) == len(numbers):
                break
            params = self.space.grid_at(index)
            if fingerprint(params) not in history.fingerprints:
                if not found:
                    self._all_seen_below[history] = index
                found.append(params)
        return found
