"""All sweeps of a home on their way to MLflow, until nothing is left to do."""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lanewise.dashboards import handover
from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.state import (
    DUE,
    URI_VARIABLE,
    is_masked,
    lock_path,
    mask,
    read_cursor,
    tracking_uri,
)
from lanewise.dashboards.tail import Tail
from lanewise.search.core.events import Launched
from lanewise.search.errors import LockedError
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal
from lanewise.search.store.locks import FileLock

POLL, SLOWEST_POLL = 0.2, 0.5  # seconds between looks at the journal
GRACE = 2.0  # seconds without work before a projector without a controller ends
GIVE_UP = 600.0  # seconds for which it retries in vain after the last controller has gone
LOOK_EVERY = 1.0  # seconds between looks for other sweeps
# Seconds for which a new projector waits for one that is about to end; one that goes on serves all.
TURN = 3.0


class Service:
    """All sweeps of a home, until nothing is left to do.

    Args:
        secret: serve the sweeps at this URI alone, whose password only this process knows.
            The others' projector leaves such sweeps alone, and has another lock.
        yield_to: called with whether some sweep is training now, whenever that changes.
    """

    def __init__(
        self,
        home: Home,
        journal: Journal,
        secret: str | None = None,
        yield_to: Callable[[bool], None] = lambda trains: None,
    ) -> None:
        self.home = home
        self.journal = journal
        self.secret = secret
        self.yield_to = yield_to
        self.trains: bool | None = None
        self.is_asked_to_end = False
        self.tails: dict[str, Tail] = {}
        self._looked_at = -math.inf
        self._worked_at = self._lived_at = time.monotonic()

    def run(self) -> None:
        """Returns when every sweep is drained and none has a controller, or when asked to end."""
        delay = POLL
        while not self.is_asked_to_end:
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
        trains = any(tail.is_running for tail in self.tails.values())
        if trains != self.trains:
            self.trains = trains
            self.yield_to(trains)
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
        recorded = tracking_uri(self.home, launch)
        if self.secret is not None:
            return self.secret if recorded == mask(self.secret) else None
        return None if is_masked(recorded) else recorded

    def _may_end(self) -> bool:
        now = time.monotonic()
        if any(self.home.has_controller(launch.sweep) for launch, _ in self.journal.launches()):
            self._lived_at = now
            return False
        if all(tail.is_idle or tail.is_hopeless for tail in self.tails.values()):
            return now - self._worked_at > GRACE
        return now - max(self._lived_at, self._worked_at) > GIVE_UP


def serve(home: Home, yield_to: Callable[[bool], None]) -> None:
    """The whole life of a projector process; ``yield_to`` as for ``Service``."""
    quiet()
    given = os.environ.get(URI_VARIABLE)
    secret = given if given and is_masked(mask(given)) else None
    try:
        with open_journal(home) as journal, projector_lock(home, secret, TURN) as lock:
            handover.sign(lock.path)
            # What is imported by now stays: not to be looked through again and again.
            gc.freeze()
            gc.set_threshold(20_000, 20, 100)
            service = Service(home, journal, secret, yield_to)
            handover.on_request(lambda: setattr(service, "is_asked_to_end", True))
            service.run()
    except LockedError:
        return  # another one is at work


def known_uri(home: Home, launch: Launched) -> str | None:
    """The URI with its password; None where it is neither in the journal nor in the environment."""
    recorded = tracking_uri(home, launch)
    if not is_masked(recorded):
        return recorded
    given = os.environ.get(URI_VARIABLE)
    return given if given and mask(given) == recorded else None


def projector_lock(home: Home, uri: str | None, wait: float) -> FileLock:
    """The lock of the home's projector, or of the one that serves an address with a password."""
    return FileLock(lock_path(home, uri), "the projection to MLflow", wait)


def find_launch(journal: Journal, sweep: str) -> Launched:
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
