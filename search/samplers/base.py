"""What a sampler is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lanewise.search.core.events import Params
from lanewise.search.core.history import History


class Sampler(Protocol):
    """Proposes configurations.

    From (space, history, numbers, seed) alone, without a state of its own: asked twice with equal
    arguments it answers equally. What it caches must be a memo of the history.

    Attributes:
        is_adaptive: whether it learns from results, so that too many trials at a time harm it.
        is_finite: whether it runs out of configurations by itself.
    """

    is_adaptive: bool
    is_finite: bool

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        """The configurations of the trials with these numbers, the next ones of the history.

        As if each were asked for when those before it are running. What was tried before the sweep
        is in ``history.prior``, for those who learn. Fewer than asked for where
        there is nothing left to try.
        """
        ...
