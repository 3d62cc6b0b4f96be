"""A trial of a user's function `train(config, report)`, which runs in a thread of its own.

One side runs at a time: `advance` waits while the function trains, `report` waits while nobody
advances. No torch here; the function may use any library.
"""

from __future__ import annotations

import copy
import json
import math
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from numbers import Integral
from pathlib import Path
from typing import Any
from uuid import uuid4

from lanewise.trainables.errors import (
    BadValue,
    CheckpointError,
    ModelError,
    StopTrial,
    TrainableError,
    listing,
)
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.protocol import Inside, Row, RowsByEpoch

_FORMAT = 1
_ROWS = "rows.json"
_PATIENCE = 10.0  # seconds that close() waits for a stopped function's clean-up


class Report:
    """What a train function calls after an epoch.

    report(epoch, checkpoint=folder, **metrics) records a row, and keeps a copy of the folder; it
    raises StopTrial when the trial is over. Epochs count from 1 and increase.

    checkpoint: the folder to resume from, or None; epoch: the epochs done by then.
    seed: the trial's seed; the function seeds what it uses.
    """

    def __init__(self, trial: FunctionTrial, checkpoint: Path | None) -> None:
        self._trial = trial
        self.checkpoint = checkpoint
        self.epoch = trial.epoch
        self.seed = trial.seed

    def __call__(
        self, epoch: int, *, checkpoint: str | os.PathLike[str] | None = None, **metrics: Any
    ) -> None:
        self._trial._reported(epoch, checkpoint, metrics)


class FunctionTrial:
    """See `protocol.Trial`.

    A checkpoint is a folder: `rows.json`, and in it the name of the folder with a copy of the
    user's. It goes back to the last epoch that was reported with a checkpoint; a function that
    reports none starts again from epoch 1.
    """

    def __init__(
        self,
        recipe: Recipe,
        config: Mapping[str, Any],
        seed: int,
        checkpoint: Path | None,
        train: Callable[..., Any],
        inside: Inside = nullcontext,
        adopt: Path | None = None,
    ) -> None:
        self.recipe, self.seed = recipe, seed
        self._inside = inside
        self.epoch = 0
        self.rows: list[Row] = []
        self.evaluated: RowsByEpoch = {}  # it tells nothing of rows
        self._adopted: str | None = None  # the checkpoint whose folder it has taken over last
        self._staging: Path | None = None
        self._copies = 0
        self._kept: tuple[int, Path] | None = None  # (epoch, folder) of the last checkpoint
        self._turn = threading.Condition()
        self._running = False  # the function's turn
        self._closed = self._ended = False
        self._until, self._deadline = 0, math.inf
        self._error: BaseException | None = None
        if checkpoint is not None:
            self._restore(checkpoint, adopt)
        report = Report(self, self._kept[1] if self._kept else None)
        own = copy.deepcopy(dict(config))  # the function may change what it is given
        self._thread = threading.Thread(
            target=self._run, args=(train, own, report), name="train", daemon=True
        )

    def advance(self, until: int, seconds: float | None = None) -> bool:
        if self._ended or self._closed or self.epoch >= until:
            return self._ended
        with self._turn:
            self._until = until
            self._deadline = math.inf if seconds is None else time.monotonic() + seconds
            self._running = True
            if not self._thread.ident:
                self._thread.start()
            self._turn.notify_all()
            self._turn.wait_for(lambda: not self._running)
        if self._error is not None:
            raise self._error
        return self._ended

    def save(self, path: Path) -> None:
        """Copy the last reported checkpoint; `rows.json` names it and is replaced last."""
        path.mkdir(parents=True, exist_ok=True)
        user = None
        draft = path / f".{_ROWS}.{os.getpid()}.tmp"
        try:
            if self._kept is not None:
                user = f"user-{self._kept[0]}-{uuid4().hex[:8]}"  # never another attempt's folder
                shutil.copytree(self._kept[1], path / user)
            upto = self._kept[0] if self._kept else 0
            rows = [row for row in self.rows if row[0] <= upto]
            state = {"format": _FORMAT, "epoch": upto, "user": user, "rows": rows}
            state["adopted"] = self._adopted
            draft.write_text(json.dumps(state))
            os.replace(draft, path / _ROWS)
        except OSError:  # a full disk: what is half written only makes it fuller
            draft.unlink(missing_ok=True)
            if user is not None:
                shutil.rmtree(path / user, ignore_errors=True)
            raise
        for old in path.glob("user-*"):
            if old.name != user:
                shutil.rmtree(old, ignore_errors=True)

    def rescue(self, path: Path) -> None:
        """Nothing: the function keeps its own models."""

    def close(self) -> None:
        with self._turn:
            waiting = bool(self._thread.ident) and not self._running and not self._ended
            self._closed = True
            self._turn.notify_all()
        if waiting:  # in report(): it ends at once, but for its own clean-up
            self._thread.join(_PATIENCE)
        if self._staging is not None:
            shutil.rmtree(self._staging, ignore_errors=True)

    def _run(self, train: Callable[..., Any], config: dict[str, Any], report: Report) -> None:
        try:
            with self._inside():
                train(config, report)
            if not self.rows:
                self._error = _reported_nothing(self.recipe.monitor)
        except StopTrial:
            pass
        except Exception as error:
            self._error = error
        except BaseException as error:  # sys.exit() in user code must not end a worker
            self._error = RuntimeError(f"the train function raised {type(error).__name__}")
            self._error.__cause__ = error
        with self._turn:
            self._ended = True
            self._running = False
            self._turn.notify_all()

    def _reported(self, epoch: Any, checkpoint: Any, metrics: Mapping[str, Any]) -> None:
        """In the function's thread: record, then wait if its turn is over."""
        if self._closed:
            raise StopTrial
        row = check_row(epoch, metrics, last=self.epoch, monitor=self.recipe.monitor)
        if checkpoint is not None:
            self._keep(int(epoch), Path(checkpoint))
        self.rows.append((int(epoch), row))
        self.epoch = int(epoch)
        with self._turn:
            if self.epoch >= self._until or time.monotonic() >= self._deadline:
                self._running = False
                self._turn.notify_all()
            self._turn.wait_for(lambda: self._running or self._closed)
            if self._closed:
                raise StopTrial

    def _keep(self, epoch: int, folder: Path) -> None:
        """Copy at once: a user's folder is often temporary, or written again next epoch."""
        if not folder.is_dir():
            raise TrainableError("report", f"checkpoint={str(folder)!r} is not a folder")
        if self._staging is None:
            self._staging = Path(tempfile.mkdtemp(prefix="lanewise-"))
        old = self._kept
        self._copies += 1
        self._kept = (epoch, Path(shutil.copytree(folder, self._staging / str(self._copies))))
        # The first copy may be what the function resumes from: it stays until close().
        if old is not None and self._copies > 2:
            shutil.rmtree(old[1], ignore_errors=True)

    def _restore(self, path: Path, adopt: Path | None) -> None:
        state, folder = _read(path)
        self._adopted = state.get("adopted")
        self.epoch = state["epoch"]
        if adopt is not None and adopt.name != self._adopted:
            source, folder = _read(adopt)
            if folder is None:
                message = "it is to go on from another trial's checkpoint, and none was reported"
                raise ModelError("train", f"{message}; call report(epoch, checkpoint=folder, …)")
            self._adopted, self.epoch = adopt.name, source["epoch"]
        self.rows = [(epoch, row) for epoch, row in state["rows"] if epoch <= self.epoch]
        if folder is not None:
            # A copy of its own: a later save replaces the folder, which the user may still read.
            self._keep(self.epoch, folder)


