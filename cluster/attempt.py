"""One attempt in training: what is reported of it, when it is saved, and as what it fails.

The same for every executor, whether the trial trains alone or as a lane of a pack.
"""

from __future__ import annotations

import contextlib
import errno
import math
import shutil
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from lanewise.cluster import snapshots
from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.limits import Limits, timeout_message
from lanewise.search.control.executor import Outcome
from lanewise.search.core.events import Failure, Row
from lanewise.search.core.rungs import last_rung
from lanewise.search.core.sweep import Run
from lanewise.search.selection.evaluated import Evaluated
from lanewise.trainables.errors import CheckpointError, ModelError
from lanewise.trainables.failures import failure_kind

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a quota, a file


class Training(Protocol):
    """What an attempt needs of its trial: ``trainables``' Trial and Member both have it."""

    @property
    def epoch(self) -> int: ...

    @property
    def rows(self) -> list[Row]: ...

    @property
    def evaluated(self) -> dict[int, tuple[int, bytes]]: ...

    def save(self, path: Path) -> None: ...

    def rescue(self, path: Path) -> None: ...

    def close(self) -> None: ...


T = TypeVar("T", bound=Training)


class Attempt:
    """An attempt under way. Nothing here raises for the trial's sake: failures are outcomes.

    Attributes:
        training: its trial, once it is open.
    """

    def __init__(self, run: Run, storage: Storage, limits: Limits) -> None:
        storage.hung(run.number, run.attempt - 1).unlink(missing_ok=True)  # if it was cut off
        self.run = run
        self.training: Training | None = None
        self._storage = storage
        self._limits = limits
        self._trained = 0.0  # seconds
        self._reported = run.epoch
        self._kept_rung = last_rung(run.rungs, run.epoch)  # the last one with a snapshot
        self._saved_at = time.monotonic()

    def open(self, make: Callable[[Path | None, Path | None], T]) -> T:
        """The trial, made from the last checkpoint if there is one that can be read.

        Args:
            make: gets the checkpoint, and the one whose weights are to be taken over.

        Raises:
            SnapshotError: it is to go on with another trial's weights, and cannot.
        """
        paths, adopt = [self._storage.path(self.run.number)], None
        if self.run.source is not None:
            number, epoch = self.run.source
            rung = last_rung(self.run.rungs, epoch)
            adopt = self._storage.snapshot(number, rung)
            # Its own as it was then, where the last one is broken: it has the rows.
            paths.append(self._storage.snapshot(self.run.number, rung))
        broken: CheckpointError | None = None
        for path in filter(Path.exists, paths):
            try:
                trial = make(path, adopt)
            except CheckpointError as error:
                broken = error
                continue
            self._trained = self._read_clock()
            self.training = trial
            return trial
        if adopt is not None:
            # From the start, its epochs would not be those that were decided on.
            why = broken or f"{paths[-1]} is missing"
            raise SnapshotError(f"cannot take over the weights of trial {number}: {why}")
        trial = make(None, None)  # a broken checkpoint: train again from the start
        self.training = trial
        return trial

    def _read_clock(self) -> float:
        """Without one (the sweep had no limit then), or with a broken one, from the start."""
        with contextlib.suppress(OSError, ValueError):
            return float(self._storage.clock(self.run.number).read_text())
        return 0.0

    def spend(self, seconds: float) -> None:
        """It has trained for so much longer."""
        self._trained += seconds

    @property
    def seconds_left(self) -> float:
        """Of the trial's time."""
        limit = math.inf if self._limits.trial is None else self._limits.trial
        return max(0.0, limit - self._trained)

    def report(self, *, due: bool, ended: bool = False) -> Outcome:
        """Its new rows, behind a checkpoint where one is due or the last one is old.

        A checkpoint holds all rows, so epochs that were trained but never reported are reported
        later. A trial whose time is used up fails with ``timeout``.
        """
        try:
            if not self.seconds_left and not ended:
                return self._timed_out()
            self._save(due=due or ended)
            return self._outcome(ended=ended)
        except Exception as error:
            return self.failed(error)

    def _timed_out(self) -> Outcome:
        assert self.training is not None
        self._trained = 0.0  # a retry, where one is asked for, has as much time again
        self._save(due=True)
        text = timeout_message(self._limits, self.training.epoch)
        return self._outcome(failure=Failure("timeout", text))

    def failed(self, error: BaseException, kind: str | None = None) -> Outcome:
        """The end by an exception, of that kind or of the kind that it is; saves what it can."""
        kind = kind or ("storage" if _is_storage(error) else failure_kind(error))
        text = "".join(traceback.format_exception(error))
        if isinstance(error, ModelError) and error.__cause__ is None:
            text = str(error)  # no line of the user's has raised it
        rows = self._fresh_rows()
        if isinstance(error, SnapshotError):
            text = str(error)
        if isinstance(error, StorageFullError):
            text = str(error)  # no line of code has anything to do with it
            rows = rows[:-1]  # with it, the trial could end here, and its weights be nowhere
        if self.training is not None:
            with contextlib.suppress(Exception):  # the failure is what counts
                self.training.rescue(self._storage.rescued(self.run.number))
        return self._said(rows, failure=Failure(kind, text))

    def close(self) -> None:
        """Lets go of the trial."""
        if self.training is not None:
            with contextlib.suppress(Exception):
                self.training.close()
            self.training = None

    def _outcome(self, *, ended: bool = False, failure: Failure | None = None) -> Outcome:
        return self._said(self._fresh_rows(), ended, failure)

    def _said(
        self, rows: tuple[Row, ...], ended: bool = False, failure: Failure | None = None
    ) -> Outcome:
        known = {} if self.training is None else self.training.evaluated
        number = self.run.number
        evaluated = tuple(
            Evaluated(number, epoch, *known[epoch]) for epoch, _ in rows if epoch in known
        )
        for epoch in [epoch for epoch in known if epoch <= self._reported]:
            del known[epoch]
        return Outcome(number, self.run.attempt, rows, ended, failure, evaluated=evaluated)

    def _fresh_rows(self) -> tuple[Row, ...]:
        if self.training is None:
            return ()
        rows = tuple(row for row in self.training.rows if row[0] > self._reported)
        self._reported = rows[-1][0] if rows else self._reported
        return rows

    def _keep_snapshots(self, path: Path) -> None:
        """Of each rung that it has come to since: a function may pass several at once."""
        assert self.training is not None
        epoch = self.training.epoch
        for rung in self.run.rungs:
            if self._kept_rung < rung <= epoch:
                snapshots.take(path, self._storage.snapshot(self.run.number, rung))
        self._kept_rung = last_rung(self.run.rungs, epoch)

    def _save(self, *, due: bool) -> None:
        if not due and time.monotonic() - self._saved_at < self._storage.every:
            return
        assert self.training is not None
        try:
            path = self._storage.path(self.run.number)
            self.training.save(path)
            if due and self._storage.snapshots:
                self._keep_snapshots(path)
            if self._limits.trial is not None:
                self._storage.clock(self.run.number).write_text(f"{self._trained:.3f}")
        except OSError as error:
            raise StorageFullError(f"the checkpoint could not be written: {error}") from error
        self._saved_at = time.monotonic()


class SnapshotError(RuntimeError):
    """The weights that a trial is to go on with cannot be read."""


class StorageFullError(RuntimeError):
    """A checkpoint could not be written."""


def _is_storage(error: BaseException) -> bool:
    """Whether it is ours, or a user's own code found the disk full (`copytree` hides why)."""
    if isinstance(error, StorageFullError | SnapshotError | shutil.Error):
        return True
    return isinstance(error, OSError) and error.errno in _FULL
