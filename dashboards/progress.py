"""Live progress of a running sweep, read from the journal by a thread that never disturbs it."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lanewise.dashboards.board import header, in_states, rates_of
from lanewise.dashboards.feed import Feed, Snapshot
from lanewise.dashboards.words import duration
from lanewise.search.home import Home
from lanewise.search.journal import Journal
from lanewise.search.view import unread_view

EVERY = 0.5  # seconds between looks
PLAIN_EVERY = 5.0  # seconds between lines without a terminal


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
            self._follow(Feed(unread_view(journal, self.sweep_id)))
        except Exception as error:
            reason = str(error).split("\n")[0] or type(error).__name__
            self.console.print(Text(f"progress is not shown any more: {reason}"), soft_wrap=True)
        finally:
            if journal is not None:
                journal.close()

    def _follow(self, feed: Feed) -> None:
        said, line = -PLAIN_EVERY, ""
        ending = False
        while not ending:
            ending = self._stop.wait(EVERY)
            feed.refresh()
            snapshot = feed.read(time.time())
            if self._live is not None:
                lines = header(feed, snapshot, self.console.width)
                self._live.update(Group(*lines), refresh=True)
                continue
            news = told(snapshot)
            due = ending or time.monotonic() - said >= PLAIN_EVERY
            if due and news != line:
                said, line = time.monotonic(), news
                self.console.print(clocked(snapshot, news), soft_wrap=True)


def told(snapshot: Snapshot) -> str:
    """The snapshot in one line, without what changes by itself."""
    best = f" · best {snapshot.best}" if snapshot.best else ""
    return f"trials: {in_states(snapshot)}{best}"


def clocked(snapshot: Snapshot, news: str) -> Text:
    """A plain line, with the time that the sweep has taken, its rate and what is left."""
    parts = [news, rates_of(snapshot)]
    if snapshot.left is not None:
        parts.append(f"about {duration(snapshot.left)} left")
    return Text(f"[{duration(snapshot.elapsed)}] " + " · ".join(part for part in parts if part))
