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

from lanewise.dashboards.errors import ProjectionError, ReplacedError
from lanewise.dashboards.projection import Projection
from lanewise.dashboards.reasons import in_one_line
from lanewise.dashboards.reasons import is_permanent as is_permanent_reason
from lanewise.dashboards.reporter import Reporter
from lanewise.dashboards.shared_view import view_key
from lanewise.dashboards.state import DUE, Cursor, local_uri, mask, read_cursor, write_cursor
from lanewise.dashboards.wishes import grant, wishes
from lanewise.search.core.events import Launched
from lanewise.search.errors import SearchError
from lanewise.search.plain import say
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal

if TYPE_CHECKING:
    from lanewise.dashboards.writer import Writer

FIRST_RETRY, LAST_RETRY = 0.5, 15.0  # seconds
PARENT_EVERY = 2.0  # seconds between updates of a running sweep's own run
CURSOR_EVERY = 0.2
LOOK_EVERY = 1.0  # seconds of sending after which the journal is looked at again
PATIENCE = 2.0  # seconds for which news of an open trial may wait for its end
LONGEST = 10.0  # the same while trials that have ended wait
CHECK_EVERY = 30.0  # seconds between looks for runs that a server made twice
# Seconds after a call whose outcome is unknown: until the first look a sweep does not count as
# shown; what a server carries out even later is found by the second one.
LATE, LATEST = 5.0, 45.0


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
        self._made: dict[int | None, str] = {}  # the runs that were made or found so far
        self._repaired: set[int | None] = set()  # whose runs may lack what MLflow was told
        self._checked_at = 0.0
        self._looks: list[float] = []  # when to look for runs that came late

    def step(self) -> bool:
        """Takes in and sends what is new; returns whether anything was.

        Raises:
            Exception: of MLflow or the journal, after which the tail begins again at its cursor.
        """
        try:
            moved = self._step()
        except Exception as error:
            self._note_doubt()
            self.close()
            if isinstance(error, ReplacedError):
                self._made.clear()
                # What it held is not known: all of it is projected again.
                self._put(replace(self.cursor, seq=-1, run_id=None, report=None))
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

    def doubt(self) -> None:
        """A call that another process made may still be carried out."""
        self._looks = [time.monotonic() + LATE, time.monotonic() + LATEST]

    def close(self) -> None:
        """Forgets everything but the cursor."""
        if self._writer is not None:
            self._made |= {n: run.run_id for n, run in self._writer.runs.items() if not run.gone}
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
    def is_shown(self) -> bool:
        """Whether all that is known is in MLflow, the report included."""
        return self.is_drained and not self._is_held and self.cursor.report != DUE

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to be done but to wait for more."""
        return self.is_shown and not self._looks

    @property
    def is_hopeless(self) -> bool:
        """Whether the last attempt met a reason that no waiting helps against."""
        return self.failures > 0 and self.cursor.hopeless_at is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        projection = self._projection
        return self.is_idle and projection is not None and projection.history.closed is not None

    def explained(self, error: Exception) -> str:
        """The error in one line, without secrets."""
        text = in_one_line(error)
        if not isinstance(error, ProjectionError | SearchError):
            text = f"{mask(self.uri)}: {type(error).__name__}: {text}"
        return self._without_secrets(text)[:500]

    # -- one step ----------------------------------------------------------------------------

    def _step(self) -> bool:
        if self._writer is not None:
            self._writer.ensure_current()
        projection = self._projection or self._open()
        records = self.journal.read(self.launch.sweep, projection.seq)
        for record in records:
            projection.take(record)
        if not records:
            self._look_for_controller(projection)
        moved = bool(records) or projection.settled < projection.seq
        self._send(projection)
        if self._has_repaired(projection):
            return True
        self._save(projection, final=True)
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
        made = dict(self._made)
        if self.cursor.run_id is not None:
            made.setdefault(None, self.cursor.run_id)
        writer = Writer(
            self.home,
            self.uri,
            experiment,
            self.launch.sweep,
            revive=self.rebuild,
            remembered=made,
        )
        self._writer = writer
        projection = Projection(self.launch, str(self.home.root))
        self._catch_up(projection, writer)
        self._heal(projection, writer)
        self.rebuild = False
        self._projection = projection
        self.cursor = replace(
            self.cursor, tracking_uri=self._address, experiment_id=writer.experiment_id
        )
        return projection

    def _catch_up(self, projection: Projection, writer: Writer) -> None:
        after = self._believed(writer)
        for record in self.journal.read(self.launch.sweep) if after >= 0 else ():
            if record.seq > after:
                break
            projection.take(record)
        for number in {None, *projection.trials} - writer.repaired - self._repaired:
            if number in writer.runs:
                projection.sent(number)
        self._repaired.clear()
        writer.repaired.clear()
        projection.cut_off = not self.home.has_controller(self.launch.sweep)
        report = self.cursor.report if after >= 0 else None
        self.cursor = replace(self.cursor, seq=after, report=report)

    def _believed(self, writer: Writer) -> int:
        """The cursor's place, or -1 where it speaks of another journal or another MLflow."""
        cursor, parent = self.cursor, writer.runs.get(None)
        # Older releases wrote the address of a home's own database down, too.
        same = cursor.tracking_uri in (self._address, mask(self.uri)) and cursor.run_id is not None
        is_there = parent is not None and parent.run_id == cursor.run_id
        possible = cursor.seq <= self.journal.last(self.launch.sweep)
        return cursor.seq if same and is_there and possible and not self.rebuild else -1

    @property
    def _address(self) -> str | None:
        """Where the sweep is shown, as the cursor has it: a home may move with its database."""
        return None if self.uri == local_uri(self.home) else mask(self.uri)

    def _heal(self, projection: Projection, writer: Writer) -> None:
        """Runs whose status or parent is not what it should be are sent again."""
        for number in [None, *projection.trials] if projection.seq >= 0 else []:
            known = writer.runs.get(number)
            if known is None or known.gone:
                continue
            if known.status != projection.mlflow_status(number) or writer.is_astray(number):
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
        self._grant_wishes(projection, writer)
        ended, open_ = projection.unsent()
        self._send_trials(projection, writer, ended, open_)
        if projection.sweep.unsent is not None and self._parent_is_due(projection):
            self._write(projection, writer, None)
            self._parent_at = time.monotonic()

    def _grant_wishes(self, projection: Projection, writer: Writer) -> None:
        """Runs that a trial's own code waits for, to log to them."""
        for number in wishes(self.home, self.launch.sweep):
            if number is not None and number not in projection.trials:
                continue  # its record has not been read yet
            if projection.draft(number).unsent is not None:
                self._write(projection, writer, number)
            grant(self.home, self.launch.sweep, number)

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

    # -- runs that were made twice -----------------------------------------------------------

    def _note_doubt(self) -> None:
        """A run was asked for and no answer came: it may be there, or come later."""
        if self._writer is not None and self._writer.has_doubt:
            self._writer.has_doubt = False
            self.doubt()

    @property
    def _is_held(self) -> bool:
        """Whether a run may still come that was asked for a moment ago."""
        return len(self._looks) > 1

    def _has_repaired(self, projection: Projection) -> bool:
        """Looks for runs that were made twice, when it is time; whether some have to be sent anew.

        While the sweep runs from time to time, at its end before it counts as shown.
        """
        writer, now = self._writer, time.monotonic()
        assert writer is not None
        self._note_doubt()
        at_rest = projection.settled == projection.seq and projection.status != "running"
        if self._looks and self._looks[0] <= now:
            writer.check(whole=True)
            self._looks = [at for at in self._looks if at > now]
        elif not writer.is_checked and (at_rest or now - self._checked_at >= CHECK_EVERY):
            writer.check()
            self._checked_at = now
        if not writer.repaired:
            return False
        self._repaired |= writer.repaired
        self.close()
        return True

    def _save(self, projection: Projection, *, final: bool = False) -> None:
        """Moves the cursor to before the first record that some run still lacks."""
        assert self._writer is not None
        now = time.monotonic()
        if not final and now - self._cursor_at < CURSOR_EVERY:
            return
        self._cursor_at = now
        parent, seq = self._writer.runs.get(None), projection.settled
        if self._is_held and projection.status != "running":
            seq = min(seq, projection.seq - 1)
        at_rest = seq == projection.seq and projection.status != "running"
        if seq != self.cursor.seq:
            self._writer.flush()
        self._put(
            replace(
                self.cursor,
                seq=seq,
                run_id=parent.run_id if parent else None,
                error=None,
                hopeless_at=None,
                report=self._reporter.state(self.cursor, seq, at_rest=at_rest),
                has_view=view_key(self.launch.sweep) in self._writer.experiment_tags,
            )
        )

    def _report(self, projection: Projection) -> None:
        """The last step of a sweep: all else has been sent."""
        assert self._writer is not None
        if (ended := self._reporter.step(self._writer, projection.seq)) is not None:
            self._put(replace(self.cursor, report=ended))

    def _note(self, error: Exception) -> None:
        is_permanent = is_permanent_reason(error)
        wait = min(LAST_RETRY, FIRST_RETRY * 2 ** min(self.failures, 10))
        wait = LAST_RETRY if is_permanent else wait
        self.failures += 1
        self.retry_at = time.monotonic() + wait
        # The first failure in full; an outage of hours must not fill the disk with the same text.
        text = self._without_secrets(traceback.format_exc()) if self.failures == 1 else ""
        say(text or self.explained(error))
        hopeless_at = time.time() if is_permanent else None
        with suppress(OSError):
            self._put(replace(self.cursor, error=self.explained(error), hopeless_at=hopeless_at))

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
