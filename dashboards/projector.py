"""The projector: follows the journal and keeps MLflow as the journal has it.

    python -m dashboards.projector --home DIR

A process of its own, one per home: a second one waits for the lock and takes over. The sweep never
waits for it. It is crash-only: whatever goes wrong, it throws its picture away and starts again
from the cursor; projecting twice is harmless.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote

from dashboards.errors import ProjectionError
from dashboards.projection import Projection
from dashboards.reporter import Reporter
from dashboards.state import (
    DUE,
    SWEEP_VARIABLE,
    URI_VARIABLE,
    Cursor,
    is_masked,
    mask,
    pending,
    read_cursor,
    tracking_uri,
    write_cursor,
)
from search.errors import SearchError
from search.events import Launched
from search.home import Home
from search.journal import Journal
from search.locks import FileLock

if TYPE_CHECKING:
    from dashboards.writer import Writer

POLL, SLOWEST_POLL = 0.2, 0.5  # seconds between looks at the journal
GRACE = 2.0  # seconds without work before a projector without a controller ends
GIVE_UP = 600.0  # seconds for which it retries in vain after the last controller has gone
FIRST_RETRY, LAST_RETRY = 0.5, 15.0
PARENT_EVERY = 2.0  # seconds between updates of a running sweep's own run
CURSOR_EVERY = 0.2
LOOK_EVERY = 1.0  # seconds between looks for other sweeps


class Tail:
    """One sweep on its way to MLflow.

    Args:
        uri: the tracking URI with its password.
        rebuild: ignore the cursor and project everything again.
    """

    def __init__(
        self, home: Home, journal: Journal, launch: Launched, uri: str, *, rebuild: bool = False
    ) -> None:
        self.home = home
        self.journal = journal
        self.launch = launch
        self.uri = uri
        self.rebuild = rebuild
        self.cursor = read_cursor(home, launch.sweep)
        self.retry_at = 0.0
        self.failures = 0
        self._projection: Projection | None = None
        self._writer: Writer | None = None
        self._reporter = Reporter(home, launch)
        self._parent_at = 0.0
        self._cursor_at = 0.0

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

    @property
    def is_drained(self) -> bool:
        """Whether MLflow shows all that the tail has read, and it has read all there was."""
        projection = self._projection
        return projection is not None and projection.settled == projection.seq

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
        from dashboards.writer import Writer  # seconds, and only where something is to be done

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
        for number in projection.unsent():
            self._write(projection, writer, number)
            self._save(projection)
        if projection.sweep.unsent is not None and self._parent_is_due(projection):
            self._write(projection, writer, None)
            self._parent_at = time.monotonic()
        self._save(projection, final=True)

    def _parent_is_due(self, projection: Projection) -> bool:
        return projection.status != "running" or time.monotonic() - self._parent_at >= PARENT_EVERY

    def _write(self, projection: Projection, writer: Writer, number: int | None) -> None:
        writer.write(projection.run(number))
        projection.sent(number)

    def _save(self, projection: Projection, *, final: bool = False) -> None:
        """Moves the cursor to before the first record that some run still lacks."""
        assert self._writer is not None
        now = time.monotonic()
        if not final and now - self._cursor_at < CURSOR_EVERY:
            return
        self._cursor_at = now
        parent, seq = self._writer.runs.get(None), projection.settled
        at_rest = seq == projection.seq and projection.status != "running"
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
        print(text or self.explained(error), file=sys.stderr, flush=True)
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


class Service:
    """All sweeps of a home, until nothing is left to do.

    Args:
        secret: serve this sweep alone, whose URI has a password that only this process knows.
            The others' projector leaves such sweeps alone, and has another lock.
    """

    def __init__(self, home: Home, journal: Journal, secret: str | None = None) -> None:
        self.home = home
        self.journal = journal
        self.secret = secret
        self.tails: dict[str, Tail] = {}
        self._looked_at = -math.inf
        self._worked_at = self._lived_at = time.monotonic()

    def run(self) -> None:
        """Returns when every sweep is drained and none has a controller."""
        delay = POLL
        while True:
            if self.step():
                self._worked_at, delay = time.monotonic(), POLL
            elif self._may_end():
                return
            time.sleep(delay)
            delay = min(SLOWEST_POLL, delay * 1.5)

    def step(self) -> bool:
        """One look at everything; returns whether something was new."""
        self._look()
        moved = [tail.attempt() for tail in self.tails.values()]
        for sweep in [sweep for sweep, tail in self.tails.items() if tail.is_over]:
            self.tails.pop(sweep).close()
        return any(moved)

    def _look(self) -> None:
        """Begins a tail for every sweep that has more records than MLflow."""
        if time.monotonic() - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = time.monotonic()
        for launch, _ in self.journal.launches():
            sweep, uri = launch.sweep, self._uri(launch)
            if uri is None or sweep in self.tails:
                continue
            cursor = read_cursor(self.home, sweep)
            if self.journal.last(sweep) != cursor.seq or cursor.report == DUE:
                self.tails[sweep] = Tail(self.home, self.journal, launch, uri)

    def _uri(self, launch: Launched) -> str | None:
        """The URI to write to; None for a sweep that another process serves."""
        if self.secret is not None:
            return known_uri(self.home, launch) if launch.sweep == self.secret else None
        recorded = tracking_uri(self.home, launch)
        return None if is_masked(recorded) else recorded

    def _may_end(self) -> bool:
        now = time.monotonic()
        if any(self.home.has_controller(launch.sweep) for launch, _ in self.journal.launches()):
            self._lived_at = now
            return False
        if all(tail.is_idle for tail in self.tails.values()):
            return now - self._worked_at > GRACE
        return now - max(self._lived_at, self._worked_at) > GIVE_UP


def known_uri(home: Home, launch: Launched) -> str | None:
    """The URI with its password; None where it is neither in the journal nor in the environment."""
    recorded = tracking_uri(home, launch)
    if not is_masked(recorded):
        return recorded
    given = os.environ.get(SWEEP_VARIABLE) == launch.sweep
    return os.environ.get(URI_VARIABLE) if given else None


def projector_lock(home: Home, wait: float, launch: Launched | None = None) -> FileLock:
    """The lock of the home's projector, or of the one that serves a sweep with a password."""
    secret = launch is not None and is_masked(tracking_uri(home, launch))
    name = f"projector-{launch.sweep}.lock" if secret and launch else "projector.lock"
    return FileLock(home.root / "locks" / name, "the projection to MLflow", wait)


