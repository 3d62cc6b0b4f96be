"""One attempt after another in this process, a slice at a time; the part all executors share."""

from __future__ import annotations

import contextlib
import time
import traceback

from cluster.checkpoints import Storage
from cluster.executor import Outcome
from search.events import Failure
from search.sweep import Run
from trainables.errors import CheckpointError
from trainables.failures import failure_kind
from trainables.trial import Recipe, Trial, open_trial

SLICE = 5.0  # seconds after which a slice ends at the next epoch, so that reports travel


class Worker:
    """Trains the attempts of one sweep; stays warm between them."""

    def __init__(self, recipe: Recipe, storage: Storage) -> None:
        self.recipe = recipe
        self.storage = storage
        self.run: Run | None = None
        self._trial: Trial | None = None
        self._reported = 0
        self._saved_at = 0.0

    def begin(self, run: Run) -> None:
        """Takes an attempt; nothing is loaded or built before its first slice."""
        self.stop()
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
        try:
            self._trial = self._trial or self._open(run)
            ended = self._trial.advance(until, seconds)
            self._save(run.number, self._trial, due=ended or self._trial.epoch >= until)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return self._failed(run, error)
        return Outcome(run.number, run.attempt, self._fresh_rows(), ended)

    def stop(self) -> None:
        """Ends the attempt, if there is one."""
        if self._trial is not None:
            with contextlib.suppress(Exception):
                self._trial.close()
        self._trial = None
        self.run = None

    def _open(self, run: Run) -> Trial:
        path = self.storage.path(run.number)
        if path.exists():
            with contextlib.suppress(CheckpointError):  # a broken one: train again from the start
                return open_trial(self.recipe, run.params, run.seed, path)
        return open_trial(self.recipe, run.params, run.seed, None)

    def _save(self, number: int, trial: Trial, *, due: bool) -> None:
        if not due and time.monotonic() - self._saved_at < self.storage.every:
            return
        try:
            trial.save(self.storage.path(number))
        except OSError as error:
            raise StorageFullError(f"the checkpoint could not be written: {error}") from error
        self._saved_at = time.monotonic()

    def _fresh_rows(self) -> tuple[tuple[int, dict[str, float]], ...]:
        if self._trial is None:
            return ()
        rows = tuple(row for row in self._trial.rows if row[0] > self._reported)
        self._reported = rows[-1][0] if rows else self._reported
        return rows

    def _failed(self, run: Run, error: BaseException) -> Outcome:
        kind = "storage" if isinstance(error, StorageFullError) else failure_kind(error)
        text = "".join(traceback.format_exception(error))
        rows = self._fresh_rows()
        if self._trial is not None:
            with contextlib.suppress(Exception):  # the failure is what counts
                self._trial.rescue(self.storage.rescued(run.number))
        self.stop()
        return Outcome(run.number, run.attempt, rows, failure=Failure(kind, text))


class StorageFullError(RuntimeError):
    """A checkpoint could not be written."""
