"""Live progress of a running sweep, read from the journal by a thread that never disturbs it."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dashboards.words import duration, number
from search.history import CANCELLED, COMPLETED, FAILED, RUNNING, STOPPED, WAITING
from search.home import Home
from search.journal import Journal
from search.view import View, open_view

EVERY = 0.5  # seconds between looks
PLAIN_EVERY = 5.0  # seconds between lines without a terminal
WINDOW = 60.0  # seconds over which rates are taken


class Sample(NamedTuple):
    """What had been done at a moment."""

    at: float
    trials: int  # ended
    epochs: int


class Snapshot(NamedTuple):
    """What a progress display says."""

    counts: dict[str, int]
    best: str
    trials_per_minute: float | None
    epochs_per_second: float | None
    elapsed: float
    left: float | None  # seconds, an estimate
    done: float | None  # share of the budget


class Gauge:
    """Turns a view into snapshots; keeps the samples from which rates are taken."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._samples: deque[Sample] = deque()

    def read(self, now: float) -> Snapshot:
        """The state of things at ``now`` (seconds since 1970)."""
        history = self.view.history
        ended = history.count(COMPLETED, STOPPED, FAILED, CANCELLED)
        self._samples.append(Sample(now, ended, history.spent))
        while now - self._samples[0].at > WINDOW:
            self._samples.popleft()
        trials, epochs = self._rates()
        elapsed = self._elapsed(now)
        named = (RUNNING, WAITING, COMPLETED, STOPPED, FAILED, CANCELLED)
        return Snapshot(
            counts={name: history.count(name) for name in named},
            best=self._best(),
            trials_per_minute=None if trials is None else 60 * trials,
            epochs_per_second=epochs,
            elapsed=elapsed,
            left=self._left(ended, trials, epochs, elapsed),
            done=self._done(ended, elapsed),
        )

    def _rates(self) -> tuple[float | None, float | None]:
        """Trials and epochs per second; None until there is something to go by."""
        first, last = self._samples[0], self._samples[-1]
        span = last.at - first.at
        if span < 2 * EVERY:
            return None, None
        return (last.trials - first.trials) / span, (last.epochs - first.epochs) / span

    def _elapsed(self, now: float) -> float:
        sessions = self.view.sessions
        if not sessions:
            return now - self.view.launched_at
        return sum(end - start for start, end in sessions[:-1]) + now - sessions[-1][0]

    def _best(self) -> str:
        trial, metric = self.view.history.best, self.view.spec.objective.metric
        if trial is None or trial.best is None:
            return ""
        return f"{metric} {number(trial.best[1])} (trial {trial.number}, epoch {trial.best[0]})"

    def _left(
        self, ended: int, trials: float | None, epochs: float | None, elapsed: float
    ) -> float | None:
        """Until the budget that is used up first."""
        budget, spent = self.view.spec.budget, self.view.history.spent
        left = []
        if budget.trials and trials:
            left.append((budget.trials - ended) / trials)
        if budget.total_epochs and epochs:
            left.append((budget.total_epochs - spent) / epochs)
        if budget.time:
            left.append(budget.time - elapsed)
        return max(0.0, min(left)) if left else None

    def _done(self, ended: int, elapsed: float) -> float | None:
        budget, shares = self.view.spec.budget, []
        if budget.trials:
            shares.append(ended / budget.trials)
        if budget.total_epochs:
            shares.append(self.view.history.spent / budget.total_epochs)
        if budget.time:
            shares.append(elapsed / budget.time)
        return min(1.0, max(shares)) if shares else None


class Progress:
    """Shows a running sweep while its ``with`` block runs.

    A terminal gets a few lines that renew themselves; anything else gets a plain line when
    something has changed, at most every five seconds. An error in here ends the display with one
    line, never the sweep.
    """

    def __init__(self, home: Home, sweep_id: str, console: Console) -> None:
        self.home = home
        self.sweep_id = sweep_id
        self.console = console
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            # No refreshing thread of its own: this one says when.
            live = Live(console=self.console, auto_refresh=False, transient=True)
            live.start()
            self._live = live
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        if self._live is not None:
            self._live.stop()

    def _run(self) -> None:
        journal: Journal | None = None
        try:
            journal = self.home.journal()
            self._follow(Gauge(open_view(journal, self.sweep_id)))
        except Exception as error:
            reason = str(error).split("\n")[0] or type(error).__name__
            self.console.print(Text(f"progress is not shown any more: {reason}"), soft_wrap=True)
        finally:
            if journal is not None:
                journal.close()

    def _follow(self, gauge: Gauge) -> None:
        said, line = -PLAIN_EVERY, ""
        ending = False
        while not ending:
            ending = self._stop.wait(EVERY)
            gauge.view.refresh()
            snapshot = gauge.read(time.time())
            if self._live is not None:
                self._live.update(rendered(snapshot), refresh=True)
                continue
            news = told(snapshot)
            due = ending or time.monotonic() - said >= PLAIN_EVERY
            if due and news != line:
                said, line = time.monotonic(), news
                clock = f"[{duration(snapshot.elapsed)}] "
                self.console.print(Text(clock + news), soft_wrap=True)


def told(snapshot: Snapshot) -> str:
    """The snapshot in one line, without what changes by itself."""
    parts = [_counts(snapshot)]
    if snapshot.best:
        parts.append(f"best {snapshot.best}")
    return " · ".join(parts)


def rendered(snapshot: Snapshot) -> Group:
    """The snapshot as a few lines for a terminal."""
    lines: list[Text | Table] = [_clock(snapshot), Text(_counts(snapshot))]
    if snapshot.best:
        lines.append(Text(f"best {snapshot.best}", style="bold"))
    return Group(*lines)


def _counts(snapshot: Snapshot) -> str:
    parts = [f"{count} {name}" for name, count in snapshot.counts.items() if count]
    return "trials: " + (", ".join(parts) or "none yet")


def _clock(snapshot: Snapshot) -> Table:
    parts = [duration(snapshot.elapsed)]
    if snapshot.left is not None:
        parts.append(f"about {duration(snapshot.left)} left")
    if snapshot.trials_per_minute:
        parts.append(f"{snapshot.trials_per_minute:.3g} trials/min")
    if snapshot.epochs_per_second:
        parts.append(f"{snapshot.epochs_per_second:.3g} epochs/s")
    grid = Table.grid(padding=(0, 1))
    words = Text(" · ".join(parts))
    if snapshot.done is None:
        grid.add_row(words)
    else:
        bar = ProgressBar(total=1.0, completed=snapshot.done, width=20)
        grid.add_row(bar, Text(f"{snapshot.done:4.0%}"), words)
    return grid
