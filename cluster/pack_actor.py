"""What runs in a Ray actor of the packed executor: one thread trains, others carry messages.

Orders come in by ``deliver``; ``receive`` waits for outcomes and takes away all that there are, so
that an event of many lanes is one message. No import here is heavy: torch comes in the thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.limits import Limits
from lanewise.search.control.executor import Best, Order, Outcome

if TYPE_CHECKING:
    from lanewise.cluster.pack_worker import PackWorker
    from lanewise.trainables.packs.packing import Packing
    from lanewise.trainables.recipe import Recipe


@dataclass(frozen=True)
class Leave:
    """An order to the whole worker: see ``PackWorker.leave``."""


@dataclass(frozen=True)
class Verify:
    """An order to the whole worker: see ``Executor.verify``."""

    best: Best


@dataclass(frozen=True)
class Finish:
    """The last order: let go of everything."""


Message = Order | Leave | Verify | Finish


@dataclass(frozen=True)
class Job:
    """What the workers of a sweep share.

    Attributes:
        recipe: gets it from the object store.
        lanes: the most that a worker is asked to train at once, if there is such a limit.
        force_packing: see ``Pool``.
    """

    recipe: Callable[[], Recipe]
    storage: Storage
    limits: Limits
    lanes: int | None = None
    force_packing: bool = False


@dataclass(frozen=True)
class StatusUpdate:
    """What there is to tell: outcomes, places, whether trials train in packs, notes."""

    outcomes: list[Outcome] = field(default_factory=list)
    lanes: int = 0  # 0 until it is ready
    packing: Packing | None = None  # None while nothing is known
    notes: dict[str, str] = field(default_factory=dict)  # all of them
    verdict: str | None = None  # the answer to Verify


class PackActor:
    """A pack worker behind two mailboxes. Its methods may be called by threads of their own.

    Args:
        name: of this worker, for its note.
    """

    def __init__(self, job: Job, name: str) -> None:
        self._job, self._name = job, name
        self._changed = threading.Condition()
        self._orders: list[Message] = []
        self._update = StatusUpdate()
        self._has_update = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="packs", daemon=True)
        self._thread.start()

    def deliver(self, orders: Sequence[Message]) -> None:
        """Puts orders behind those that wait."""
        with self._changed:
            self._orders += orders
            self._changed.notify_all()

    def receive(self, timeout: float) -> StatusUpdate:
        """All there is to tell; waits for it up to ``timeout`` seconds.

        Raises:
            RuntimeError: the thread that trained has ended by an error of ours.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_update or self._error, timeout)
            if self._error is not None and not self._has_update:
                raise RuntimeError(f"a pack worker cannot go on: {self._error}") from self._error
            update = self._update
            self._update = replace(update, outcomes=[], verdict=None)
            self._has_update = False
            return update

    def finish(self, timeout: float) -> None:
        """Carries out what was ordered and lets go of everything."""
        self.deliver([Finish()])
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _work(self) -> None:
        from lanewise.cluster.pack_worker import PackWorker
        from lanewise.trainables.packs.pool import Pool

        job = self._job
        recipe = job.recipe()
        pool = Pool(recipe, job.lanes, force_packing=job.force_packing)
        worker = PackWorker(
            pool,
            job.storage,
            job.limits,
            job.storage.note(self._name),
            apart=lambda: Pool(recipe, 1, force_packing=True),  # without a probe
        )
        with contextlib.closing(worker), _threads(recipe):
            self._serve(worker)

    def _serve(self, worker: PackWorker) -> None:
        self._tell([], worker)
        while True:
            outcomes = []
            for message in self._take(waits=worker.is_idle):
                match message:
                    case Finish():
                        return
                    case Leave():
                        outcomes += worker.leave()
                    case Verify(best):
                        self._answer(worker.verify(best))
                    case order:
                        outcomes += worker.obey([order])
            self._tell(outcomes, worker)  # a turn takes long, and there may be room now
            self._tell(worker.turn(), worker)

    def _answer(self, verdict: str) -> None:
        with self._changed:
            self._update, self._has_update = replace(self._update, verdict=verdict), True
            self._changed.notify_all()

    def _take(self, *, waits: bool) -> list[Message]:
        with self._changed:
            if waits:
                self._changed.wait_for(lambda: self._orders)
            orders, self._orders = self._orders, []
            return orders

    def _tell(self, outcomes: list[Outcome], worker: PackWorker) -> None:
        """Adds to the update, if there is anything new."""
        with self._changed:
            before = self._update
            notes = dict(worker.notes)
            state = StatusUpdate([], worker.lanes, worker.packing, notes, before.verdict)
            if outcomes or state != replace(before, outcomes=[]):
                self._update = replace(state, outcomes=[*before.outcomes, *outcomes])
                self._has_update = True
                self._changed.notify_all()


def _threads(recipe: Recipe) -> AbstractContextManager[object]:
    """Torch's, for all that a worker does with a model; a function's own code sets its own."""
    if recipe.train is not None:
        return contextlib.nullcontext()
    from lanewise.trainables.training.model_trial import threads

    return threads(recipe.threads)
