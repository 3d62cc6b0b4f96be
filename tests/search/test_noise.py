"""A sweep that ends where further trials would improve the best by less than the noise."""

from __future__ import annotations

import numpy as np
import pytest

from lanewise.search.core.events import Stop
from lanewise.search.core.noise import TOP, TRIALS, expected_gain
from lanewise.search.core.spec import Budget, Constraint, Objective, Plugin, Spec
from lanewise.search.core.sweep import Done, Run, Wait
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Float, Space

SPREAD = 0.01  # between the replicas of every trial here


def begun(mode="max", constraints=(), noise=True, **budget):
    return make_sweep(
        Spec(
            space=Space({"x": Float(0, 1)}),
            objectives=(Objective("score", mode),),
            budget=Budget(**{"epochs": 1, "trials": 100, "noise": noise, **budget}),
            sampler=Plugin("random"),
            constraints=constraints,
        )
    )


def played(sweep, values, **metrics):
    """Runs a trial for each value, one at a time, while the sweep asks for them."""
    for value in values:
        run = sweep.ask()
        if not isinstance(run, Run):
            break
        row = {"score": float(value), "score_std": SPREAD, **metrics}
        sweep.report(run.number, [(1, {k: v for k, v in row.items() if v is not None})])
    return sweep


def flat(count=100, seed=0):
    """Values that differ by the noise alone, which is that of the mean of two replicas."""
    return np.random.default_rng(seed).normal(0.5, SPREAD, count)


@pytest.mark.parametrize("share", [0.1, 1])
def test_the_expected_gain_is_that_of_exponential_draws(share):
    rng, gains, estimates = np.random.default_rng(0), [], []
    for _ in range(2000):
        first, further = rng.exponential(size=200), rng.exponential(size=int(share * 200))
        best = sorted(first, reverse=True)
        gains.append(max(0, further.max() - best[0]))
        estimates.append(expected_gain(best[: TOP + 1], share))
    differences = np.subtract(estimates, gains)
    # The seed is fixed; 6 sigma, and 3 % for log(1 + share) and the threshold that is a draw.
    bound = 6 * differences.std() / 2000**0.5 + 0.03 * np.mean(gains)
    assert abs(differences.mean()) < bound


@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_sweep_over_nothing_but_noise_ends_soon(mode):
    for seed in range(5):
        sweep = played(begun(mode), flat(seed=seed))
        assert isinstance(sweep.ask(), Done)
        assert sweep.end == "noise"
        assert TRIALS <= len(sweep.history) <= 2 * TRIALS


def test_it_goes_on_where_nobody_asked_for_that():
    sweep = played(begun(noise=False), flat())
    assert (sweep.end, len(sweep.history)) == ("trials", 100)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(100) * 5 * SPREAD,  # each trial better than the last one
        np.random.default_rng(0).exponential(10 * SPREAD, 100),  # now and then one is far better
    ],
)
def test_it_goes_on_while_there_is_much_to_gain(values):
    sweep = played(begun(trials=None, total_epochs=100), values)
    assert (sweep.end, len(sweep.history)) == ("total_epochs", 100)


def test_a_plateau_behind_a_climb_ends_it():
    climb = np.arange(30) * 5 * SPREAD
    sweep = played(begun(), [*climb, *(climb[-1] + flat())])
    assert sweep.end == "noise"
    assert len(sweep.history) > 30


def test_few_trials_that_are_left_gain_little():
    values = np.random.default_rng(1).exponential(2 * SPREAD, 40)
    assert played(begun(trials=400), values).end != "noise"
    sweep = played(begun(trials=40), values)
    assert sweep.end == "noise"
    assert len(sweep.history) < 40


@pytest.mark.parametrize(
    ("constraints", "metrics"),
    [((), {"score_std": None}), ((Constraint("size", most=1),), {"size": 2})],
    ids=["no spread", "nothing feasible"],
)
def test_nothing_is_said_of_what_is_not_known(constraints, metrics):
    sweep = played(begun(constraints=constraints), flat(), **metrics)
    assert (sweep.end, len(sweep.history)) == ("trials", 100)


def test_while_the_best_one_trains_the_sweep_goes_on():
    sweep = begun(epochs=9)
    best = sweep.ask().number
    sweep.report(best, [(1, {"score": 0.54, "score_std": SPREAD})])
    for value in flat(30):
        last = sweep.ask()
        assert isinstance(last, Run)
        row = {"score": float(value), "score_std": SPREAD}
        assert sweep.report(last.number, [(9, row)]) == Stop("finished")
    second = sweep.ask()
    sweep.complete(best)
    assert sweep.is_over
    assert isinstance(sweep.ask(), Wait)
    row = {"score": 0.4, "score_std": SPREAD}
    assert sweep.report(second.number, [(1, row)]) == Stop("noise")
    assert isinstance(sweep.ask(), Done)


def test_a_replay_ends_at_the_same_trial():
    sweep, events = begun(), []
    for value in flat():
        again = replay(Spec.from_json(sweep.spec.to_json()), events)
        assert again.is_over == sweep.is_over
        if sweep.is_over:
            break
        played(sweep, [value])
        events += sweep.drain()
    assert (sweep.end, again.end) == ("noise", "noise")
    assert isinstance(again.ask(), Done)