def _read(path: Path) -> tuple[dict[str, Any], Path | None]:
    """A checkpoint's state, and in it the copy of the user's folder."""
    try:
        state: dict[str, Any] = json.loads((path / _ROWS).read_text())
        user, _, _ = state["user"], dict(state["rows"]), int(state["epoch"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is no readable checkpoint: {error}") from error
    if state.get("format") != _FORMAT or (user and not (path / user).is_dir()):
        raise CheckpointError(f"{path} is no readable checkpoint: {user} is missing")
    return state, path / user if user else None


def _reported_nothing(monitor: str) -> ModelError:
    message = "the function returned without a report; call report(epoch, "
    return ModelError("train", f"{message}{monitor}=…) after each epoch")


def user_folder(path: Path) -> Path | None:
    """The copy of the user's own checkpoint folder in a saved trial, or None."""
    try:
        user = json.loads((path / _ROWS).read_text())["user"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path / user if user else None


def check_row(
    epoch: Any, metrics: Mapping[str, Any], *, last: int, monitor: str
) -> dict[str, float]:
    """The finite metrics as floats; what is wrong with a report is raised into the user's code."""
    if not isinstance(epoch, Integral) or isinstance(epoch, bool) or epoch <= last:
        message = f"epoch must be a whole number above {last}, the last one; it is {epoch!r}"
        raise TrainableError("report", message)
    if monitor not in metrics:
        given = listing(metrics) or "none"
        message = f"{monitor!r}, the objective, is not among the metrics ({given})"
        raise TrainableError("report", message)
    row = {name: _number(name, value) for name, value in metrics.items()}
    if not math.isfinite(row[monitor]):
        raise BadValue(f"epoch {epoch}: {monitor} is {row[monitor]}")
    return {name: value for name, value in row.items() if math.isfinite(value)}


def _number(name: str, value: Any) -> float:
    """A float from a number, a numpy scalar or a tensor of one element."""
    try:
        if isinstance(value, str | bytes | bool) or value is None:
            raise TypeError
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        message = f"{name} must be a number, not {type(value).__name__} {value!r:.60}"
        raise TrainableError("report", message) from None
