"""A lock between processes that dies with its holder, even by SIGKILL."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from lanewise.search.errors import JournalError, LockedError


class FileLock:
    """An exclusive ``flock`` on a file that is never deleted. Use as a context manager.

    Args:
        path: the lock file; made if missing.
        what: names what is locked, for the error's line.
        wait: seconds to wait for the holder; 0 does not wait.

    Raises:
        LockedError: on entering, while another process holds it.
        JournalError: the file cannot be made.
    """

    def __init__(self, path: Path, what: str, wait: float = 0.0) -> None:
        self.path = path
        self.what = what
        self.wait = wait
        self._handle: int | None = None

    def __enter__(self) -> FileLock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror or error}") from error
        try:
            self._acquire(handle)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return self

    def _acquire(self, handle: int) -> None:
        deadline = time.monotonic() + self.wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LockedError(f"{self.what} is in use by another process") from None
                time.sleep(0.05)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)  # closing releases the lock
            self._handle = None


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock now."""
    if not path.exists():
        return False
    try:
        with FileLock(path, ""):
            return False
    except LockedError:
        return True
    except JournalError:  # it is not ours to write to, but perhaps to look at
        return _is_locked_for_readers(path)


def _is_locked_for_readers(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system that shares no locks of files opened for reading
        return False
    finally:
        os.close(handle)
    return False
