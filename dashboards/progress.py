"""Live progress of a running sweep, read from the journal by a thread that never disturbs it."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lanewise.dashboards.board import header, in_states, left_of, named, rates_of
from lanewise.dashboards.feed import Feed, Snapshot
from lanewise.dashboards.phases import IN_TRAINING, Phase, phase_of
from lanewise.dashboards.words import duration
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal
from lanewise.search.store.view import unread_view

EVERY = 0.5  # seconds between looks
PLAIN_EVERY = 5.0  # seconds between lines without a terminal
MOMENT = 1.0  # seconds that need no explanation
LONG_MOMENT = 20.0  # the same in a log, where a mistake found by then is the only line


class Waiting:
    """Says what goes on while its ``with`` block runs, once that takes longer than a moment."""

    def __init__(self, what: str, console: Console) -> None:
        self._what, self._console = what, console
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="waiting", daemon=True)

    def __enter__(self) -> Waiting:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        began = time.monotonic()
        if self._stop.wait(MOMENT if self._console.is_terminal else LONG_MOMENT):
            return
        if not self._console.is_terminal:
            self._console.print(Text(self._what), soft_wrap=True)
            return
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while not self._stop.wait(EVERY):
                words = f"{self._what} · {duration(time.monotonic() - began)}"
                live.update(named("now", words), refresh=True)


class Progress:
    """Shows a running sweep while its ``with`` block runs, and in which phase it is.

    A terminal gets a few lines that renew themselves; anything else gets a plain line at each new
    phase, and when something has changed, at most every five seconds. An error in here ends the
    display with one line, never the sweep.
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
            self._follow(Feed(unread_view(journal, self.sweep_id)))
        except Exception as error:
            reason = str(error).split("\n")[0] or type(error).__name__
            self.console.print(Text(f"progress is not shown any more: {reason}"), soft_wrap=True)
        finally:
            if journal is not None:
                journal.close()

    def _follow(self, feed: Feed) -> None:
        said, line, phase = -PLAIN_EVERY, "", ""
        ending = False
        while not ending:
            ending = self._stop.wait(EVERY)
            feed.refresh()
            snapshot = feed.read(time.time())
            now = phase_of(feed.view, self.home, is_working=feed.is_working)
            if self._live is not None:
                lines = header(feed, snapshot, self.console.width, now)
                self._live.update(Group(*lines), refresh=True)
                continue
            is_new, phase, news = now.name != phase, now.name, told(snapshot)
            is_late = now.is_training and time.monotonic() - said >= PLAIN_EVERY
            has_trials = len(feed.view.history) > 0
            if news != line and (ending or is_late or (is_new and has_trials)):
                said, line = time.monotonic(), news
                self.console.print(clocked(snapshot, news, now), soft_wrap=True)
            if is_new and not (now.is_training or ending):
                self.console.print(clocked(snapshot, now.name, now), soft_wrap=True)


def told(snapshot: Snapshot) -> str:
    """The snapshot in one line, without what changes by itself."""
    best = f" · best {snapshot.best}" if snapshot.best else ""
    return f"trials: {in_states(snapshot)}{best}"


def clocked(snapshot: Snapshot, news: str, phase: Phase = IN_TRAINING) -> Text:
    """A plain line with the time that the sweep has taken; while it trains, its rate and what is
    left.
    """
    parts = [news]
    if phase.is_training:
        parts += [rates_of(snapshot), left_of(snapshot)]
    return Text(f"[{duration(snapshot.elapsed)}] " + " · ".join(part for part in parts if part))
