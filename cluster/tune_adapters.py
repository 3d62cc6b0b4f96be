"""Ray Tune's public Searcher and TrialScheduler, as messengers of the controller.

Both run in Tune's thread. They decide nothing.
"""

from __future__ import annotations

import pickletools
from itertools import pairwise
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from lanewise.cluster.bridge import Bridge, Loss, Want
from lanewise.cluster.tune_worker import OUTCOME, RUN, decode_outcome, decode_run, encode_run
from lanewise.search.control.executor import Proceed
from lanewise.search.core.sweep import Run

_LONGEST = 1 << 20  # bytes of a pickled error that are looked at


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
        path = getattr(trial, "pickled_error_file", None)
        is_preempted = path is not None and _says_preempted(Path(path))
        self._bridge.inbox.put(Loss(run, _why(trial), is_preempted))


def _says_preempted(path: Path) -> bool:
    """Whether a pickled error of Ray's holds ``_preempted = True``, which its text does not say.

    The file may be anybody's, so its instructions are read and none is followed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST)
        # Between a key and its value stands at most that the key is to be remembered.
        steps = [(op.name, value) for op, value, _ in pickletools.genops(content)]
    except (OSError, ValueError):  # none, or none that is whole
        return False
    steps = [step for step in steps if step[0] not in ("MEMOIZE", "BINPUT", "LONG_BINPUT")]
    return any(key == "_preempted" and name == "NEWTRUE" for (_, key), (name, _) in pairwise(steps))


def _why(trial: Any) -> str:
    """What Ray wrote of the error."""
    path = getattr(trial, "error_file", None)
    if path and Path(path).exists():
        return Path(path).read_text(errors="replace")
    return "the worker process ended unexpectedly (killed, or crashed in native code)"
