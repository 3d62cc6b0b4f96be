"""``lanewise watch``: a sweep as it runs, from any terminal that sees its home.

Reads the journal as every view does and writes nothing: whether anyone watches makes no difference
to the sweep, and leaving ends the view only.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lanewise.dashboards.board import Setting, screen
from lanewise.dashboards.feed import Feed, Snapshot
from lanewise.dashboards.phases import IN_TRAINING, Phase, phase_of
from lanewise.dashboards.progress import clocked, told
from lanewise.dashboards.state import pending, read_cursor
from lanewise.dashboards.summary import summary
from lanewise.search.store.home import Home

QUIET = 12.0  # seconds: a controller writes a record at least every 5, but for its start
FAR_QUIET = 90.0  # the same of a controller on another host, where its lock may not be seen
DRAINING = 30.0  # seconds that the end waits for MLflow

LEAVE = "Ctrl-C leaves this view; the sweep goes on"
LEAVE_FOR_GOOD = "Ctrl-C leaves this view"
RESTING = ("interrupted", "done", "failed")


@dataclass
class Watcher:
    """One sweep and where it lies.

    Args:
        resume: the command that goes on with the sweep, as a person would type it here.
    """

    feed: Feed
    home: Home
    resume: str

    def looks(self, interval: float) -> Iterator[tuple[str, Snapshot]]:
        """(status, numbers) now and every ``interval`` seconds, until the sweep has ended and
        MLflow shows it. The status may also be starting or resuming.
        """
        while True:
            now = time.time()
            self.feed.refresh()
            status = self._status(now)
            yield status, self.feed.read(now, is_live=status == "running")
            view = self.feed.view
            if view.history.closed and (now - view.last_at > DRAINING or not self._pending):
                return
            time.sleep(interval)

    def setting(self, status: str) -> Setting:
        """What stands around the numbers on a screen."""
        notes = [self._mlflow()]
        if status == "interrupted":
            notes += ["nobody works on it any more; go on with:", self.resume]
        leave = LEAVE_FOR_GOOD if status in RESTING else LEAVE
        return Setting(status, self._where(), [*notes, leave], self.phase(status))

    def phase(self, status: str) -> Phase:
        """What a sweep with this status does; of one that nobody works on, nothing is said."""
        if status != "running":
            return IN_TRAINING
        return phase_of(self.feed.view, self.home, is_working=self.feed.is_working)

    def _status(self, now: float) -> str:
        view = self.feed.view
        if view.history.closed:
            return view.history.closed.status
        is_left = view.history.interrupted is not None
        # Looking at the lock takes it for a moment: only where the journal leaves a doubt.
        if not is_left and view.history.opened and now - view.last_at < QUIET:
            return "running"
        if not self._has_controller(now):
            return "interrupted"
        if is_left:
            return "resuming"
        return "running" if view.history.opened else "starting"

    def _has_controller(self, now: float) -> bool:
        view = self.feed.view
        if self.home.has_controller(view.launch.sweep):
            return True
        return self._is_far and not view.history.interrupted and now - view.last_at < FAR_QUIET

    @property
    def _is_far(self) -> bool:
        return self._host not in (None, socket.gethostname())

    @property
    def _host(self) -> str | None:
        opened = self.feed.view.history.opened
        return opened.details.get("host") if opened else None

    def _where(self) -> str:
        opened = self.feed.view.history.opened
        if opened is None:
            return ""
        return f"{opened.executor} on {self._host}" if self._is_far else opened.executor

    @property
    def _pending(self) -> int:
        view = self.feed.view
        return pending(self.home, view.launch.sweep, view.journal)

    def _mlflow(self) -> str:
        if error := read_cursor(self.home, self.feed.view.launch.sweep).error:
            return f"MLflow: {error}"
        left = self._pending
        return f"MLflow is {left} records behind" if left else "MLflow shows everything"


def on_screen(watcher: Watcher, console: Console, interval: float) -> str:
    """Fills the terminal until the sweep ends; returns its status."""
    status = ""
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for status, snapshot in watcher.looks(interval):
            lines = screen(
                watcher.feed,
                snapshot,
                watcher.setting(status),
                console.width,
                console.height,
            )
            live.update(Group(*lines), refresh=True)
    return status


def in_lines(watcher: Watcher, console: Console, interval: float, *, as_json: bool = False) -> str:
    """Writes a line at every change until the sweep ends or is left; returns its status.

    Args:
        as_json: the line is a JSON object, as ``show --json`` prints it, and the seconds left.
    """
    said = status = ""
    for status, snapshot in watcher.looks(interval):
        news = told(snapshot) if status == "running" else f"{status}: {told(snapshot)}"
        if news != said:
            said = news
            plain = clocked(snapshot, news, watcher.phase(status))
            line = _as_json(watcher, status, snapshot) if as_json else plain
            console.print(line, soft_wrap=True)
        if status == "interrupted":
            return status  # nobody is there to wait for a resume
    return status


def _as_json(watcher: Watcher, status: str, snapshot: Snapshot) -> Text:
    body = summary(watcher.feed.view, watcher.home)
    left = None if snapshot.left is None else round(snapshot.left, 3)
    return Text(json.dumps({**body, "status": status, "seconds_left": left}))
