"""One sweep on its way from the journal to MLflow.

Crash-only: whatever goes wrong, the tail throws its picture away and starts again from the cursor;
projecting twice is harmless.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.projection import Projection
from lanewise.dashboards.reporter import Reporter
from lanewise.dashboards.state import DUE, Cursor, mask, read_cursor, write_cursor
from lanewise.search.errors import SearchError
from lanewise.search.events import Launched
from lanewise.search.home import Home
from lanewise.search.journal import Journal
from lanewise.search.plain import say

if TYPE_CHECKING:
    from lanewise.dashboards.writer import Writer

FIRST_RETRY, LAST_RETRY = 0.5, 15.0  # seconds
PARENT_EVERY = 2.0  # seconds between updates of a running sweep's own run
CURSOR_EVERY = 0.2
LOOK_EVERY = 1.0  # seconds of sending after which the journal is looked at again
PATIENCE = 2.0  # seconds for which news of an open trial may wait for its end
LONGEST = 10.0  # the same while trials that have ended wait


class Tail:
    """One sweep on its way to MLflow.

    Args:
        uri: the tracking URI with its password.
        rebuild: ignore the cursor and project everything again.
        at_once: send the news of open trials without waiting for more.
    """

    def __init__(
        self,
        home: Home,
        journal: Journal,
        launch: Launched,
        uri: str,
        *,
        rebuild: bool = False,
        at_once: bool = False,
    ) -> None:
        self.home = home
        self.journal = journal
        self.launch = launch
        self.uri = uri
        self.rebuild = rebuild
        self.at_once = at_once
        self.cursor = read_cursor(home, launch.sweep)
        self.retry_at = 0.0
        self.failures = 0
        self._projection: Projection | None = None
        self._writer: Writer | None = None
        self._reporter = Reporter(home, launch)
        self._parent_at = 0.0
        self._cursor_at = 0.0
        self._since: dict[int, float] = {}  # open trial -> when its news began to wait

    def step(self) -> bool:
        """Takes in and sends what is new; returns whether anything was.

        Raises:
            Exception: of MLflow or the journal, after which the tail begins again at its cursor.
        """
        try:
            moved = self._step()
        except Exception:
            self.close()
            raise
        self.failures = 0
        return moved

    def attempt(self) -> bool:
        """``step`` for a process that goes on: errors are noted, and it waits before the next."""
        if time.monotonic() < self.retry_at:
            return False
        try:
            return self.step()
        except Exception as error:
            self._note(error)
            return False

    def close(self) -> None:
        """Forgets everything but the cursor."""
        if self._writer is not None:
            self._writer.close()
        self._reporter.close()
        self._projection = self._writer = None
        self._since.clear()

    @property
    def is_drained(self) -> bool:
        """Whether MLflow shows all that the tail has read, and it has read all there was."""
        projection = self._projection
        return projection is not None and projection.settled == projection.seq

    @property
    def is_running(self) -> bool:
        """Whether somebody works on the sweep, as far as the tail has read."""
        return self._projection is not None and self._projection.status == "running"

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to be done but to wait for more."""
        return self.is_drained and self.cursor.report != DUE

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        projection = self._projection
        return self.is_idle and projection is not None and projection.history.closed is not None

    def explained(self, error: Exception) -> str:
        """The error in one line, without secrets."""
        text = str(error).strip().split("\n")[0] or type(error).__name__
        if not isinstance(error, ProjectionError | SearchError):
            text = f"{mask(self.uri)}: {type(error).__name__}: {text}"
        return self._without_secrets(text)[:500]

    # -- one step ----------------------------------------------------------------------------

    def _step(self) -> bool:
        projection = self._projection or self._open()
        records = self.journal.read(self.launch.sweep, projection.seq)
        for record in records:
            projection.take(record)
        if not records:
            self._look_for_controller(projection)
        moved = bool(records) or projection.settled < projection.seq
        self._send(projection)
        if self.cursor.report == DUE:
            self._report(projection)
        return moved

    def _open(self) -> Projection:
        """Connects, reads all up to the cursor, and believes that MLflow has it."""
        from lanewise.dashboards.writer import (
            Writer,  # seconds, and only where something is to be done
        )

        recorded = self.launch.details.get("mlflow") or {}
        experiment = str(recorded.get("experiment") or "lanewise")
        writer = Writer(self.home, self.uri, experiment, self.launch.sweep, revive=self.rebuild)
        self._writer = writer
        projection = Projection(self.launch, str(self.home.root))
        self._catch_up(projection, writer)
        self._heal(projection, writer)
        self.rebuild = False
        self._projection = projection
        self.cursor = replace(
            self.cursor, tracking_uri=mask(self.uri), experiment_id=writer.experiment_id
        )
        return projection

    def _catch_up(self, projection: Projection, writer: Writer) -> None:
        after = self._believed(writer)
        for record in self.journal.read(self.launch.sweep) if after >= 0 else ():
            if record.seq > after:
                break
            projection.take(record)
        for number in [None, *projection.trials]:
            if number in writer.runs:
                projection.sent(number)
        projection.cut_off = not self.home.has_controller(self.launch.sweep)
        report = self.cursor.report if after >= 0 else None
        self.cursor = replace(self.cursor, seq=after, report=report)

    def _believed(self, writer: Writer) -> int:
        """The cursor's place, or -1 where it speaks of another journal or another MLflow."""
        cursor, parent = self.cursor, writer.runs.get(None)
        same = cursor.tracking_uri == mask(self.uri) and cursor.run_id is not None
        is_there = parent is not None and parent.run_id == cursor.run_id
        possible = cursor.seq <= self.journal.last(self.launch.sweep)
        return cursor.seq if same and is_there and possible and not self.rebuild else -1

    def _heal(self, projection: Projection, writer: Writer) -> None:
        """Runs whose status is not what it should be are sent again."""
        for number in [None, *projection.trials] if projection.seq >= 0 else []:
            known = writer.runs.get(number)
            if known and not known.gone and known.status != projection.mlflow_status(number):
                projection.draft(number).touch(projection.seq)

    def _look_for_controller(self, projection: Projection) -> None:
        """A controller that was killed says so nowhere; its runs must not stay RUNNING."""
        cut_off = not self.home.has_controller(self.launch.sweep)
        if cut_off != projection.cut_off:
            projection.cut_off = cut_off
            if projection.history.closed is None:
                projection.touch_all()

    def _send(self, projection: Projection) -> None:
        """The sweep's run first, since the trials' runs point to it."""
        writer = self._writer
        assert writer is not None
        if None not in writer.runs:
            self._write(projection, writer, None)
        ended, open_ = projection.unsent()
        self._send_trials(projection, writer, ended, open_)
        if projection.sweep.unsent is not None and self._parent_is_due(projection):
            self._write(projection, writer, None)
            self._parent_at = time.monotonic()
        self._save(projection, final=True)

    def _send_trials(
        self, projection: Projection, writer: Writer, ended: list[int], open_: list[int]
    ) -> None:
        """Those that have ended first, and for a while: what comes meanwhile may end others."""
        until = time.monotonic() + LOOK_EVERY
        left = len(ended)
        for number in ended:
            self._write(projection, writer, number)
            self._save(projection)
            left -= 1
            if time.monotonic() > until:
                break
        for number in self._due(projection, open_, LONGEST if left else PATIENCE):
            self._write(projection, writer, number)
            self._save(projection)

    def _due(self, projection: Projection, open_: list[int], patience: float) -> list[int]:
        """Open trials whose news has waited; of one that ends soon, only the end is sent."""
        if self.at_once or projection.status != "running":
            return open_
        now = time.monotonic()
        self._since = {number: self._since.get(number, now) for number in open_}
        return [number for number, since in self._since.items() if now - since >= patience]

    def _parent_is_due(self, projection: Projection) -> bool:
        """While the sweep runs from time to time; its end behind those of all trials."""
        if projection.status == "running":
            return time.monotonic() - self._parent_at >= PARENT_EVERY
        return not any(projection.unsent())

    def _write(self, projection: Projection, writer: Writer, number: int | None) -> None:
        writer.write(projection.run(number))
        projection.sent(number)
        if number is not None:
            self._since.pop(number, None)

    def _save(self, projection: Projection, *, final: bool = False) -> None:
        """Moves the cursor to before the first record that some run still lacks."""
        assert self._writer is not None
        now = time.monotonic()
        if not final and now - self._cursor_at < CURSOR_EVERY:
            return
        self._cursor_at = now
        parent, seq = self._writer.runs.get(None), projection.settled
        at_rest = seq == projection.seq and projection.status != "running"
        if seq != self.cursor.seq:
            self._writer.flush()
        self._put(
            replace(
                self.cursor,
                seq=seq,
                run_id=parent.run_id if parent else None,
                error=None,
                report=self._reporter.state(self.cursor, seq, at_rest=at_rest),
            )
        )

    def _report(self, projection: Projection) -> None:
        """The last step of a sweep: all else has been sent."""
        assert self._writer is not None
        if (ended := self._reporter.step(self._writer, projection.seq)) is not None:
            self._put(replace(self.cursor, report=ended))

    def _note(self, error: Exception) -> None:
        wait = min(LAST_RETRY, FIRST_RETRY * 2 ** min(self.failures, 10))
        self.failures += 1
        self.retry_at = time.monotonic() + wait
        # The first failure in full; an outage of hours must not fill the disk with the same text.
        text = self._without_secrets(traceback.format_exc()) if self.failures == 1 else ""
        say(text or self.explained(error))
        with suppress(OSError):
            self._put(replace(self.cursor, error=self.explained(error)))

    def _put(self, cursor: Cursor) -> None:
        with suppress(SearchError):
            drained = self.journal.last(self.launch.sweep) <= cursor.seq
            at = (self.cursor.drained_at or time.time()) if drained else None
            cursor = replace(cursor, drained_at=at)
        if cursor != self.cursor:
            write_cursor(self.home, self.launch.sweep, cursor)
            self.cursor = cursor

    def _without_secrets(self, text: str) -> str:
        masked = mask(self.uri)
        if masked == self.uri:
            return text
        text = text.replace(self.uri, masked)
        for secret in _secrets(self.uri, masked):
            text = text.replace(secret, "***")
        return text


def _secrets(uri: str, masked: str) -> Iterator[str]:
    """The parts of the URI that its mask hides, as written and as decoded."""
    first, *others = masked.split("***")
    rest = uri.removeprefix(first)
    for kept in others:
        secret, _, rest = rest.partition(kept) if kept else (rest, "", "")
        yield from {secret, unquote(secret)} - {""}
