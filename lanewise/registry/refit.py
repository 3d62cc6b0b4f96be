"""The final training of ``promote --refit all``: on the training and the validation part together.

A trial is trained once more, with its own seed and configuration, to the epoch that was its best;
the validation part, which is trained on now, chooses nothing any more. What it is worth says the
test part, which it is evaluated on once; that use is journaled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lanewise.cluster.surroundings import enter, kept
from lanewise.plan import Plan, plan_again
from lanewise.search.core.history import Trial
from lanewise.search.core.seeds import trial_seed
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home
from lanewise.search.store.view import View
from lanewise.testpart import Evaluation, record
from lanewise.trainables.errors import DataError

if TYPE_CHECKING:
    from lanewise.trainables.checkpoints.trained import TrainedModel

REFIT = ", with weights trained anew on all other rows"


@dataclass(frozen=True)
class Final:
    """A model that was trained on all rows but the test part's.

    plan: with these rows. evaluation: on the test part; None where there is none.
    """

    model: TrainedModel
    plan: Plan
    evaluation: Evaluation | None


def train_finally(view: View, home: Home, trial: Trial) -> Final:
    """Trains and evaluates the final model of a trial.

    Raises:
        SearchError: the trial is not its own alone, or its training fails.
        TrainableError: the data have changed, or validate with rows of their own.
        LockedError: the sweep is running.
    """
    name = view.launch.name
    if len(trial.segments) > 1:
        message = f"trial {trial.number} of {name} went on with another trial's weights"
        raise SearchError(f"--refit: {message}: its training cannot be repeated")
    with home.controller_lock(view.launch.sweep):
        view.refresh()
        plan = plan_again(view, whole=True)
        model = _trained(plan, view, trial)
        try:
            evaluation = record(view, trial, model, plan, REFIT)
        except DataError as error:
            if error.path != "data.split":
                raise
            return Final(model, plan, None)
    test = {**model.metrics, **evaluation.metrics}
    return Final(replace(model, metrics=test), plan, evaluation)


def _trained(plan: Plan, view: View, trial: Trial) -> TrainedModel:
    from lanewise.dashboards.user_runs import unlogged
    from lanewise.trainables.checkpoints.bundle import Origin
    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.trainables.training.model_trial import ModelTrial
    from lanewise.trainables.trial import open_trial

    assert trial.best is not None
    assert plan.prepared is not None
    epoch, details = trial.best[0], view.launch.details
    # It ends where its trial was best: nothing is left to stop it before.
    recipe = replace(plan.recipe(), fixed=_without_patience(plan.file.fixed), resampled=None)
    seed = trial_seed(view.spec.seed, trial.number)
    with kept(), unlogged():
        enter(recipe.folder)
        again = open_trial(recipe, _without_patience(trial.best_params), seed)
        assert isinstance(again, ModelTrial)
        try:
            again.advance(epoch)
        except (RuntimeError, ArithmeticError) as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            message = f"the final training failed after epoch {again.epoch}"
            raise SearchError(f"{view.launch.name}: {message}: {why}") from None
    row, seeds = again.rows[-1][1], plan.file.seeds
    return TrainedModel(
        tuple(replica.module.eval() for replica in again.replicas),
        tuple(plan.prepared.folds[0].preprocess for _ in range(seeds)),
        plan.prepared.info,
        again.config,
        epoch,
        # What rows that were trained on say of it would be taken for what it is worth.
        {key: row[key] for key in ("train_loss", "val_threshold") if key in row},
        recipe.loss,
        replace(recipe, prepared=None),
        again.course.given,
        seed,
        None,
        Origin(
            view.launch.sweep,
            view.launch.name,
            trial.number,
            {**(details.get("data") or {}), "trained_on": "train + val"},
            details.get("versions", {}),
        ),
    )


def _without_patience(config: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in config.items() if name != "patience"}
