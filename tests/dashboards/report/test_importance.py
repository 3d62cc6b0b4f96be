"""Importances: Optuna's numbers, in an order that a reader can trust."""

from __future__ import annotations

import math
import warnings

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from lanewise.dashboards.report.figures import search_figures
from lanewise.dashboards.report.importance import importances
from lanewise.dashboards.report.points import points_of
from lanewise.search.core.spec import Objective
from lanewise.spaces import Choice, Float, Int, Repeat

OPTIMIZERS = Choice([{"sgd": {"momentum": Float(0, 0.99)}}, {"adam": {"beta": Float(0.5, 0.99)}}])
SPACES = {
    "ranges": {"x": Float(0, 1), "y": Float(1e-4, 1e-1, log=True), "step": Float(0, 3, step=0.25)},
    "integers": {
        "n": Int(1, 4),
        "wide": Int(0, 5000),
        "log": Int(16, 512, log=True),
        "odd": Int(1, 99, step=7),
    },
    "options": {"word": Choice(["a", "b", "c"]), "flag": Choice([True, False]), "x": Float(0, 1)},
    "conditional": {"optimizer": OPTIMIZERS, "x": Float(0, 1)},
    "lists": {"hidden": Repeat(Int(8, 64), times=(1, 3)), "x": Float(0, 1)},
}


def scored(params, epoch):
    flat = str(sorted(params.items(), key=str))
    return {"val_accuracy": params.get("x", 0.0) + 0.3 * math.sin(sum(map(ord, flat)))}


def optunas(view):
    """What Optuna says of the same trials."""
    study = optuna.create_study(direction=optuna.study.StudyDirection.MAXIMIZE)
    for trial in view.history:
        params, distributions = view.spec.space.encode(trial.params)
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                value=trial.best[1],
                params=params,
                distributions=distributions,
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.importance.get_param_importances(study)


@pytest.mark.parametrize("space", SPACES)
def test_the_shares_are_optunas(space, swept):
    view = swept(SPACES[space], scored, trials=60)
    found = {parameter.name: share for parameter, share in importances(points_of(view))}
    assert found == pytest.approx(optunas(view), abs=1e-9)


def test_what_exists_only_sometimes_stands_behind_what_always_counts(swept):
    """Momentum decides all; still, half of the trials have none."""

    def by_momentum(params, epoch):
        return {"val_accuracy": params["optimizer"].get("momentum", 0.1) + 1e-3 * params["x"]}

    view = swept(SPACES["conditional"], by_momentum, trials=60)
    found = importances(points_of(view))
    assert [parameter.name for parameter, _ in found[2:]] == [
        "optimizer.sgd.momentum",
        "optimizer.adam.beta",
    ]
    assert found[2][1] > found[1][1]  # by its number it would stand before
    assert sum(share for _, share in found) == pytest.approx(1)


def test_what_few_trials_have_has_no_share(swept):
    rare = Choice(["a", "b", "c", "d", "e", "f", "g", "h", {"i": {"z": Float(0, 1)}}])
    view = swept({"kind": rare, "x": Float(0, 1)}, scored, trials=25)
    found = {parameter.name: share for parameter, share in importances(points_of(view))}
    assert found["kind.i.z"] is None
    assert found["x"] + found["kind"] == pytest.approx(1)
    figures = search_figures(points_of(view), Objective("val_accuracy", "max"), {})
    (bars,) = next(f for f in figures if f.key == "importances").body["data"]
    assert bars["text"][0] == "too few trials have it"
