"""From a sweep to a version of a registered model: its weights, and the variant that ships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lanewise.launch import Options, known_uri
from lanewise.models import model_of, trial_of
from lanewise.plan import plan_again
from lanewise.registry.promotion import Promotion, Request
from lanewise.registry.refit import train_finally
from lanewise.registry.variants import measure
from lanewise.search.core.history import Trial
from lanewise.search.store.home import Home
from lanewise.search.store.view import View


def promote(view: View, home: Home, request: Request, say: Callable[[str], None]) -> Promotion:
    """Measures a trial's variants, and registers the one that is chosen.

    Args:
        say: tells a person what goes on.

    Raises:
        NoModelError: the sweep has no model; LimitsError: no variant is within the limits.
        SearchError, SweepFileError, TrainableError: one line. ProjectionError: MLflow cannot be
            written.
    """
    trial = trial_of(view, request.trial)
    uri = known_uri(view.launch, Options(home, tracking_uri=request.tracking_uri))
    say(announced(view, trial, request))
    evaluation = None
    if request.refit and not request.is_dry:
        final = train_finally(view, home, trial)
        model, plan, evaluation = final.model, final.plan, final.evaluation
        if evaluation is not None and evaluation.warning:
            say(evaluation.warning)
    else:
        model, plan = model_of(view, home, trial.number), plan_again(view)
    model = replace(model, recipe=plan.recipe().of_trial(model.seed))
    measured = measure(model, view.spec.objective, request.variants, request.limits)
    if measured.unexported:
        say(f"it becomes a PyTorch bundle, which needs torch: {measured.unexported}")
    done = Promotion(view, request, trial, model, measured, evaluation)
    if request.is_dry:
        return done
    from lanewise.registry.publishing import publish

    return replace(done, version=publish(done, home, uri))


def announced(view: View, trial: Trial, request: Request) -> str:
    """What a promotion will do, in a sentence."""
    assert trial.best is not None
    which = "the best" if trial is view.history.best else "chosen by number"
    weights = f"with the weights of epoch {trial.best[0]}"
    if request.refit and not request.is_dry:
        weights = f"trained anew for {trial.best[0]} epochs on the training and the validation part"
    end = f"the one that is chosen becomes a version of {request.name}, @{request.alias}"
    if request.is_dry:
        end = "nothing is trained or registered (--dry-run)"
    return (
        f"promoting trial {trial.number} of {view.launch.name}, {which}, {weights}: its variants "
        f"are exported and measured; {end}"
    )