def drain(
    home: Home,
    sweep: str,
    rebuild: bool = False,
    *,
    uri: str | None = None,
    attempts: int = 3,
    wait: float = 10.0,
) -> int:
    """Projects one sweep here and now, until nothing is left (``lanewise sync``).

    Args:
        rebuild: ignore the cursor; project everything into whatever MLflow (still) has.
        uri: the tracking URI with its password, for a sweep that was recorded without.
        wait: seconds to wait for a projector at work.

    Returns:
        The number of records still pending: those that were written meanwhile.

    Raises:
        ProjectionError: MLflow did not take it; what was sent stays, what was not is pending.
        LockedError: a projector is at work, and does the same.
    """
    quiet()
    with open_journal(home) as journal:
        launch = _launch(journal, sweep)
        uri = uri or known_uri(home, launch)
        if uri is None:
            raise ProjectionError(
                f"{tracking_uri(home, launch)}: the password is not in the journal; give the "
                "tracking URI again"
            )
        with projector_lock(home, wait, launch):
            _drain(Tail(home, journal, launch, uri, rebuild=rebuild), attempts)
        return pending(home, sweep, journal)


def _drain(tail: Tail, attempts: int) -> None:
    try:
        while tail.attempt() or not tail.is_idle:
            if tail.failures >= attempts:
                raise ProjectionError(tail.cursor.error or "MLflow did not answer")
            pause = POLL if tail.is_drained else 0.01
            time.sleep(max(0.0, tail.retry_at - time.monotonic()) + pause)
    finally:
        tail.close()


def _launch(journal: Journal, sweep: str) -> Launched:
    for launch, _ in journal.launches():
        if launch.sweep == sweep:
            return launch
    raise ProjectionError(f"there is no sweep '{sweep}' in {journal.path.parent}")


@contextmanager
def open_journal(home: Home) -> Iterator[Journal]:
    journal = home.journal()
    try:
        yield journal
    finally:
        journal.close()


def quiet() -> None:
    """Settings that MLflow reads from the environment, before it is imported."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    # Retrying is the projector's own business: it notes the error and backs off.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")


def serve(home: Home) -> None:
    """The whole life of a projector process."""
    quiet()
    with open_journal(home) as journal:
        mine = os.environ.get(SWEEP_VARIABLE)
        launch = _launch(journal, mine) if mine else None
        secret = mine if launch and is_masked(tracking_uri(home, launch)) else None
        with projector_lock(home, math.inf, launch):
            Service(home, journal, secret).run()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dashboards.projector")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--home", type=Path)
    asked.add_argument("--spare", action="store_true", help="wait on stdin to be given a home")
    parser.add_argument("--database", type=Path, help="where a spare one makes MLflow's ahead")
    given = parser.parse_args()
    # Ctrl-C and a closed terminal reach the whole process group: it drains and ends by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(10)
    serve(_await_home(given.database) if given.spare else Home.find(given.home))


def _await_home(spare: Path | None) -> Home:
    """Imports MLflow, then the home that the launcher gives; ends if that goes without a word."""
    order: Future[bytes] = Future()
    # Read from the start: a launcher that ends at once must not leave its spare importing.
    Thread(target=_read_order, args=(order,), daemon=True).start()
    quiet()
    import dashboards.writer  # noqa: F401  (an import is what a spare process is for)
    from dashboards.database import warm

    warm(spare)
    given = json.loads(order.result())
    os.environ.update(given["env"])
    home = Home.find(Path(given["home"]))
    log = os.open(home.root / "projector.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    return home


def _read_order(order: Future[bytes]) -> None:
    text = sys.stdin.buffer.read()
    if not text:
        os._exit(0)
    order.set_result(text)


if __name__ == "__main__":
    main()
