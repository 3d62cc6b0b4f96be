"""Many attempts at once as lanes of packs, in one Ray actor for each slot of the cluster.

The actors are plain ones: as Ray Tune trials they would start later (``benchmarks/pack_start.py``).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lanewise.cluster.blame import ends_of_pack
from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.errors import ClusterError
from lanewise.cluster.limits import NO_LIMITS, Limits
from lanewise.cluster.pack_actor import Job, Leave, Message, PackActor, StatusUpdate, Verify
from lanewise.cluster.pack_worker import StartIsolated
from lanewise.cluster.placement import Seating, choose, shape_of
from lanewise.cluster.ray_session import RaySession, quiet
from lanewise.cluster.resources import Resources
from lanewise.search.control.executor import Best, Halt, Order, Outcome, Pause, Proceed, Start
from lanewise.search.core.sweep import Run
from lanewise.trainables.packs.packing import Packing, together

if TYPE_CHECKING:
    from lanewise.trainables.recipe import Recipe

HEARTBEAT_SECONDS = 5.0  # seconds after which a worker that has nothing to tell says so
VERIFYING = 300.0  # seconds that the best model's evaluation at the end may take
WAITING = 30.0  # seconds without any worker after which people are told
GROWTH = 3.0  # seconds between two looks at what the cluster has
MAX_WORKER_DEATHS = 2  # under a trial, which then trains in turns of its own
DEATHS = 12  # of workers in a row, with no epoch trained in between, at which the executor gives up
_AT_START = 4  # for how many of them one counts that died before it was ready
_PATIENCE = 5.0  # seconds for workers to let go at the end


@dataclass
class _Worker:
    """An actor, as the executor knows it."""

    name: str
    actor: Any
    waiting: Any = None  # what Ray will answer the last ``receive`` with
    runs: dict[int, Run] = field(default_factory=dict)
    seating: Seating = field(default_factory=Seating)

    def seat(self, run: Run) -> None:
        self.runs[run.number] = run
        self.seating.shapes[run.number] = shape_of(run.params)

    def drop(self, number: int) -> None:
        self.runs.pop(number, None)
        self.seating.shapes.pop(number, None)


class PackedExecutor:
    """Runs attempts as lanes, on a local Ray or on the cluster at ``address``.

    Args:
        recipe: shared by all trials; put into the object store once.
        folder: for Ray's log.
        resources: of one worker.
        most: trials at a time over all workers; None for as many as there are lanes for.
        enough: trials at a time beyond which more are of no use, but one for each worker is.
        limits: of a trial's and an epoch's time.
        force_packing: trials train in packs even where a worker's probe finds no gain in it.
    """

    name = "packed"

    def __init__(
        self,
        recipe: Recipe,
        storage: Storage,
        folder: Path,
        resources: Resources,
        address: str | None = None,
        most: int | None = None,
        enough: int | None = None,
        limits: Limits = NO_LIMITS,
        force_packing: bool = False,
    ) -> None:
        self._recipe = recipe
        self._storage = storage
        self._folder = folder
        self._resources = resources
        self._session = RaySession(address)
        self._most = most
        self._enough = enough
        self._limits = limits
        self._force_packing = force_packing
        self._held = contextlib.ExitStack()
        folds = len(recipe.prepared.folds) if recipe.prepared and recipe.train is None else 1
        self._lanes = folds * recipe.seeds  # of a trial
        self._workers: list[_Worker] = []
        self._reference: Any = None  # to the recipe
        self._slots = 0
        self._grown_at = -math.inf
        self._ready_at = time.monotonic()  # when a worker was last seen ready; at first the start
        self._deaths = 0
        self._died_with: Counter[int] = Counter()  # trial -> workers that died while it trained
        self._notes: dict[str, str] = {}
        self._packings: dict[str, Packing] = {}  # by worker, those that are gone included
        self._verdict: str | None = None

    def open(self) -> None:
        self._held.enter_context(quiet(self._folder))
        self._slots = self._resources.slots(self._session.open())
        import ray

        self._reference = ray.put(self._recipe)
        self._grow()
        self._ready_at = time.monotonic()

    # -- workers -----------------------------------------------------------------------------

    def _grow(self) -> None:
        """One worker for each slot that there is by now; one that finds no room waits in Ray."""
        if time.monotonic() - self._grown_at >= GROWTH and self._workers:
            import ray

            with contextlib.suppress(ClusterError):  # too little just now
                self._slots = max(self._slots, self._resources.slots(ray.cluster_resources()))
        self._grown_at = time.monotonic()
        while len(self._workers) < min(self._slots, self._most or self._slots):
            self._workers.append(self._begin())

    def _begin(self) -> _Worker:
        import ray

        actor_class = ray.remote(
            num_cpus=self._resources.cpus,
            num_gpus=self._resources.gpus,
            max_restarts=0,
            concurrency_groups={"orders": 1, "updates": 1},  # each keeps its order
        )(PackActor)
        job = Job(
            recipe=_Fetch(self._reference),
            storage=self._storage,
            limits=self._limits,
            lanes=None if self._most is None else math.ceil(self._most / self._slots) * self._lanes,
            force_packing=self._force_packing,
        )
        name = uuid4().hex[:12]
        worker = _Worker(name, actor_class.remote(job, name))
        self._listen(worker)
        return worker

    @property
    def _soft(self) -> int | None:
        return None if self._enough is None else max(self._enough, self._slots)

    def _listen(self, worker: _Worker) -> None:
        receive = worker.actor.receive.options(concurrency_group="updates")
        worker.waiting = receive.remote(HEARTBEAT_SECONDS)

    def _deliver(self, worker: _Worker, messages: list[Message]) -> None:
        worker.actor.deliver.options(concurrency_group="orders").remote(messages)

    # -- the controller's side ---------------------------------------------------------------

    def poll(self, timeout: float) -> list[Outcome]:
        import ray

        self._session.check()
        if time.monotonic() - self._grown_at >= GROWTH:
            self._grow()
        self._watch()
        workers = {worker.waiting: worker for worker in self._workers}
        ready, _ = ray.wait(list(workers), num_returns=1, timeout=timeout)
        if ready:
            ready, _ = ray.wait(list(workers), num_returns=len(workers), timeout=0)
        return [said for waiting in ready for said in self._hear(workers[waiting])]

    def _watch(self) -> None:
        """Says so where a sweep stands still because no worker has come up."""
        waited = time.monotonic() - self._ready_at
        if any(worker.seating.places for worker in self._workers):
            if waited >= WAITING:
                self._notes["workers"] = f"the first was up after {waited:.0f} s"
            self._ready_at = time.monotonic()
        elif waited >= WAITING:
            takes = f"{self._resources.cpus:g} CPUs and {self._resources.gpus:g} GPUs"
            self._notes["workers"] = f"none is up yet: they start, or wait for {takes} each"

    def _hear(self, worker: _Worker) -> list[Outcome]:
        import ray

        try:
            update: StatusUpdate = ray.get(worker.waiting)
        except ray.exceptions.RayError as error:
            self._session.check()  # where the raylet is gone, that is no fault of the trials
            return self._lose(worker, error)
        self._listen(worker)
        worker.seating.places = max(1, update.lanes // self._lanes) if update.lanes else 0
        self._notes |= update.notes
        if update.packing is not None:
            self._packings[worker.name] = update.packing
            if words := str(together(self._packings.values())):
                self._notes["packing"] = words
        if update.verdict is not None:
            self._verdict = update.verdict
        for said in update.outcomes:
            if said.rows:
                self._deaths = 0
            run = worker.runs.get(said.number)
            if said.failure and run is not None and run.attempt == said.attempt:
                worker.drop(said.number)
        return update.outcomes

    def room(self, orders: Sequence[Order]) -> int:
        halted = {order.number for order in orders if isinstance(order, Halt | Pause)}
        starts = sum(isinstance(order, Start) for order in orders)
        free, running = -starts, starts
        for worker in self._workers:
            seated = len(worker.runs.keys() - halted)
            running += seated
            free += max(0, worker.seating.places - seated)
        limits = [limit for limit in (self._most, self._soft) if limit is not None]
        return max(0, min([free, *(limit - running for limit in limits)]))

    def send(self, orders: Sequence[Order]) -> None:
        messages_by_worker: dict[str, list[Message]] = {worker.name: [] for worker in self._workers}
        at = {number: worker for worker in self._workers for number in worker.runs}
        for order in orders:
            match order:
                case Start():
                    pass
                case Proceed(number) | Pause(number) | Halt(number):
                    if number in at:  # else its worker is gone
                        messages_by_worker[at[number].name].append(order)
                    if number in at and isinstance(order, Halt | Pause):
                        at[number].drop(number)
        for order in orders:
            if isinstance(order, Start):
                # One that takes over another's weights stays where it was.
                worker = at.get(order.run.number) or self._place(order.run)
                worker.seat(order.run)
                is_suspect = self._died_with[order.run.number] >= MAX_WORKER_DEATHS
                start = StartIsolated(order.run) if is_suspect else order
                messages_by_worker[worker.name].append(start)
        for worker in self._workers:
            if messages_by_worker[worker.name]:
                self._deliver(worker, messages_by_worker[worker.name])

    def _place(self, run: Run) -> _Worker:
        place = choose([w.seating for w in self._workers], shape_of(run.params))
        assert place is not None, "no more is started than there is room for"
        return self._workers[place]

    def notes(self) -> Mapping[str, str]:
        notes, self._notes = self._notes, {}
        return notes

    def verify(self, best: Best) -> str:
        """One of the workers does it: it has torch, the data and nothing else to do."""
        worker = next((w for w in self._workers if w.seating.places), None)
        if worker is None or self._recipe.train is not None:
            return ""
        self._verdict = None
        self._deliver(worker, [Verify(best)])
        given_up_at = time.monotonic() + VERIFYING
        while self._verdict is None and worker in self._workers:
            if time.monotonic() >= given_up_at:
                return f"trial {best.number} was not evaluated again within {VERIFYING:.0f} s"
            self.poll(1.0)
        return self._verdict or ""

    def leave(self) -> None:
        for worker in self._workers:
            self._deliver(worker, [Leave()])

    # -- ends --------------------------------------------------------------------------------

    def _lose(self, worker: _Worker, error: Exception) -> list[Outcome]:
        """A worker is gone, and its attempts with it; another takes its place."""
        import ray

        with contextlib.suppress(Exception):
            ray.kill(worker.actor)  # it may only be out of reach
        self._workers.remove(worker)
        outcomes = self._ends(worker, error)
        self._deaths += 1 if worker.seating.places else _AT_START
        if self._deaths >= DEATHS:
            lines = [line for line in str(error).splitlines() if line.strip()]
            # What an exception says stands last; of a process that is gone, what Ray says first.
            line = lines[-1 if isinstance(error, ray.exceptions.RayTaskError) else 0]
            raise ClusterError(f"ray: pack workers end again and again: {line}") from error
        self._grow()
        return outcomes

    def _ends(self, worker: _Worker, error: Exception) -> list[Outcome]:
        """What became of its attempts."""
        outcomes = ends_of_pack(
            worker.runs.values(),
            self._storage.note(worker.name),
            str(error),
            self._limits,
            is_preempted=getattr(error, "preempted", False),
        )
        for said in outcomes:
            if said.failure is not None and said.failure.kind == "node_lost":
                self._died_with[said.number] += 1
        return outcomes

    def close(self) -> None:
        workers, self._workers = self._workers, []
        if workers and not self._session.is_gone:
            import ray

            with contextlib.suppress(Exception):
                finish = [
                    worker.actor.finish.options(concurrency_group="orders").remote(_PATIENCE)
                    for worker in workers
                    if worker.seating.places
                ]
                ray.wait(finish, num_returns=len(finish), timeout=_PATIENCE)
            for worker in workers:
                with contextlib.suppress(Exception):
                    ray.kill(worker.actor)
        for worker in workers:
            self._storage.note(worker.name).unlink(missing_ok=True)
        self._session.close()
        self._held.close()


@dataclass(frozen=True)
class _Fetch:
    """Gets the recipe from the object store when it is called, in the worker."""

    reference: Any

    def __call__(self) -> Recipe:
        import ray

        recipe: Recipe = ray.get(self.reference)
        return recipe
