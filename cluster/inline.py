"""The debug twin of every executor: trials run here, in this process, one at a time, without Ray.

A breakpoint in a model or training function works, and a failure's traceback is printed at once.
Time limits of an epoch do not hold here: a person in a debugger has all the time in the world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lanewise.cluster.limits import NO_LIMITS, Limits
from lanewise.search.control.executor import Best, Halt, Order, Outcome, Pause, Proceed, Start
from lanewise.search.plain import say

if TYPE_CHECKING:
    from lanewise.cluster.checkpoints import Storage
    from lanewise.cluster.worker import Worker
    from lanewise.trainables.recipe import Recipe


class InlineExecutor:
    """Runs one attempt at a time inside ``poll``.

    Args:
        recipe: makes what the trials share.
        storage: where checkpoints lie.
        limits: the one of a trial's time is kept to, between epochs.
    """

    name = "inline"

    def __init__(
        self, recipe: Callable[[], Recipe], storage: Storage, limits: Limits = NO_LIMITS
    ) -> None:
        self._recipe = recipe
        self._storage = storage
        self._limits = replace(limits, epoch=None)
        self._worker: Worker | None = None
        self._said: set[str] = set()
        self._until = 0  # the epoch the current attempt may train to; 0 without one

    def open(self) -> None:
        from lanewise.cluster.worker import Worker  # imports torch

        self._worker = Worker(self._recipe(), self._storage, self._limits)

    def poll(self, timeout: float) -> list[Outcome]:
        assert self._worker is not None
        if not self._until:
            return []
        outcome = self._worker.advance(self._until)
        if outcome.failure:
            self._say_once(outcome.failure.message)
            self._until = 0
        return [outcome]

    def _say_once(self, message: str) -> None:
        """What fails each trial alike is said for the first of them."""
        if message not in self._said:
            self._said.add(message)
            say(message)

    def room(self, orders: Sequence[Order]) -> int:
        is_free = not self._until or any(isinstance(order, Halt | Pause) for order in orders)
        is_taken = any(isinstance(order, Start) for order in orders)
        return 1 if is_free and not is_taken else 0

    def send(self, orders: Sequence[Order]) -> None:
        assert self._worker is not None
        for order in orders:
            match order:
                case Start(run):
                    self._worker.begin(run)
                    self._until = run.until
                case Proceed(_, until):
                    self._until = until
                case Halt() | Pause():
                    self._worker.stop()
                    self._until = 0

    def notes(self) -> Mapping[str, str]:
        return {}

    def verify(self, best: Best) -> str:
        assert self._worker is not None
        return self._worker.verify(best)

    def leave(self) -> None:
        """Nothing to hurry: an attempt is heard of after each slice."""

    def close(self) -> None:
        if self._worker is not None:
            self._worker.stop()
