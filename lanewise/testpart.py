"""The test part of a sweep's data: used on purpose, and each use is journaled."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lanewise.errors import SweepFileError
from lanewise.launch import sync_uri
from lanewise.machine import user
from lanewise.models import model_of, trial_of
from lanewise.plan import Plan, plan_again
from lanewise.search.core.events import Tested
from lanewise.search.plain import say
from lanewise.search.store.home import Home
from lanewise.search.store.view import View
from lanewise.showing import Projector
from lanewise.trainables.errors import DataError
from lanewise.trainables.metrics.names import of_weights, reported

if TYPE_CHECKING:
    from lanewise.search.core.history import Trial
    from lanewise.trainables.checkpoints.trained import TrainedModel


@dataclass(frozen=True)
class Use:
    """One use of a test part.

    metrics: ``"test_accuracy"`` …; at: seconds since 1970; by: USER@HOST.
    """

    trial: int
    epoch: int
    metrics: Mapping[str, float]
    at: float
    by: str

    def to_json(self) -> dict[str, Any]:
        finite = {n: v if math.isfinite(v) else None for n, v in self.metrics.items()}
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at))
        return {"trial": self.trial, "epoch": self.epoch, "metrics": finite} | {
            "at": when,
            "by": self.by,
        }


@dataclass(frozen=True)
class Evaluation:
    """What a trial's model scores on the test part, and who looked at that part before.

    rows: of the test part. earlier: its uses before this one, the first one first.
    """

    sweep: str
    name: str
    rows: int
    use: Use
    earlier: tuple[Use, ...]

    @property
    def metrics(self) -> Mapping[str, float]:
        """``"test_accuracy"`` …"""
        return self.use.metrics

    @property
    def warning(self) -> str:
        """What a second use means, in a sentence; "" for the first."""
        if not self.earlier:
            return ""
        first, count = self.earlier[0], len(self.earlier) + 1
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(first.at))
        return (
            f"this is use {count} of the test part of {self.name} (first by {first.by}, {when}, "
            f"for trial {first.trial}): whoever chooses by it again gets a score that is too good"
        )

    def to_json(self) -> dict[str, Any]:
        """As ``test --json`` prints it."""
        return {
            "sweep": self.sweep,
            "name": self.name,
            **self.use.to_json(),
            "rows": self.rows,
            "uses": len(self.earlier) + 1,
            "earlier": [use.to_json() for use in self.earlier],
        }


def evaluate_test_part(
    view: View,
    home: Home,
    number: int | None = None,
    function: Callable[..., Any] | None = None,
) -> Evaluation:
    """Evaluates a trial's model on the test part, which no trial ever saw; journals that it was.

    Args:
        number: of the trial; the best by default.
        function: the model's, given from Python.

    Raises:
        NoModelError, SearchError: there is no such trial, or it has no model.
        TrainableError: the sweep has no test part, or its data have changed.
        CheckpointError: the weights are gone. LockedError: the sweep is running.
    """
    trial, sweep = trial_of(view, number), view.launch.sweep
    with home.controller_lock(sweep):
        view.refresh()
        plan = plan_again(view, function)
        model = model_of(view, home, trial.number, plan.function)
        return record(view, trial, model, plan)


def record(view: View, trial: Trial, model: TrainedModel, plan: Plan, by: str = "") -> Evaluation:
    """Evaluates a model on the test part of a plan, and journals that under the trial.

    The caller holds the sweep's lock.

    Args:
        by: what is said of the model, where it is not the trial's own.

    Raises:
        TrainableError: there is no test part.
    """
    sweep = view.launch.sweep
    metrics, rows = _measured(view, model, plan)
    assert trial.best is not None
    event = Tested(trial.number, trial.best[0], metrics, f"{user()}{by}")
    # Durable before anybody sees them.
    view.journal.append(sweep, view.seq, [event])
    view.refresh()
    *earlier, use = (Use(e.trial, e.epoch, e.metrics, at, e.by) for at, e in view.uses)
    return Evaluation(sweep, view.launch.name, rows, use, tuple(earlier))


def show_in_mlflow(view: View, home: Home, patience: float) -> None:
    """Lets MLflow show the use, and waits for that as long as it moves."""
    try:
        projector = Projector(home, view.launch.sweep, sync_uri(view.launch, home, None))
    except SweepFileError as error:  # its password is not known here
        say(f"lanewise: MLflow does not show it: {error}")
        return
    projector.start()
    left = projector.finish(view.journal, patience) if patience else 0
    if left:
        say(f"lanewise: MLflow lacks the last {left} records: lanewise sync {view.launch.sweep}")


def _measured(view: View, model: TrainedModel, plan: Plan) -> tuple[dict[str, float], int]:
    """The metrics of a model on the test part, by their names, and its rows."""
    prepared = plan.prepared
    if prepared is None or prepared.test is None:
        split = plan.file.data.split if plan.file.data else None
        raise DataError("data.split", f"{split}: {view.launch.name} has no test part")
    recipe = plan.recipe()
    names = of_weights(reported(recipe.metrics, recipe.monitor, prepared.info.task))
    bases = dict.fromkeys(n.partition("_")[2] for n in (recipe.monitor, *names) if n in names)
    bases.pop("threshold", None)  # chosen on the validation part
    found = replace(model, recipe=recipe).score(prepared.test, list(bases))
    return {f"test_{name}": value for name, value in found.items()}, len(prepared.test)
