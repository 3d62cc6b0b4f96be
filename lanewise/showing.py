"""The projector's process as those who drive a sweep have it: started, waited for, summed up."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from lanewise.dashboards.launcher import start
from lanewise.dashboards.state import (
    is_hopeless,
    lock_path,
    read_cursor,
    wait_drained,
    wait_reported,
)
from lanewise.search.plain import say
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal
from lanewise.search.store.locks import is_locked
from lanewise.search.store.view import open_view

LOOK_EVERY = 1.0  # seconds
LONGEST_PAUSE = 60.0  # seconds before a projector that has died again and again is started again


@dataclass
class Projector:
    """The process that shows a sweep in MLflow; one that dies is started again."""

    home: Home
    sweep: str
    uri: str | None  # an explicit one, with its password
    process: subprocess.Popen[bytes] | None = None
    _began: float = field(default_factory=time.time)
    _starts: int = 0
    _next: float = 0.0
    _looked: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _said: str | None = None

    def start(self) -> None:
        """Starts the process where none serves the home, and looks after it until ``finish``."""
        self._ensure()
        if not self._over.is_set():
            threading.Thread(target=self._watch, name="projector", daemon=True).start()

    def keep_alive(self) -> None:
        """Looks after the process: it is started anew if it has died, at first at once."""
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._ensure()
            self._say_why()

    def finish(self, journal: Journal, patience: float) -> int:
        """Waits until all is shown, or nothing moves for ``patience`` seconds; the rest."""
        self._over.set()
        left = wait_drained(
            self.home,
            journal,
            self.sweep,
            patience=patience,
            keep_alive=self.keep_alive,
            since=self._began,
        )
        if left:
            self._say_why()
        return left

    def finish_report(self, patience: float) -> None:
        """Waits until the report is there or will not come; says so when it takes longer."""
        with suppress(KeyboardInterrupt):  # the sweep is over: what is left out is the report
            if wait_reported(self.home, self.sweep, patience, self.keep_alive):
                return
        say(f"the report is not there yet; later: lanewise report {self.sweep}")

    def _watch(self) -> None:
        # It ends with the sweep's controller, however that ends.
        while not self._over.wait(LOOK_EVERY) and self.home.has_controller(self.sweep):
            with suppress(OSError):  # no process or file to be had now: the next look tries again
                self.keep_alive()

    def _ensure(self) -> None:
        with self._lock:
            if self.process is not None and self.process.poll() is None:
                return
            if is_locked(lock_path(self.home, self.uri)) or time.monotonic() < self._next:
                return
            self._next = time.monotonic() + min(LONGEST_PAUSE, 2.0**self._starts - 1)
            self._starts += 1
            self.process = start(self.home, self.uri)

    def _say_why(self) -> None:
        """A reason that no waiting helps against, once."""
        cursor = read_cursor(self.home, self.sweep)
        if is_hopeless(cursor, self._began) and cursor.error != self._said:
            self._said = cursor.error
            say(f"MLflow does not show it: {cursor.error}; then: lanewise sync {self.sweep}")


def finish(journal: Journal, projector: Projector, status: str) -> dict[str, Any]:
    """Waits for the projection to drain and for the report; the summary of what there is."""
    from lanewise.dashboards.summary import summary

    patience = 10.0 if status == "interrupted" else 60.0
    left = projector.finish(journal, patience)
    if not left:
        projector.finish_report(2 * patience)
    view = open_view(journal, projector.sweep)
    result: dict[str, Any] = summary(view, projector.home, pending=left)
    journal.close()
    return result
