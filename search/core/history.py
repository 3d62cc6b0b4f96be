"""What has happened so far, folded from events: the core's state, and what every view shows."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lanewise.search.core import events as ev
from lanewise.search.core.events import Continue, Event, Failure, Metrics, Params, Row, Stop
from lanewise.search.core.ranking import Rank, rank_of
from lanewise.search.core.spec import Objective
from lanewise.spaces import fingerprint

RUNNING, WAITING = "running", "waiting"
COMPLETED, STOPPED, FAILED, CANCELLED = "completed", "stopped", "failed", "cancelled"
OPEN = (RUNNING, WAITING)


@dataclass
class Trial:
    """One configuration and what is known of it. ``epoch`` is the last epoch reported."""

    number: int
    params: Params
    until: int
    status: str = RUNNING
    attempt: int = 1
    epoch: int = 0
    rows: list[Row] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    reason: str = ""
    best: tuple[int, float] | None = None  # (epoch, objective) of its best epoch
    rank: Rank | None = None  # of that epoch

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def granted(self) -> int:
        """How many epochs it may still train without asking again."""
        return max(0, self.until - self.epoch) if self.status == RUNNING else 0

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
    """The fold of a sweep's events. Grows only through ``apply``; everything else reads it."""

    def __init__(self, objective: Objective, rungs: Iterable[int] = ()) -> None:
        self.objective = objective
        self.rungs = tuple(rungs)
        self.trials: dict[int, Trial] = {}
        self.fingerprints: set[str] = set()
        self.seconds = 0.0
        self.notes: dict[str, str] = {}  # topic -> the newest text
        self.closed: ev.Closed | None = None
        self.interrupted: ev.Interrupted | None = None
        self.opened: ev.Opened | None = None
        self.best: Trial | None = None
        self.spent = 0  # epochs reported, over all trials
        self.granted = 0  # epochs that running trials may still train
        self._running: dict[int, Trial] = {}
        self._waiting: dict[int, Trial] = {}
        self._scores: dict[int, list[float]] = {rung: [] for rung in self.rungs}
        self._at_rung: dict[tuple[int, int], float] = {}

    @property
    def running(self) -> list[Trial]:
        return list(self._running.values())

    @property
    def waiting(self) -> list[Trial]:
        return list(self._waiting.values())

    @property
    def is_anyone_running(self) -> bool:
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

    def scores(self, rung: int) -> list[float]:
        """Scores (more is better) of all trials that reached the rung, ascending."""
        return self._scores[rung]

    def score_at(self, number: int, rung: int) -> float:
        """The score with which a trial reached a rung; KeyError if it has not."""
        return self._at_rung[number, rung]

    def apply(self, event: Event) -> None:
        """Takes one more event in; the caller guarantees that it may happen now."""
        trial = self.trials.get(getattr(event, "number", -1))
        before = trial.granted if trial else 0
        self._fold(event)
        if trial := self.trials.get(getattr(event, "number", -1)):
            self.granted += trial.granted - before

    def _fold(self, event: Event) -> None:
        match event:
            case ev.Asked(number, params, until):
                trial = Trial(number, params, until)
                self.trials[number] = self._running[number] = trial
                self.fingerprints.add(fingerprint(params))
            case ev.Rerun(number, until):
                trial = self._move(number, RUNNING)
                trial.until = until
                trial.attempt += 1
            case ev.Reported(number, rows, decision):
                self._report(self.trials[number], rows)
                self._decide(number, decision)
            case ev.Completed(number):
                self._move(number, COMPLETED)
            case ev.Failed(number, failure, retry):
                self._move(number, WAITING if retry else FAILED).failures.append(failure)
            case ev.Lost(number):
                self._move(number, WAITING)
            case ev.Ticked(seconds):
                self.seconds = seconds
            case ev.Noted(topic, text):
                self.notes[topic] = text
            case ev.Opened():
                self.opened, self.interrupted = event, None
            case ev.Interrupted():
                self.interrupted = event
            case ev.Closed():
                self._close(event)
            case ev.Launched():
                pass

    def _report(self, trial: Trial, rows: tuple[Row, ...]) -> None:
        for epoch, metrics in rows:
            self._enter_rungs(trial, epoch, metrics)
            self.spent += epoch - trial.epoch
            trial.epoch = epoch
            trial.rows.append((epoch, metrics))
            self._update_best(trial, epoch, metrics)

    def _enter_rungs(self, trial: Trial, epoch: int, metrics: Metrics) -> None:
        # A user's function may skip epochs: a rung takes the first row at or past it.
        for rung in self.rungs:
            if trial.epoch < rung <= epoch:
                score = self.objective.score(metrics[self.objective.metric])
                insort(self._scores[rung], score)
                self._at_rung[trial.number, rung] = score

    def _update_best(self, trial: Trial, epoch: int, metrics: Metrics) -> None:
        rank = rank_of(self.objective, epoch, metrics)
        if trial.rank is None or rank > trial.rank:
            trial.rank, trial.best = rank, (epoch, metrics[self.objective.metric])
        if self.best is None or _standing(trial) > _standing(self.best):
            self.best = trial

    def ranked(self) -> list[Trial]:
        """All trials that reported a usable value, best first."""
        return sorted((t for t in self if t.rank), key=_standing, reverse=True)

    def _decide(self, number: int, decision: ev.Decision) -> None:
        match decision:
            case Continue(until):
                self.trials[number].until = until
            case Stop(ev.FINISHED):
                self._move(number, COMPLETED)
            case Stop(reason):
                self._move(number, STOPPED).reason = reason

    def _move(self, number: int, status: str) -> Trial:
        trial = self.trials[number]
        self._running.pop(number, None)
        self._waiting.pop(number, None)
        trial.status = status
        if status == RUNNING:
            self._running[number] = trial
        elif status == WAITING:
            self._waiting[number] = trial
        return trial

    def _close(self, event: ev.Closed) -> None:
        status = CANCELLED if event.reason == ev.BY_A_PERSON else STOPPED
        for trial in [*self.running, *self.waiting]:
            self._move(trial.number, status).reason = event.reason
        self.granted = 0
        self.closed = event


def _standing(trial: Trial) -> tuple[Rank, int]:
    """What trials are ordered by, more is better: among equal ranks the older is the better."""
    assert trial.rank is not None
    return trial.rank, -trial.number
