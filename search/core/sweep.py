"""The sweep's state machine: events in, decisions out.

A command (``ask``, ``report``, ...) computes its decision from the history, wraps it in an event,
applies the event and puts it into the outbox, from which the shell takes it (``drain``) and makes
it durable before it acts. A replay applies journaled events and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lanewise.search.core import events as ev
from lanewise.search.core.events import (
    FINISHED,
    Continue,
    Decision,
    Event,
    Exploit,
    Failure,
    Params,
    Pause,
    Row,
    Stop,
)
from lanewise.search.core.history import History, Trial
from lanewise.search.core.noise import is_within_noise
from lanewise.search.core.rungs import next_rung
from lanewise.search.core.seeds import trial_seed
from lanewise.search.core.spec import Spec, is_usable
from lanewise.search.core.states import RUNNING
from lanewise.search.errors import SearchError
from lanewise.search.samplers.base import Sampler
from lanewise.search.schedulers.base import Scheduler, exploits


@dataclass(frozen=True)
class Run:
    """Training to be started: ``params`` from ``epoch`` (known so far) up to ``until``.

    Attributes:
        attempt: counts from 1; a retry is the next one, going on after a pause is the same.
        rungs: of the trial.
        segment: how often it has taken over another trial's weights.
        source: whose weights of which epoch the segment began with; None for its own.
    """

    number: int
    params: Params
    seed: int
    attempt: int
    epoch: int
    until: int
    rungs: tuple[int, ...] = ()
    segment: int = 0
    source: tuple[int, int] | None = None


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
        self.history = History.of(spec)
        self._outbox: list[Event] = []

    def drain(self) -> list[Event]:
        """The events since the last call, in order; to be made durable before acting on them."""
        events, self._outbox = self._outbox, []
        return events

    # -- what may run ------------------------------------------------------------------------

    def ask(self) -> Run | Wait | Done:
        """The next training to start."""
        answer = self.ask_batch(1)
        return answer[0] if isinstance(answer, list) else answer

    def ask_batch(self, count: int) -> list[Run] | Wait | Done:
        """Up to ``count`` of them: waiting trials first, then paused ones, then new ones."""
        runs = self._going_on(count)
        if len(runs) < count and not self.is_over:
            left = count - len(runs)
            runs += self._new(left) or self._going_on(left)
        return runs or (Wait() if self.history.has_running else Done())

    @property
    def is_over(self) -> bool:
        """Whether nothing may start or go on any more: closed, or its budget ends it."""
        return self.history.closed is not None or self._ending is not None

    @property
    def _ending(self) -> str | None:
        """The budget that ends the sweep now, trials under way included."""
        budget, history = self.spec.budget, self.history
        if budget.time is not None and history.seconds >= budget.time:
            return "time"
        if budget.target is not None and self._has_reached(budget.target):
            return "target"
        if budget.stall is not None and history.ended - history.ended_at_best >= budget.stall:
            return "stall"
        if budget.noise and is_within_noise(history, self._trials_left):
            return "noise"
        return None

    @property
    def _trials_left(self) -> int | None:
        trials = self.spec.budget.trials
        return None if trials is None else trials - len(self.history)

    def _has_reached(self, target: float) -> bool:
        best, objective = self.history.best, self.spec.objective
        if best is None or best.best is None or best.rank is None:
            return False
        is_feasible = not best.rank[0]
        return is_feasible and objective.score(best.best[1]) >= objective.score(target)

    def _going_on(self, count: int) -> list[Run]:
        """Trials that have begun: waiting ones first, then paused ones."""
        runs: list[Run] = []
        while len(runs) < count and not self.is_over:
            run = self._rerun() or self._resume()
            if run is None:
                break
            runs.append(run)
        return runs

    def _rerun(self) -> Run | None:
        trial = self.history.first_waiting
        if trial is None:
            return None
        until = self._grant(trial)
        if until <= trial.epoch:
            return None
        self._record(ev.Rerun(trial.number, until))
        return self.run_of(trial)

    def _resume(self) -> Run | None:
        """The paused trial that its scheduler lets go on next."""
        while self.history.paused_count:
            number = self.scheduler.next(self.history)
            if number is None:
                return None
            decision = self._granted(number, self.scheduler.decide(self.history, number))
            if isinstance(decision, Pause):
                return None
            self._record(ev.Resumed(number, decision))
            if not isinstance(decision, Stop):
                return self.run_of(self.history.trials[number])
        return None

    def _new(self, count: int) -> list[Run]:
        first = len(self.history)
        if self.spec.budget.trials is not None:
            count = min(count, self.spec.budget.trials - first)
        if count < 1 or not self._may_grant or self.history.is_exhausted:
            return []
        numbers = range(first, first + count)
        proposals = self.sampler.ask(self.history, numbers)
        if not proposals and self.history.paused_count:
            self._record(ev.Exhausted())
        runs = []
        for number, params in zip(numbers, proposals, strict=False):
            rungs = self.scheduler.rungs(number)
            until = self._grant(Trial(number, params, 0, rungs))
            if until < 1:
                break
            self._record(ev.Asked(number, params, until, rungs))
            runs.append(self.run_of(self.history.trials[number]))
        return runs

    def run_of(self, trial: Trial) -> Run:
        """The training of a running trial as an executor is to start it."""
        seed = trial_seed(self.spec.seed, trial.number)
        last = trial.segments[-1]
        return Run(
            number=trial.number,
            params=trial.params,
            seed=seed,
            attempt=trial.attempt,
            epoch=trial.epoch,
            until=trial.until,
            rungs=trial.rungs,
            segment=len(trial.segments) - 1,
            source=None if last.source is None else (last.source, last.epoch),
        )

    @property
    def _may_grant(self) -> bool:
        left = self._epochs_left
        return left is None or left > 0

    @property
    def _epochs_left(self) -> int | None:
        """Of total_epochs; None without it.

        What running trials were granted and have not used is set aside, so that the sum of
        epochs never exceeds the budget.
        """
        total = self.spec.budget.total_epochs
        return None if total is None else total - self.history.spent - self.history.granted

    def _grant(self, trial: Trial) -> int:
        """Up to which epoch a trial may train: its next rung, within total_epochs."""
        rung, left = next_rung(trial.rungs, trial.epoch), self._epochs_left
        return rung if left is None else min(rung, trial.epoch + max(0, left))

    # -- what happened -------------------------------------------------------------------------

    def report(self, number: int, rows: Iterable[Row], failure: Failure | None = None) -> Decision:
        """New rows of a running trial, in order of epochs; rows reported before are left out.

        The first row whose objective is missing, NaN or infinite fails the attempt, unless the
        rows before it end the trial.

        Args:
            failure: why the attempt is over after these rows. No scheduler's word on them holds
                then but Stop: of what failed, nobody knows that a checkpoint is there.
        """
        trial = self._running(number)
        fresh, bad = self._usable([row for row in rows if row[0] > trial.epoch])
        failure = bad or failure
        before = trial.rung
        # A rung's ranking includes this trial.
        self.history.take_rows(number, fresh)
        decision = self._decide(trial, has_passed=trial.rung > before)
        if failure is not None and not isinstance(decision, Stop):
            decision = Continue(trial.until)  # it fails where it stands
        self.history.take_decision(number, decision)
        self._outbox.append(ev.Reported(number, fresh, decision))
        if failure is not None and not isinstance(decision, Stop):
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

    def estimated(self, estimate: ev.Estimated) -> None:
        """What the best trial's value is worth; recorded unless it is known already."""
        if self.history.estimate != estimate:
            self._record(estimate)

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
        if (ending := self._ending) is not None:
            return ending
        budget = self.spec.budget
        if budget.total_epochs is not None and self.history.spent >= budget.total_epochs:
            return "total_epochs"
        return "trials" if len(self.history) == budget.trials else "space exhausted"

    # -- decisions -------------------------------------------------------------------------

    def _decide(self, trial: Trial, *, has_passed: bool) -> Decision:
        if trial.epoch >= trial.rungs[-1]:
            return Stop(FINISHED)
        decision: Decision = Continue()
        if has_passed:
            # A user's function may pass several rungs at once: it is asked about the last one.
            decision = self.scheduler.decide(self.history, trial.number)
        if isinstance(decision, Stop):
            return decision
        if (ending := self._ending) is not None:
            return Stop(ending)
        if isinstance(decision, Continue) and trial.epoch < trial.until:
            return Continue(trial.until)
        return self._granted(trial.number, decision)

    def _granted(self, number: int, decision: Decision) -> Decision:
        """The scheduler's decision with the epoch up to which the budget lets the trial go on."""
        if isinstance(decision, Stop | Pause):
            return decision
        if isinstance(decision, Exploit) and not exploits(self.scheduler):
            name = type(self.scheduler).__name__
            raise SearchError(f"scheduler: {name} decides Exploit without the attribute exploits")
        trial = self.history.trials[number]
        until = self._grant(trial)
        return replace(decision, until=until) if until > trial.epoch else Stop("total_epochs")

    def _usable(self, rows: list[Row]) -> tuple[tuple[Row, ...], Failure | None]:
        for place, (epoch, metrics) in enumerate(rows):
            for metric in (objective.metric for objective in self.spec.objectives):
                if metric not in metrics:
                    reported = ", ".join(metrics) or "nothing"
                    text = (
                        f"epoch {epoch}: the objective {metric} is missing (reported: {reported})"
                    )
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
