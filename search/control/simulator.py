"""The simulated executor: made-up learning curves on a virtual clock; no training, no waiting."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lanewise.search.control.executor import (
    Best,
    Halt,
    Order,
    Outcome,
    Pause,
    Proceed,
    Start,
)
from lanewise.search.core.events import Failure, Metrics, Params
from lanewise.search.core.sweep import Run

Curve = Callable[[Params, int], Metrics]  # the metrics of (params, epoch)
Faults = Callable[[Run, int], Failure | None]  # what befalls an attempt in that epoch


class VirtualClock:
    """Seconds that pass only when the simulator says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Outage:
    """A worker is lost at ``begins`` with all that it has not reported, and back at ``ends``."""

    worker: int  # from 0
    begins: float
    ends: float = math.inf


@dataclass
class Attempt:
    """A run on its worker: a slice of it has trained since ``began``, from ``epoch`` to ``until``.

    With a failure, the slice's last epoch is the one that fails.
    """

    run: Run
    worker: int
    began: float
    epoch: int
    until: int
    failure: Failure | None = None


class SimulatedExecutor:
    """Trains on virtual workers. A poll takes the next outcome and moves the clock to its time.

    Args:
        curve: the metrics of (params, epoch).
        workers: how many runs go on at a time.
        clock: the controller's; no poll waits, so it passes over moments without an outcome.
        seconds: virtual ones per epoch of a configuration; of outcomes at the same time the
            lower trial number's comes first.
        faults: asked about each epoch that is to be trained. What was trained before the one
            that fails is reported, unless the worker is lost (``node_lost``).
        outages: of workers. What runs there fails with ``node_lost``.
    """

    name = "simulated"

    def __init__(
        self,
        curve: Curve,
        workers: int,
        clock: VirtualClock,
        seconds: Callable[[Params], float] = lambda params: 1.0,
        faults: Faults | None = None,
        outages: Sequence[Outage] = (),
    ) -> None:
        self._curve, self._seconds, self._faults = curve, seconds, faults
        self._clock = clock
        self._free = list(range(workers))  # a heap: the first worker is taken first
        self._attempts: dict[int, Attempt] = {}  # by number
        # (end, number, attempt) of slices; what became of the attempt meanwhile may outdate one.
        self._ends: list[tuple[float, int, int]] = []
        # (time, worker, whether it is there from then on), ascending
        changes = [(o.begins, o.worker, False) for o in outages]
        changes += [(o.ends, o.worker, True) for o in outages if o.ends < math.inf]
        self._changes = sorted(changes, reverse=True)
        self._is_idle = False  # at the last poll nothing ran, and nothing was started since

    def open(self) -> None: ...

    def poll(self, timeout: float) -> list[Outcome]:
        """The next outcome, if any; RuntimeError where there cannot be one any more."""
        if not self._attempts and self._free:
            if self._is_idle:
                raise RuntimeError("nothing runs, yet the sweep is not done")
            self._is_idle = True
            return []
        while self._ends or self._changes:
            if not self._ends or (self._changes and self._changes[-1][0] < self._ends[0][0]):
                at, worker, is_back = self._changes.pop()
                self._clock.now = max(self._clock.now, at)
                if is_back:
                    heapq.heappush(self._free, worker)
                    return []  # there is room
                outcome = self._lose(worker)
            else:
                outcome = self._end_slice(*heapq.heappop(self._ends))
            if outcome is not None:
                return [outcome]
        raise RuntimeError("all workers are lost, yet the sweep is not done")

    def room(self, orders: Sequence[Order]) -> int:
        starts = sum(isinstance(order, Start) for order in orders)
        ends = sum(isinstance(order, Halt | Pause) for order in orders)
        return len(self._free) + ends - starts

    def send(self, orders: Sequence[Order]) -> None:
        for order in orders:
            match order:
                case Start(run):
                    self._is_idle = False
                    worker, now = heapq.heappop(self._free), self._clock.now
                    self._begin(Attempt(run, worker, now, run.epoch, run.until))
                case Proceed(number, until):
                    last = self._attempts[number]
                    now = self._clock.now
                    self._begin(Attempt(last.run, last.worker, now, last.until, until))
                case Pause(number) | Halt(number):
                    heapq.heappush(self._free, self._attempts.pop(number).worker)

    def notes(self) -> Mapping[str, str]:
        return {}

    def verify(self, best: Best) -> str:
        return ""

    def leave(self) -> None:
        """What has been trained by now is reported."""
        now, self._ends = self._clock.now, []
        for number, attempt in self._attempts.items():
            epochs = (now - attempt.began) / self._seconds(attempt.run.params)
            attempt.until = attempt.epoch + math.floor(epochs)
            attempt.failure = None
            self._ends.append((now, number, attempt.run.attempt))
        heapq.heapify(self._ends)

    def close(self) -> None: ...

    def _begin(self, attempt: Attempt) -> None:
        run = attempt.run
        if self._faults is not None:
            for epoch in range(attempt.epoch + 1, attempt.until + 1):
                failure = self._faults(run, epoch)
                if failure is not None:
                    attempt.until, attempt.failure = epoch, failure
                    break
        self._attempts[run.number] = attempt
        ends = attempt.began + self._seconds(run.params) * (attempt.until - attempt.epoch)
        heapq.heappush(self._ends, (ends, run.number, run.attempt))

    def _end_slice(self, at: float, number: int, attempt: int) -> Outcome | None:
        current = self._attempts.get(number)
        if current is None or current.run.attempt != attempt:
            return None  # lost before
        self._clock.now = at
        failure = current.failure
        last = current.until if failure is None else current.until - 1
        if failure is not None:
            heapq.heappush(self._free, self._attempts.pop(number).worker)
            if failure.kind == "node_lost":
                last = current.epoch
        epochs = range(current.epoch + 1, last + 1)
        rows = tuple((epoch, self._curve(current.run.params, epoch)) for epoch in epochs)
        return Outcome(number, attempt, rows, failure=failure)

    def _lose(self, worker: int) -> Outcome | None:
        """The worker is gone, and what ran on it has failed."""
        for number, attempt in self._attempts.items():
            if attempt.worker == worker:
                del self._attempts[number]
                failure = Failure("node_lost", f"worker {worker} was lost")
                return Outcome(number, attempt.run.attempt, failure=failure)
        self._free.remove(worker)
        heapq.heapify(self._free)
        return None


class NoCheckpoints:
    """Of a simulated trial there is nothing to keep."""

    def settle(self, history: object, numbers: list[int]) -> None: ...
