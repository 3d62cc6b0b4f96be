"""How a projector is asked to leave its work to another process.

Who holds the projector's lock writes into the lock file who it is. ``lanewise sync`` asks it to
end: it does so behind the call that is under way. One that does not (its server is silent) is
killed, which it bears at any moment.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lanewise.search.errors import LockedError
from lanewise.search.store.locks import FileLock

PATIENCE = 10.0  # seconds for a call under way


def sign(lock: Path) -> None:
    """Says that this process holds the lock and may be asked to end. Call it inside the lock."""
    lock.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}), "utf-8")


def on_request(end: Callable[[], None]) -> None:
    """Calls ``end`` when this process is asked to end."""
    signal.signal(signal.SIGTERM, lambda number, frame: end())


@contextmanager
def taken_over(lock: Path, what: str) -> Iterator[bool]:
    """Holds a projector's lock; the one that held it has ended. Gives whether it was killed.

    Raises:
        LockedError: the holder is on another machine, or none that may be asked.
    """
    taken, killed = FileLock(lock, what), False
    try:
        taken.__enter__()
    except LockedError:
        killed = _end_holder(lock, what)
        taken = FileLock(lock, what, wait=PATIENCE)
        taken.__enter__()
    try:
        lock.write_text("", "utf-8")  # a sync is not to be asked
        yield killed
    finally:
        taken.__exit__(None, None, None)


def _end_holder(lock: Path, what: str) -> bool:
    """Asks the holder to end, and ends it where it does not; whether it had to."""
    pid = _holder(lock, what)
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, sent)
        with suppress(LockedError), FileLock(lock, what, wait=PATIENCE):
            return sent == signal.SIGKILL
    raise LockedError(f"{what} is in use by process {pid}, which cannot be ended")


def _holder(lock: Path, what: str) -> int:
    """The process that holds the lock."""
    import psutil

    deadline = time.monotonic() + PATIENCE
    while True:
        # One that has just taken the lock signs a moment later; another sync never does.
        pid, host = _signed(lock)
        if host and host != socket.gethostname():
            raise LockedError(f"{what} is in use by a process on {host}")
        with suppress(psutil.Error):
            if pid and "lanewise.dashboards.projector" in psutil.Process(pid).cmdline():
                return pid
        if time.monotonic() > deadline:
            raise LockedError(f"{what} is in use by another process")
        time.sleep(0.1)


def _signed(lock: Path) -> tuple[int, str]:
    """The process and the machine that the lock file names; 0 and "" where it names none."""
    try:
        signed = json.loads(lock.read_text("utf-8"))
        return int(signed["pid"]), str(signed["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""
