"""The sweep's state machine: events in, decisions out.

A command (``ask``, ``report``, ...) computes its decision from the history, wraps it in an event,
applies the event and puts it into the outbox, from which the shell takes it (``drain``) and makes
it durable before it acts. A replay applies journaled events and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lanewise.search.core import events as ev
from lanewise.search.core.events import (
    FINISHED,
    Continue,
    Decision,
    Event,
    Failure,
    Params,
    Row,
    Stop,
)
from lanewise.search.core.history import RUNNING, History, Trial
from lanewise.search.core.rungs import next_rung
from lanewise.search.core.seeds import trial_seed
from lanewise.search.core.spec import Spec, is_usable
from lanewise.search.samplers.base import Sampler
from lanewise.search.schedulers.base import Scheduler


@dataclass(frozen=True)
class Run:
    """An attempt to be started: train ``params`` from ``epoch`` (known so far) up to ``until``."""

    number: int
    params: Params
    seed: int
    attempt: int
    epoch: int
    until: int


@dataclass(frozen=True)
class Wait:
    """Nothing to start now; a running trial may change that."""


@dataclass(frozen=True)
class Done:
    """Nothing to start, and nothing is running that could change that."""


class Sweep:
    """A sweep in progress; ``search.sweeps`` makes one of what its spec names."""

    def __init__(self, spec: Spec, sampler: Sampler, scheduler: Scheduler) -> None:
        self.spec = spec
        self.sampler = sampler
        self.scheduler = scheduler
        self.history = History(spec.objective, scheduler.rungs)
        self._outbox: list[Event] = []

    def drain(self) -> list[Event]:
        """The events since the last call, in order; to be made durable before acting on them."""
        events, self._outbox = self._outbox, []
        return events

    # -- what may run ------------------------------------------------------------------------

    def ask(self) -> Run | Wait | Done:
        """The next attempt to start: a waiting trial first, else a new configuration."""
        if self.is_over:
            return self._nothing()
        waiting = self.history.first_waiting
        return self._new() if waiting is None else self._rerun(waiting)

    @property
    def is_over(self) -> bool:
        """Whether nothing may start or go on any more: closed, or its time is used up."""
        limit = self.spec.budget.time
        time_is_up = limit is not None and self.history.seconds >= limit
        return self.history.closed is not None or time_is_up

    def _rerun(self, trial: Trial) -> Run | Wait | Done:
        until = self._grant(trial.epoch)
        if until <= trial.epoch:
            return self._nothing()
        self._record(ev.Rerun(trial.number, until))
        return self._run(trial)

    def _new(self) -> Run | Wait | Done:
        number = len(self.history)
        until = self._grant(0)
        if until < 1 or number >= (self.spec.budget.trials or number + 1):
            return self._nothing()
        params = self.sampler.ask(self.history, number)
        if params is None:
            return self._nothing()
        self._record(ev.Asked(number, params, until))
        return self._run(self.history.trials[number])

    def _run(self, trial: Trial) -> Run:
        seed = trial_seed(self.spec.seed, trial.number)
        return Run(trial.number, trial.params, seed, trial.attempt, trial.epoch, trial.until)

    def _nothing(self) -> Wait | Done:
        return Wait() if self.history.is_anyone_running else Done()

    def _grant(self, epoch: int) -> int:
        """Up to which epoch a trial at ``epoch`` may train: its next rung, within total_epochs.

        What running trials were granted and have not used is set aside, so that the sum of
        epochs never exceeds the budget.
        """
        rung = next_rung(self.scheduler.rungs, epoch)
        total = self.spec.budget.total_epochs
        if total is None:
            return rung
        left = total - self.history.spent - self.history.granted
        return min(rung, epoch + max(0, left))

    # -- what happened -------------------------------------------------------------------------

    def report(self, number: int, rows: Iterable[Row]) -> Decision:
        """New rows of a running trial, in order of epochs; rows reported before are left out.

        The first row whose objective is missing, NaN or infinite fails the attempt, unless the
        rows before it end the trial.
        """
        trial = self._running(number)
        fresh, failure = self._usable([row for row in rows if row[0] > trial.epoch])
        # The event is applied before its decision is known: a rung's ranking includes this trial.
        before = trial.epoch
        self.history.apply(ev.Reported(number, fresh, Continue(trial.until)))
        decision = self._decide(trial, before)
        self.history.apply(ev.Reported(number, (), decision))
        self._outbox.append(ev.Reported(number, fresh, decision))
        if failure is not None and isinstance(decision, Continue):
            return self.fail(number, failure)
        return decision

    def complete(self, number: int) -> None:
        """A running trial ended by itself, all of its rows reported."""
        self._running(number)
        self._record(ev.Completed(number))

    def fail(self, number: int, failure: Failure) -> Stop:
        """A running attempt failed; its trial waits for a retry while its budget lasts."""
        trial = self._running(number)
        before = sum(earlier.kind == failure.kind for earlier in trial.failures)
        retry = before < self.spec.retries.get(failure.kind, 0)
        self._record(ev.Failed(number, failure, retry))
        return Stop(failure.kind)

    def lost(self, number: int) -> None:
        """A running attempt was cut off (the controller went away); its trial waits."""
        self._running(number)
        self._record(ev.Lost(number))

    def tick(self, seconds: float) -> None:
        """The sweep has been running for ``seconds``, earlier sessions included."""
        self._record(ev.Ticked(round(max(seconds, self.history.seconds), 3)))

    def note(self, topic: str, text: str) -> None:
        """What a person should know on a topic; recorded unless it is the newest text already."""
        if self.history.notes.get(topic) != text:
            self._record(ev.Noted(topic, text))

    def opened(self, executor: str, why: str, details: dict[str, object]) -> None:
        """A controller takes the sweep up."""
        self._record(ev.Opened(executor, why, details))

    def interrupt(self, reason: str) -> None:
        """The controller goes away; the sweep can be resumed."""
        self._record(ev.Interrupted(reason))

    def close(self, reason: str) -> None:
        """The sweep is over, and so are its open trials. Failed if there is no usable best."""
        status = "done" if self.history.best else "failed"
        self._record(ev.Closed(status, reason))

    @property
    def end(self) -> str:
        """Why nothing more is asked for: the budget that is used up, or the space."""
        budget = self.spec.budget
        if self.is_over:
            return "time"
        if budget.total_epochs is not None and self.history.spent >= budget.total_epochs:
            return "total_epochs"
        return "trials" if len(self.history) == budget.trials else "space exhausted"

    # -- decisions -------------------------------------------------------------------------

    def _decide(self, trial: Trial, before: int) -> Decision:
        rungs = self.scheduler.rungs
        if trial.epoch >= rungs[-1]:
            return Stop(FINISHED)
        # A user's function may skip epochs and pass several rungs at once: the last one counts.
        passed = [rung for rung in rungs if before < rung <= trial.epoch]
        if passed and self.scheduler.stops(self.history, trial.number, passed[-1]):
            return Stop(f"rung {passed[-1]}")
        if self.is_over:
            return Stop("time")
        if trial.epoch < trial.until:
            return Continue(trial.until)
        until = self._grant(trial.epoch)
        return Continue(until) if until > trial.epoch else Stop("total_epochs")

    def _usable(self, rows: list[Row]) -> tuple[tuple[Row, ...], Failure | None]:
        metric = self.spec.objective.metric
        for place, (epoch, metrics) in enumerate(rows):
            if metric not in metrics:
                reported = ", ".join(metrics) or "nothing"
                text = f"epoch {epoch}: the objective {metric} is missing (reported: {reported})"
                return tuple(rows[:place]), Failure("bug", text)
            if not is_usable(metrics[metric]):
                text = f"epoch {epoch}: {metric} is {metrics[metric]}"
                return tuple(rows[:place]), Failure("bad_value", text)
        return tuple(rows), None

    def _running(self, number: int) -> Trial:
        trial = self.history.trials.get(number)
        if trial is None or trial.status != RUNNING:
            status = trial.status if trial else "unknown"
            raise ValueError(f"trial {number} is {status}, not running")
        return trial

    def _record(self, event: Event) -> None:
        self.history.apply(event)
        self._outbox.append(event)
