"""What has happened so far, folded from events: the core's state, and what every view shows."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lanewise.search.core import events as ev
from lanewise.search.core.events import Event, Failure, Metrics, Params, Row
from lanewise.search.core.ordered import Ordered
from lanewise.search.core.ranking import Rank, rank_of
from lanewise.search.core.rungs import Rung, last_rung
from lanewise.search.core.spec import Constraint, Objective, PriorResult, Spec
from lanewise.search.core.states import (
    CANCELLED,
    COMPLETED,
    FAILED,
    OPEN,
    PAUSED,
    RUNNING,
    STOPPED,
    WAITING,
    check_transition,
)
from lanewise.spaces import fingerprint


@dataclass(frozen=True)
class Segment:
    """The epochs behind ``epoch`` were trained with ``params``.

    ``source`` is the trial whose weights of that epoch it began with; None for its own.
    """

    epoch: int
    params: Params
    source: int | None = None


@dataclass(frozen=True)
class FirstPause:
    """When a trial first paused: at ``epoch``, by the history's change of that index."""

    change: int
    epoch: int


@dataclass(slots=True)
class Trial:
    """One configuration and what is known of it. ``epoch`` is the last epoch reported.

    ``params`` are those of the newest segment; all but PBT's trials have a single one.
    """

    number: int
    params: Params
    until: int
    rungs: tuple[int, ...] = ()
    status: str = RUNNING
    attempt: int = 1
    epoch: int = 0
    rows: list[Row] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    reason: str = ""
    best: tuple[int, float] | None = None  # (epoch, objective) of its best epoch
    rank: Rank | None = None  # of that epoch
    segments: list[Segment] = field(default_factory=list)
    first_pause: FirstPause | None = None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def granted(self) -> int:
        """How many epochs it may still train without asking again."""
        left = self.until - self.epoch
        return left if left > 0 and self.status == RUNNING else 0

    @property
    def rung(self) -> int:
        """The last rung that it has reached; 0 before the first."""
        return last_rung(self.rungs, self.epoch)

    def params_at(self, epoch: int) -> Params:
        """With which that epoch was trained."""
        return next(s.params for s in reversed(self.segments) if s.epoch < epoch or not s.epoch)

    @property
    def best_params(self) -> Params:
        """With which its best epoch was trained; the newest ones before the first report."""
        return self.params_at(self.best[0]) if self.best else self.params

    def metrics_at(self, epoch: int) -> Metrics:
        """All metrics of one reported epoch; KeyError for an epoch never reported."""
        for row_epoch, metrics in reversed(self.rows):
            if row_epoch == epoch:
                return metrics
        raise KeyError(f"trial {self.number} never reported epoch {epoch}")

    @property
    def best_metrics(self) -> Metrics:
        """All metrics at its best epoch; empty before the first report."""
        return self.metrics_at(self.best[0]) if self.best else {}


