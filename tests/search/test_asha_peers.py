"""ASHA beside Optuna's and Ray Tune's on the same curves, in the same order of arrival."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from lanewise.search.core.events import Continue
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

EPOCHS = 27


def decisions(eta, mode, seed, trials=60):
    """Ours, in order: (trial, rung, value, whether it goes on); short of the last epoch."""
    sweep = make_sweep(
        Spec(
            space=Space({"x": Float(0, 1)}),
            objectives=(Objective("score", mode),),
            budget=Budget(EPOCHS, trials),
            sampler=Plugin("random"),
            scheduler=Plugin("asha", {"eta": eta}),
        )
    )
    order, running = random.Random(seed), []
    while True:
        while len(running) < 8 and isinstance(run := sweep.ask(), Run):
            running.append((run.number, run.until))
        if not running:
            return
        number, epoch = running.pop(order.randrange(len(running)))
        value = round(order.random() * epoch, 1)  # rounded: there are ties
        decision = sweep.report(number, [(epoch, {"score": value})])
        if isinstance(decision, Continue):
            running.append((number, decision.until))
        if epoch < EPOCHS:
            yield number, epoch, value, isinstance(decision, Continue)


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("eta", [2, 3, 4])
def test_every_decision_is_that_of_optunas_pruner(eta, mode):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=eta)
    study = optuna.create_study(
        direction={"max": "maximize", "min": "minimize"}[mode], pruner=pruner
    )
    trials, both = {}, set()
    for number, epoch, value, goes_on in decisions(eta, mode, seed=eta):
        if number not in trials:
            trials[number] = study.ask()
        trials[number].report(value, epoch)
        assert trials[number].should_prune() != goes_on
        both.add(goes_on)
    assert both == {True, False}


@pytest.mark.long  # to import Ray Tune takes many seconds
@pytest.mark.parametrize("mode", ["max", "min"])
def test_rays_is_as_strict_or_more_lenient(mode):
    """Ray compares with a percentile of those before, interpolated, and not with a rank.

    With the trial itself, ours lets ``(n + 1) // eta`` of n + 1 go on. Theirs lets through whoever
    is not below the ``1 - 1 / eta`` percentile of the n: the same where eta is 2 and n is odd; else
    also some that are not in the top 1/eta.
    """
    from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

    theirs = AsyncHyperBandScheduler(
        "epoch", "score", mode, max_t=EPOCHS, grace_period=1, reduction_factor=2
    )
    trials, before, more = {}, {}, 0
    for number, epoch, value, goes_on in decisions(2, mode, seed=1, trials=200):
        if number not in trials:
            trials[number] = SimpleNamespace(trial_id=str(number))
            theirs.on_trial_add(None, trials[number])
        answer = theirs.on_trial_result(None, trials[number], {"epoch": epoch, "score": value})
        their_goes_on = answer == TrialScheduler.CONTINUE
        assert their_goes_on >= goes_on
        if before.get(epoch, 0) % 2:
            assert their_goes_on == goes_on
        more += their_goes_on > goes_on
        before[epoch] = before.get(epoch, 0) + 1
    assert more > 0
