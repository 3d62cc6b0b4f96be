"""Ray Tune's public Searcher and TrialScheduler, as messengers of the controller.

Both run in Tune's thread. They decide nothing.
"""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from lanewise.cluster.bridge import Bridge, Loss, Want
from lanewise.cluster.executor import Proceed
from lanewise.cluster.memory import is_low_memory
from lanewise.cluster.tune_worker import OUTCOME, RUN, decode_outcome, decode_run, encode_run
from lanewise.search.sweep import Run


class Suggestions(Searcher):  # type: ignore[misc]  # Ray is untyped
    """Asks the controller for the next attempt."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        answer = self._bridge.ask(Want())
        if isinstance(answer, Run):
            return {RUN: encode_run(answer)}
        # None while live trials may change that; FINISHED or Tune would poll for ever.
        return Searcher.FINISHED if self._bridge.is_closed.is_set() else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing to do: the scheduler's adapter has told it."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the journal is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""


class Adapter(FIFOScheduler):  # type: ignore[misc]  # Ray is untyped
    """Tells the controller what a trial reported, and Tune whether it goes on."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        outcome = decode_outcome(result[OUTCOME])
        answer = self._bridge.ask(outcome)
        goes_on = isinstance(answer, Proceed)
        decision: str = TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP
        return decision

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        run = decode_run(trial.config[RUN])
        why = _why(trial)
        self._bridge.inbox.put(Loss(run.number, run.attempt, _kind(trial, why), why))


def _kind(trial: Any, why: str) -> str:
    """What Ray says of a worker's end. The kernel's own out-of-memory killer tells it nothing."""
    path = getattr(trial, "pickled_error_file", None)
    if path and Path(path).exists():
        # An error that cannot be read is of no known kind.
        with contextlib.suppress(Exception), Path(path).open("rb") as file:
            if getattr(_RayErrors(file).load(), "preempted", False):
                return "preempted"
    return "out_of_memory" if is_low_memory(why) else "node_lost"


class _RayErrors(pickle.Unpickler):
    """Reads Ray's own errors and nothing else: a file may be anybody's."""

    def find_class(self, module: str, name: str) -> Any:
        if module != "ray.exceptions":
            raise pickle.UnpicklingError(f"{module}.{name} is no error of Ray's")
        return super().find_class(module, name)


def _why(trial: Any) -> str:
    """What Ray wrote of the error; its class is lost unless the file can be read."""
    path = getattr(trial, "error_file", None)
    if path and Path(path).exists():
        return Path(path).read_text(errors="replace")
    return "the worker process ended unexpectedly (killed, or crashed in native code)"
