"""One attempt after another in this process, a slice at a time; the part all executors share."""

from __future__ import annotations

import contextlib
import errno
import math
import shutil
import time
import traceback

from cluster.checkpoints import Storage
from cluster.executor import Outcome
from cluster.limits import NO_LIMITS, Limits, alarm, timeout_message
from search.events import Failure
from search.sweep import Run
from trainables.errors import CheckpointError
from trainables.failures import failure_kind
from trainables.trial import Recipe, Trial, open_trial

SLICE = 5.0  # seconds after which a slice ends at the next epoch, so that reports travel
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a quota, a file


class Worker:
    """Trains the attempts of one sweep; stays warm between them.

    Args:
        limits: a trial over its time fails with kind ``timeout``; an epoch over its time ends this
            whole process, and leaves where it was in ``storage.hung``.
    """

    def __init__(self, recipe: Recipe, storage: Storage, limits: Limits = NO_LIMITS) -> None:
        self.recipe = recipe
        self.storage = storage
        self.limits = limits
        self.run: Run | None = None
        self._trial: Trial | None = None
        self._reported = 0
        self._saved_at = 0.0
        self._trained = 0.0  # seconds

    def begin(self, run: Run) -> None:
        """Takes an attempt; nothing is loaded or built before its first slice."""
        self.stop()
        self.storage.hung(run.number, run.attempt - 1).unlink(missing_ok=True)  # if it was cut off
        self.run = run
        self._reported = run.epoch
        self._saved_at = time.monotonic()

    def advance(self, until: int, seconds: float = SLICE) -> Outcome:
        """Trains towards epoch ``until`` for about ``seconds``; never raises for the trial's sake.

        A checkpoint is written when ``until`` is reached, the trial ends or the last one is old.
        It holds all rows, so epochs that were trained but never reported are reported later.
        """
        assert self.run is not None
        run = self.run
        # The slice's last epoch begins before its end, and then has all of its time.
        patience = None
        if self.limits.epoch is not None:
            seconds = min(seconds, self.limits.epoch)
            patience = seconds + self.limits.epoch
        try:
            with alarm(self.storage.hung(run.number, run.attempt), patience):
                return self._advance(run, until, seconds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return self._failed(run, error)

    def _advance(self, run: Run, until: int, seconds: float) -> Outcome:
        trial = self._trial = self._trial or self._open(run)
        limit, began = self.limits.trial or math.inf, time.monotonic()
        ended = trial.advance(until, min(seconds, max(0.0, limit - self._trained)))
        self._trained += time.monotonic() - began
        if self._trained >= limit and not ended:
            return self._timed_out(run, trial)
        self._save(run.number, trial, due=ended or trial.epoch >= until)
        return Outcome(run.number, run.attempt, self._fresh_rows(), ended)

    def _timed_out(self, run: Run, trial: Trial) -> Outcome:
        self._trained = 0.0  # a retry, where one is asked for, has as much time again
        self._save(run.number, trial, due=True)
        failure = Failure("timeout", timeout_message(self.limits, trial.epoch))
        rows = self._fresh_rows()
        self.stop()
        return Outcome(run.number, run.attempt, rows, failure=failure)

    def stop(self) -> None:
        """Ends the attempt, if there is one."""
        if self._trial is not None:
            with contextlib.suppress(Exception):
                self._trial.close()
        self._trial = None
        self.run = None

    def _open(self, run: Run) -> Trial:
        path = self.storage.path(run.number)
        self._trained = 0.0
        if path.exists():
            with contextlib.suppress(CheckpointError):  # a broken one: train again from the start
                trial = open_trial(self.recipe, run.params, run.seed, path)
                self._trained = self._read_clock(run.number)
                return trial
        return open_trial(self.recipe, run.params, run.seed, None)

    def _save(self, number: int, trial: Trial, *, due: bool) -> None:
        if not due and time.monotonic() - self._saved_at < self.storage.every:
            return
        try:
            trial.save(self.storage.path(number))
            if self.limits.trial is not None:
                self.storage.clock(number).write_text(f"{self._trained:.3f}")
        except OSError as error:
            raise StorageFullError(f"the checkpoint could not be written: {error}") from error
        self._saved_at = time.monotonic()

    def _read_clock(self, number: int) -> float:
        """Without one (the sweep had no limit then), or with a broken one, from the start."""
        with contextlib.suppress(OSError, ValueError):
            return float(self.storage.clock(number).read_text())
        return 0.0

    def _fresh_rows(self) -> tuple[tuple[int, dict[str, float]], ...]:
        if self._trial is None:
            return ()
        rows = tuple(row for row in self._trial.rows if row[0] > self._reported)
        self._reported = rows[-1][0] if rows else self._reported
        return rows

    def _failed(self, run: Run, error: BaseException) -> Outcome:
        kind = "storage" if _is_storage(error) else failure_kind(error)
        text = "".join(traceback.format_exception(error))
        rows = self._fresh_rows()
        if isinstance(error, StorageFullError):
            text = str(error)  # no line of code has anything to do with it
            rows = rows[:-1]  # with it, the trial could end here, and its weights be nowhere
        if self._trial is not None:
            with contextlib.suppress(Exception):  # the failure is what counts
                self._trial.rescue(self.storage.rescued(run.number))
        self.stop()
        return Outcome(run.number, run.attempt, rows, failure=Failure(kind, text))


class StorageFullError(RuntimeError):
    """A checkpoint could not be written."""


def _is_storage(error: BaseException) -> bool:
    """Whether it is ours, or a user's own code found the disk full (`copytree` hides why)."""
    if isinstance(error, StorageFullError | shutil.Error):
        return True
    return isinstance(error, OSError) and error.errno in _FULL
