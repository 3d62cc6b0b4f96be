"""What a sampler is."""

from __future__ import annotations

from typing import Protocol

from lanewise.search.core.events import Params
from lanewise.search.core.history import History


class Sampler(Protocol):
    """Proposes the configuration of trial ``number``; None when there is nothing left to try.

    From (space, history, number, seed) alone, without a state of its own: asked twice with equal
    arguments it answers equally. What it caches must be a memo of the history.
    """

    def ask(self, history: History, number: int) -> Params | None: ...
