"""The debug twin of every executor: trials run here, in this process, one at a time, without Ray.

A breakpoint in a model or training function works, and a failure's traceback is printed at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cluster.executor import Halt, Order, Outcome, Proceed, Start

if TYPE_CHECKING:
    from cluster.checkpoints import Storage
    from cluster.worker import Worker
    from trainables.trial import Recipe


class InlineExecutor:
    """Runs one attempt at a time inside ``poll``.

    Args:
        recipe: makes what the trials share.
        storage: where checkpoints lie.
    """

    name = "inline"

    def __init__(self, recipe: Callable[[], Recipe], storage: Storage) -> None:
        self._recipe = recipe
        self._storage = storage
        self._worker: Worker | None = None
        self._until = 0  # the epoch the current attempt may train to; 0 without one

    def open(self) -> None:
        from cluster.worker import Worker  # imports torch

        self._worker = Worker(self._recipe(), self._storage)

    def poll(self, timeout: float) -> tuple[list[Outcome], int]:
        assert self._worker is not None
        if not self._until:
            return [], 1
        outcome = self._worker.advance(self._until)
        if outcome.failure:
            print(outcome.failure.message, file=sys.stderr)
            self._until = 0
        return [outcome], 0

    def send(self, orders: Sequence[Order]) -> None:
        assert self._worker is not None
        for order in orders:
            match order:
                case Start(run):
                    self._worker.begin(run)
                    self._until = run.until
                case Proceed(_, until):
                    self._until = until
                case Halt():
                    self._worker.stop()
                    self._until = 0

    def close(self) -> None:
        if self._worker is not None:
            self._worker.stop()
