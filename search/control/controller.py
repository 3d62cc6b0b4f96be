"""The only loop: core <-> journal <-> executor.

Each turn takes what the executor has to say, lets the core decide, makes the events durable in
one group commit, and only then lets the executor act.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lanewise.search.control.executor import (
    Best,
    CheckpointStore,
    Executor,
    Halt,
    Order,
    Outcome,
    Pause,
    Proceed,
    Start,
)
from lanewise.search.core import events as ev
from lanewise.search.core.states import PAUSED, RUNNING
from lanewise.search.core.sweep import Done, Sweep
from lanewise.search.selection.evaluated import Evaluated
from lanewise.search.selection.selection import Selection

ASKING = 0.1  # seconds of asking after which those who wait for a decision have their turn
TICK = 5.0  # seconds between two records of the time used
BEST_MODEL = "best model"  # the topic of a note
CORRECTION = "correction"  # the topic of another: why there is none
LOOK = 0.5  # seconds between two looks at requests, and the longest wait for an executor


class Log(Protocol):
    """What the controller needs of a journal (``search.store``)."""

    def append(
        self,
        sweep: str,
        after: int,
        events: Sequence[ev.Event],
        evaluated: Sequence[Evaluated] = (),
    ) -> int:
        """Makes events durable behind record ``after``, and evaluations that they report; returns
        the last one's number.
        """
        ...

    def take_requests(self, sweep: str) -> list[str]:
        """What people have asked of the sweep since the last call."""
        ...


class Controller:
    """Runs one sweep to its end, an interruption or a person's stop.

    Args:
        sweep: its core, replayed up to record ``seq`` of the journal.
        sweep_id: whose records are written.
        selection: estimates what the best value is worth; None where nothing can.
        clock: seconds, monotonic; the only time that it knows.
    """

    def __init__(
        self,
        sweep: Sweep,
        sweep_id: str,
        journal: Log,
        seq: int,
        executor: Executor,
        checkpoints: CheckpointStore,
        clock: Callable[[], float] = time.monotonic,
        selection: Selection | None = None,
    ) -> None:
        self.sweep = sweep
        self.sweep_id = sweep_id
        self.journal = journal
        self.executor = executor
        self.checkpoints = checkpoints
        self.selection = selection
        self._seq = seq
        self._evaluated: list[Evaluated] = []  # since the last commit
        self._clock = clock
        self._began = clock() - sweep.history.seconds
        self._ticked = self._looked = clock()
        self._ending: str | None = None  # why the sweep is being left, once it is
        self._has_left = False  # and the executor knows
        self._has_capacity = False  # there is room, and more to be asked for
        self._active: dict[int, int] = {}  # number -> attempt, as the executor has them

    def interrupt(self) -> None:
        """Leaves the sweep after the slices under way, resumable. Safe in a signal handler."""
        self._ending = self._ending or "interrupted"

    def run(self) -> str:
        """Drives the sweep; returns its status: done, failed or interrupted.

        Raises:
            ClusterError: the executor cannot work. JournalError: the storage cannot.
        """
        try:
            for trial in self.sweep.history.running:
                self.sweep.lost(trial.number)
            self._commit()
            self.executor.open()
            while not self._turn():
                pass
        finally:
            self.executor.close()
        closed = self.sweep.history.closed
        return closed.status if closed else "interrupted"

    def _turn(self) -> bool:
        """One turn of the loop; True when the sweep is over or left."""
        outcomes = self.executor.poll(0.0 if self._has_capacity else LOOK)
        for topic, text in self.executor.notes().items():
            self.sweep.note(topic, text)
        self._check_time_and_requests()  # first: what is decided now knows the time
        ended: list[int] = []
        orders = [order for outcome in outcomes for order in self._take(outcome, ended)]
        orders += self._fill(self.executor.room(orders))
        is_over = self._finish()
        self._commit()
        self.executor.send(orders)
        if self._ending is not None and not self._has_left:
            self._has_left = True
            self.executor.leave()
        if ended or self.sweep.history.closed:
            self.checkpoints.settle(self.sweep.history, ended)
        if self.selection is not None:
            self.selection.fold(self.sweep.history)
        return is_over

    def _take(self, outcome: Outcome, ended: list[int]) -> Sequence[Order]:
        number = outcome.number
        if self._active.get(number) != outcome.attempt:
            return []  # an attempt given up long ago comes back late: it has no say
        for topic, text in outcome.notes.items():
            self.sweep.note(topic, text)
        trial = self.sweep.history.trials[number]
        before = trial.epoch
        decision = self.sweep.report(number, outcome.rows, outcome.failure)
        if self.selection is not None:
            news = (each for each in outcome.evaluated if before < each.epoch <= trial.epoch)
            self._evaluated += news
        # One that pauses completes when it goes on.
        if outcome.ended and trial.status == RUNNING:
            self.sweep.complete(number)
        if trial.status == RUNNING and self._ending is None:
            if isinstance(decision, ev.Exploit):
                return [Halt(number), Start(self.sweep.run_of(trial))]
            return [Proceed(number, trial.until)]
        del self._active[number]
        if not trial.is_open:
            ended.append(number)
        if outcome.failure:
            return []
        return [Pause(number) if trial.status == PAUSED else Halt(number)]

    def _fill(self, room: int) -> list[Order]:
        orders: list[Order] = []
        began = self._clock()
        self._has_capacity = False
        batch = 1
        while len(orders) < room and self._ending is None:
            answer = self.sweep.ask_batch(min(batch, room - len(orders)))
            if isinstance(answer, Done):
                self._ending = self._ending or self.sweep.end
            if not isinstance(answer, list):
                break
            for run in answer:
                self._active[run.number] = run.attempt
                orders.append(Start(run))
            if self._clock() - began >= ASKING:
                self._has_capacity = True
                break
            batch *= 2
        return orders

    def _check_time_and_requests(self) -> None:
        now = self._clock()
        limit = self.sweep.spec.budget.time
        seconds = now - self._began
        time_is_up = limit is not None and seconds >= limit and not self.sweep.is_over
        if now - self._ticked >= TICK or time_is_up:
            self._ticked = now
            self.sweep.tick(seconds)
        if now - self._looked >= LOOK:
            self._looked = now
            if "stop" in self.journal.take_requests(self.sweep_id):
                self._ending = ev.BY_A_PERSON

    def _finish(self) -> bool:
        """Records the end once nothing runs any more; True if this is it."""
        if self._ending is None or self._active:
            return False
        self.sweep.tick(self._clock() - self._began)
        self._estimate()
        if self._ending == "interrupted":
            self.sweep.interrupt("by a signal")
        else:
            self._verify()
            self.sweep.close(self._ending)
        return True

    def _estimate(self) -> None:
        """Records what the best value is worth, or why that is not known."""
        if self.selection is None:
            return
        self._commit()  # the last evaluations are stored by then
        found = self.selection.estimate(self.sweep.history)
        if isinstance(found, ev.Estimated):
            self.sweep.estimated(found)
        else:
            metric = self.sweep.spec.objective.metric
            self.sweep.note(CORRECTION, f"none for {metric}: {found}")

    def _verify(self) -> None:
        """Notes it where the best model, as it is stored, is not what was reported of it."""
        best = self.sweep.history.best
        if best is None or best.best is None:
            return
        self._commit()  # it may take a while
        told = self.executor.verify(Best(best.number, best.best[0], best.best_metrics))
        if told:
            self.sweep.note(BEST_MODEL, told)

    def _commit(self) -> None:
        events, evaluated = self.sweep.drain(), self._evaluated
        self._seq = self.journal.append(self.sweep_id, self._seq, events, evaluated)
        if self.selection is not None:
            self._evaluated = []
            self.selection.take(evaluated)
