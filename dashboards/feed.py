"""What a live display tells beyond the history: who ended last, how fast, since when.

Folded from the records as they are written, so a look costs what is new, not what there is; and
whoever begins to look late sees the same as one who has looked all the time.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import NamedTuple

from lanewise.dashboards.digits import metric, rows_of
from lanewise.dashboards.summary import running_seconds
from lanewise.dashboards.words import settings
from lanewise.search.core import events as ev
from lanewise.search.core.events import Failure, Stop
from lanewise.search.core.history import Trial
from lanewise.search.core.states import (
    CANCELLED,
    COMPLETED,
    FAILED,
    PAUSED,
    RUNNING,
    STOPPED,
    WAITING,
)
from lanewise.search.store.journal import Record
from lanewise.search.store.view import View

WINDOW = 60.0  # seconds over which rates are taken
LEAST = 1.0  # seconds before there is a rate
OPEN = "open"  # what a running trial is called while nobody works on the sweep
STATUSES = (RUNNING, WAITING, PAUSED, COMPLETED, STOPPED, FAILED, CANCELLED)


class Done(NamedTuple):
    """What one record added."""

    at: float
    trials: int  # ended by it
    epochs: int


@dataclass(frozen=True)
class Snapshot:
    """The numbers of a moment. Rates and what is left are None while there is no telling.

    Attributes:
        at: seconds since 1970; where nobody works on the sweep, those of its last record.
        is_live: whether somebody works on it.
        lanes: of packs, that train a trial; None where trials do not train as lanes.
    """

    at: float
    is_live: bool
    counts: dict[str, int]
    best: str
    trials_per_minute: float | None
    epochs_per_minute: float | None
    elapsed: float  # seconds, pauses between sessions left out
    left: float | None  # seconds, an estimate
    done: float | None  # share of the budget
    lanes: int | None = None


class Feed:
    """Follows one sweep's journal.

    Args:
        view: not yet refreshed (``unread_view``); the feed refreshes it.

    Attributes:
        ended: the trials that have ended, in the order of their end.
        path: (trials ended before, value) whenever the best so far became better.
        failures: how many attempts failed, by kind; ``newest`` is the last of them.
        since: trial -> when its attempt under way began.
        same: settings (as words) that all trials share.
        rows: that the metrics of each part stand for.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.rows = rows_of(view.launch)
        self.ended: list[Trial] = []
        self.path: list[tuple[int, float]] = []
        self.failures: Counter[str] = Counter()
        self.newest: tuple[int, Failure] | None = None
        self.since: dict[int, float] = {}
        self.same: dict[str, str] | None = None
        self._epochs: dict[int, int] = {}
        self._open: dict[int, None] = {}
        self._recent: deque[Done] = deque()
        self._working: float | None = None  # when the session's first trial began

    def refresh(self) -> bool:
        """Takes the new records in; whether there were any."""
        records = self.view.refresh()
        for record in records:
            self._take(record)
        return bool(records)

    def _take(self, record: Record) -> None:
        match record.event:
            case ev.Opened():
                self._recent.clear()
                self._working = None
            case ev.Asked(number, params):
                self._begin(number, record.at)
                self._compare(dict(settings(params, digits=4)))
            case ev.Resumed(number, Stop()):
                self._end(number, record.at)
            case ev.Rerun(number) | ev.Resumed(number):
                self._begin(number, record.at)
            case ev.Reported(number, rows, decision):
                self._report(number, rows, record.at)
                if isinstance(decision, Stop):
                    self._end(number, record.at)
            case ev.Completed(number):
                self._end(number, record.at)
            case ev.Failed(number, failure, retry):
                self.failures[failure.kind] += 1
                self.newest = number, failure
                if not retry:
                    self._end(number, record.at)
            case ev.Closed():
                for number in list(self._open):
                    self._end(number, record.at)

    def _begin(self, number: int, at: float) -> None:
        self.since[number] = at
        self._open[number] = None
        if self._working is None:
            self._working = at

    def _compare(self, config: dict[str, str]) -> None:
        if self.same is None:
            self.same = config
        elif self.same:
            self.same = {k: v for k, v in self.same.items() if config.get(k) == v}

    def _report(self, number: int, rows: tuple[ev.Row, ...], at: float) -> None:
        if not rows:
            return
        objective = self.view.spec.objective
        before = self._epochs.get(number, 0)
        self._epochs[number] = rows[-1][0]
        self._recent.append(Done(at, 0, rows[-1][0] - before))
        for _, metrics in rows:
            value = metrics[objective.metric]
            if not self.path or objective.score(value) > objective.score(self.path[-1][1]):
                self.path.append((len(self.ended), value))

    def _end(self, number: int, at: float) -> None:
        del self._open[number]
        self.ended.append(self.view.history.trials[number])
        self._recent.append(Done(at, 1, 0))

    # -- numbers -----------------------------------------------------------------------------

    def read(self, now: float, *, is_live: bool = True) -> Snapshot:
        """The numbers at ``now`` (seconds since 1970).

        Args:
            is_live: whether time goes on: a controller has the sweep.
        """
        trials, epochs = self._rates(now) if is_live else (None, None)
        last = max(self.view.last_at, self.view.launched_at)
        at = max(now, last) if is_live else last
        elapsed = running_seconds(self.view) + at - last
        statuses = Counter(trial.status for trial in self.view.history)
        names = {RUNNING: RUNNING if is_live else OPEN}
        return Snapshot(
            at=at,
            is_live=is_live,
            counts={names.get(name, name): statuses[name] for name in STATUSES},
            best=self._best(),
            trials_per_minute=None if trials is None else 60 * trials,
            epochs_per_minute=None if epochs is None else 60 * epochs,
            elapsed=elapsed,
            left=self._left(trials, epochs, elapsed) if is_live else None,
            done=self._done(elapsed),
            lanes=len(self.view.history.running) if is_live and self._is_packed else None,
        )

    @property
    def is_working(self) -> bool:
        """Whether a trial has begun in this session."""
        return self._working is not None

    @property
    def _is_packed(self) -> bool:
        opened = self.view.history.opened
        return opened is not None and opened.executor == "packed"

    def _rates(self, now: float) -> tuple[float | None, float | None]:
        """Trials and epochs per second over the last minute of this session."""
        while self._recent and now - self._recent[0].at > WINDOW:
            self._recent.popleft()
        span = 0.0 if self._working is None else min(WINDOW, now - self._working)
        if span < LEAST:
            return None, None
        trials = sum(done.trials for done in self._recent)
        return trials / span, sum(done.epochs for done in self._recent) / span

    def _best(self) -> str:
        trial, name = self.view.history.best, self.view.spec.objective.metric
        if trial is None or trial.best is None:
            return ""
        value = metric(name, trial.best[1], self.rows)
        return f"{name} {value} (trial {trial.number}, epoch {trial.best[0]})"

    def _left(self, trials: float | None, epochs: float | None, elapsed: float) -> float | None:
        """Until the budget that is used up first."""
        budget, spent = self.view.spec.budget, self.view.history.spent
        left = []
        if budget.trials and trials:
            running = self.view.history.granted / epochs if epochs else 0.0
            left.append(max((budget.trials - self._at_rest) / trials, running))
        if budget.total_epochs and epochs:
            left.append((budget.total_epochs - spent) / epochs)
        if budget.time:
            left.append(budget.time - elapsed)
        return max(0.0, min(left)) if left else None

    @property
    def _at_rest(self) -> int:
        """Trials that have ended or are paused: most of these never go on."""
        return len(self.ended) + self.view.history.paused_count

    def _done(self, elapsed: float) -> float | None:
        budget, shares = self.view.spec.budget, []
        if budget.trials:
            shares.append(self._at_rest / budget.trials)
        if budget.total_epochs:
            shares.append(self.view.history.spent / budget.total_epochs)
        if budget.time:
            shares.append(elapsed / budget.time)
        return min(1.0, max(shares)) if shares else None
