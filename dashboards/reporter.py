"""Builds a sweep's report in a process of its own, beside a projector that goes on meanwhile.

Optuna's plots take seconds to import, and other sweeps of the home must not wait for them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from lanewise.dashboards.state import DUE, LOGGED, NONE, Cursor
from lanewise.search.core.events import Launched
from lanewise.search.plain import say
from lanewise.search.store.home import Home

if TYPE_CHECKING:
    from lanewise.dashboards.writer import Writer

LIMIT = 180.0  # seconds after which a build is given up


class Reporter:
    """The report of one sweep: due when the sweep is at rest, then built, then logged."""

    def __init__(self, home: Home, launch: Launched) -> None:
        self.home = home
        self.sweep = launch.sweep
        self.is_wanted = (launch.details.get("sweep_file") or {}).get("report", True)
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._built = -1  # the record up to which this process built it

    def state(self, cursor: Cursor, seq: int, *, at_rest: bool) -> str | None:
        """What the cursor is to say of the report, once all records up to ``seq`` are sent."""
        if not (self.is_wanted and at_rest):
            self.close()
            return None
        return cursor.report if cursor.report and cursor.seq == seq else DUE

    def step(self, writer: Writer, seq: int) -> str | None:
        """Goes on with a report that is due; how it ended, or None while it is built.

        Raises:
            Exception: of MLflow; what was built stays, and the next step logs it.
        """
        if self._built != seq:
            if self._process is None:
                self._begin()
            problem = self._poll()
            if problem is None:
                return None
            self.close()
            if problem:
                say(f"no report of {self.sweep}: {problem}")
                return NONE
            self._built = seq
        writer.attach(None, self.home.report(self.sweep), "report.html")
        return LOGGED

    def close(self) -> None:
        """Ends the build, if it is still at work."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
        self._process = None

    def _begin(self) -> None:
        command = [sys.executable, "-m", "lanewise.dashboards.report"]
        # It inherits standard error, which is projector.log.
        self._process = subprocess.Popen(
            [*command, "--home", str(self.home.root), "--sweep", self.sweep],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        self._began = time.monotonic()

    def _poll(self) -> str | None:
        """None while it is at work; then why it failed, or ``""``."""
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            return f"its process ended with code {code}" if code else ""
        return (
            f"it took longer than {LIMIT:g} s" if time.monotonic() > self._began + LIMIT else None
        )