class History:
    """The fold of a sweep's events. Grows only through ``apply``; everything else reads it.

    Args:
        objectives, constraints, prior: of the sweep's spec.

    Attributes:
        objective: the first one, by which trials are compared at rungs.
        fingerprints: of the configurations that are not to be tried again.
        results: (score, -number) of the trials that have ended and keep to the constraints,
            ascending.
        changes: the numbers of trials in the order of what happened to them, for whoever keeps
            a table of them: what stands behind the last look has changed since.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        prior: Sequence[PriorResult] = (),
    ) -> None:
        self.objectives = tuple(objectives)
        self.objective = self.objectives[0]
        self.constraints = tuple(constraints)
        self.prior = tuple(prior)
        self.trials: dict[int, Trial] = {}
        self.fingerprints: set[str] = set()
        self.seconds = 0.0
        self.notes: dict[str, str] = {}  # topic -> the newest text
        self.estimate: ev.Estimated | None = None  # of the best, until more is reported
        self.tested: tuple[Trial, ...] = ()  # on the test part, in order, once for each use
        self.closed: ev.Closed | None = None
        self.interrupted: ev.Interrupted | None = None
        self.opened: ev.Opened | None = None
        self.best: Trial | None = None
        self.spent = 0  # epochs reported, over all trials
        self.granted = 0  # epochs that running trials may still train
        self.ended = 0  # trials
        self.results = Ordered()
        self.ended_at_best = 0  # of them, when the best value was last improved, the best's own too
        self.changes: list[int] = []
        self.is_exhausted = False  # the sampler
        self._running: dict[int, Trial] = {}
        self._waiting: dict[int, Trial] = {}
        self._paused: dict[int, Trial] = {}
        self._rungs: defaultdict[tuple[tuple[int, ...], int], Rung] = defaultdict(Rung)

    @classmethod
    def of(cls, spec: Spec) -> History:
        """The empty history of a sweep. What was tried before counts as tried."""
        history = cls(spec.objectives, spec.constraints, spec.prior)
        if not spec.repeats:
            history.fingerprints |= {fingerprint(result.params) for result in spec.prior}
        return history

    @property
    def running(self) -> list[Trial]:
        return list(self._running.values())

    @property
    def waiting(self) -> list[Trial]:
        return list(self._waiting.values())

    @property
    def paused(self) -> list[Trial]:
        return list(self._paused.values())

    @property
    def paused_count(self) -> int:
        return len(self._paused)

    @property
    def has_running(self) -> bool:
        return bool(self._running)

    @property
    def first_waiting(self) -> Trial | None:
        """The trial that has waited for the longest, if any."""
        return next(iter(self._waiting.values()), None)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials.values())

    def __len__(self) -> int:
        return len(self.trials)

    def count(self, *statuses: str) -> int:
        """How many trials have one of these statuses."""
        return sum(trial.status in statuses for trial in self)

    def rung(self, rungs: tuple[int, ...], epoch: int) -> Rung:
        """Who has reached ``epoch``, one of ``rungs``: trials of equal rungs are compared."""
        found = self._rungs.get((rungs, epoch))
        return Rung() if found is None else found

    def rung_of(self, number: int) -> Rung:
        """The rung that a trial has reached last."""
        trial = self.trials[number]
        return self.rung(trial.rungs, trial.rung)

    def has_all_begun(self, trials: int | None) -> bool:
        """Whether no further trial will begin, of so many that the budget allows."""
        return self.is_exhausted or (trials is not None and len(self) >= trials)

    def ranked(self) -> list[Trial]:
        """All trials that reported a usable value, best first."""
        return sorted((t for t in self if t.rank), key=_standing, reverse=True)

    # -- what happened -------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Takes one more event in.

        Raises:
            ValueError, KeyError: it cannot happen now (``core.states``).
        """
        match event:
            case ev.Reported(number, rows, decision):  # the first, since most are
                self.take_rows(number, rows)
                self.take_decision(number, decision)
            case ev.Asked(number, params, until, rungs):
                self._ask(Trial(number, params, until, rungs))
            case ev.Rerun(number, until):
                trial = self._move(number, RUNNING, event.kind)
                self._grant(trial, until)
                trial.attempt += 1
            case ev.Resumed(number, decision):
                self._decide(number, decision, event.kind)
            case ev.Completed(number):
                self._move(number, COMPLETED, event.kind)
            case ev.Failed(number, failure, retry):
                trial = self._move(number, WAITING if retry else FAILED, event.kind)
                trial.failures.append(failure)
            case ev.Lost(number):
                self._move(number, WAITING, event.kind)
            case ev.Exhausted():
                self.is_exhausted = True
            case ev.Tested(trial):
                self.tested += (self.trials[trial],)
            case ev.Ticked(seconds):
                self.seconds = seconds
            case ev.Noted(topic, text):
                self.notes[topic] = text
            case ev.Estimated():
                self.estimate = event
            case ev.Opened():
                self.opened, self.interrupted = event, None
            case ev.Interrupted():
                self.interrupted = event
            case ev.Closed():
                self._close(event)
            case ev.Launched():
                pass

    def take_rows(self, number: int, rows: tuple[Row, ...]) -> None:
        """The first half of ``Reported``: a decision is made upon the rows, and taken in then."""
        trial = self.trials[number]
        self.changes.append(number)
        self.estimate = None if rows else self.estimate
        granted = trial.granted
        for row in rows:
            epoch, metrics = row
            self._enter_rungs(trial, epoch, metrics)
            self.spent += epoch - trial.epoch
            trial.epoch = epoch
            trial.rows.append(row)
            self._update_best(trial, epoch, metrics)
        self.granted += trial.granted - granted

    def take_decision(self, number: int, decision: ev.Decision) -> None:
        """The second half of ``Reported``."""
        self._decide(number, decision, ev.Reported.kind)

    def _ask(self, trial: Trial) -> None:
        check_transition(trial.number, self._status(trial.number), ev.Asked.kind, RUNNING)
        trial.segments.append(Segment(0, trial.params))
        self.trials[trial.number] = self._running[trial.number] = trial
        self.fingerprints.add(fingerprint(trial.params))
        self.granted += trial.granted
        self.changes.append(trial.number)

    def _enter_rungs(self, trial: Trial, epoch: int, metrics: Metrics) -> None:
        # A user's function may skip epochs: a rung takes the first row at or past it.
        # By bisection: a scheduler may compare at each of a thousand epochs.
        rungs = trial.rungs
        reached, reaches = bisect_right(rungs, trial.epoch), bisect_right(rungs, epoch)
        if reached < reaches:
            score = self.objective.score(metrics[self.objective.metric])
            for rung in rungs[reached:reaches]:
                self._rungs[rungs, rung].enter(trial.number, score)

    def _miss_rungs(self, trial: Trial) -> None:
        for rung in trial.rungs[bisect_right(trial.rungs, trial.epoch) :]:
            self._rungs[trial.rungs, rung].missed += 1

    def _update_best(self, trial: Trial, epoch: int, metrics: Metrics) -> None:
        rank = rank_of(self.objective, epoch, metrics, self.constraints)
        if trial.rank is not None and rank <= trial.rank:
            return
        before = self.best.rank if self.best else None
        trial.rank, trial.best = rank, (epoch, metrics[self.objective.metric])
        if trial is not self.best and (
            self.best is None or _standing(trial) > _standing(self.best)
        ):
            self.best = trial
        if before is None or rank[:2] > before[:2]:  # a better value, not the better of equal ones
            self.ended_at_best = self.ended

    def _decide(self, number: int, decision: ev.Decision, kind: str) -> None:
        match decision:
            case ev.Continue(until):
                self._grant(self._move(number, RUNNING, kind), until)
            case ev.Exploit(source, params, until):
                trial = self._move(number, RUNNING, kind)
                trial.params = params
                trial.segments.append(Segment(trial.epoch, params, source))
                self._grant(trial, until)
            case ev.Pause():
                trial = self._move(number, PAUSED, kind)
                self.rung_of(number).pause(number)
                if trial.first_pause is None:
                    trial.first_pause = FirstPause(len(self.changes) - 1, trial.epoch)
            case ev.Stop(ev.FINISHED):
                self._move(number, COMPLETED, kind)
            case ev.Stop(reason):
                self._move(number, STOPPED, kind).reason = reason

    def _grant(self, trial: Trial, until: int) -> None:
        before = trial.granted
        trial.until = until
        self.granted += trial.granted - before

    def _status(self, number: int) -> str:
        return self.trials[number].status if number in self.trials else ""

    def _move(self, number: int, status: str, kind: str) -> Trial:
        trial = self.trials[number]
        check_transition(number, trial.status, kind, status)
        self.changes.append(number)
        if trial.status == status:
            return trial
        self.granted -= trial.granted
        if trial.status == PAUSED:
            self.rung_of(number).leave(number)
        self._members(trial.status).pop(number, None)
        trial.status = status
        self._members(status)[number] = trial
        self.granted += trial.granted
        if not trial.is_open:
            self.ended += 1
            self._miss_rungs(trial)
            self._enter_results(trial)
        self.ended_at_best += not trial.is_open and trial is self.best
        return trial

    def _enter_results(self, trial: Trial) -> None:
        if trial.best is not None and trial.rank is not None and not trial.rank[0]:
            self.results.add((self.objective.score(trial.best[1]), -trial.number))

    def _members(self, status: str) -> dict[int, Trial]:
        members = {RUNNING: self._running, WAITING: self._waiting, PAUSED: self._paused}
        return members.get(status, {})

    def _close(self, event: ev.Closed) -> None:
        status = CANCELLED if event.reason == ev.BY_A_PERSON else STOPPED
        for trial in [*self.running, *self.waiting]:
            self._move(trial.number, status, event.kind).reason = event.reason
        for trial in self.paused:  # it was not among those that went on from its rung
            self._move(trial.number, status, event.kind).reason = f"rung {trial.rung}"
        self.closed = event


def _standing(trial: Trial) -> tuple[Rank, int]:
    """What trials are ordered by, more is better: among equal ranks the older is the better."""
    assert trial.rank is not None
    return trial.rank, -trial.number
