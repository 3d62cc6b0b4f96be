"""Grid search: every point of the grid once, in order; the last key of the space varies fastest."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from lanewise.search.core.events import Params
from lanewise.search.core.history import History
from lanewise.spaces import Space, fingerprint


class Grid:
    """Enumerates the grid of a space; a range needs ``grid`` points or a ``step``.

    Raises:
        SpaceError: at construction, where a range has neither points nor a step.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.size = space.grid_size
        # A memo, not a state: histories only grow, so points once seen stay seen.
        self._all_seen_below: WeakKeyDictionary[History, int] = WeakKeyDictionary()

    def ask(self, history: History, number: int) -> Params | None:
        for index in range(self._all_seen_below.get(history, 0), self.size):
            params = self.space.grid_at(index)
            if fingerprint(params) not in history.fingerprints:
                self._all_seen_below[history] = index
                return params
        return None
