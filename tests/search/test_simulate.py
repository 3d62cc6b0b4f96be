"""The simulator: the core on a virtual clock."""

from __future__ import annotations

import math

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Closed, Failed, Rerun, Ticked
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Done
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Int, Space


def spec(seed=0, scheduler="asha", space=None, **budget):
    return Spec(
        space=space or Space({"x": Float(0, 1)}),
        objectives=(Objective("loss", "min"),),
        budget=Budget(**{"epochs": 9, "trials": 30, **budget}),
        sampler=Plugin("random"),
        scheduler=Plugin(scheduler),
        seed=seed,
    )


def curve(params, epoch):
    return {"loss": (params["x"] - 0.3) ** 2 + 1 / epoch}


def test_equal_seeds_give_equal_traces_and_others_do_not():
    traces = [simulate(make_sweep(spec(seed)), curve, workers=4) for seed in (1, 1, 2)]
    assert traces[0] == traces[1]
    assert traces[0] != traces[2]


@pytest.mark.parametrize("scheduler", ["none", "asha"])
@pytest.mark.parametrize("workers", [1, 3, 1000])
def test_any_number_of_workers_tries_as_many_trials(scheduler, workers):
    sweep = make_sweep(spec(scheduler=scheduler))
    simulate(sweep, curve, workers=workers)
    assert len(sweep.history) == 30
    assert not sweep.history.running
    assert not sweep.history.waiting


def test_the_clock_counts_epochs_divided_by_workers():
    sweep = make_sweep(spec(scheduler="none"))
    simulate(sweep, curve, workers=10, seconds=lambda params: 2.0)
    assert sweep.history.seconds == 30 * 9 * 2.0 / 10


def test_time_never_runs_backwards_and_ends_the_sweep():
    sweep = make_sweep(spec(trials=None, time=100.0))
    events = simulate(sweep, curve, workers=3, seconds=lambda params: 0.1 + params["x"])
    ticks = [event.seconds for event in events if isinstance(event, Ticked)]
    assert ticks == sorted(ticks)
    assert ticks[-1] >= 100.0
    assert events[-1] == Closed("done", "time")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (spec(), "trials"),
        (spec(trials=None, total_epochs=100), "total_epochs"),
        (spec(space=Space({"x": Int(0, 6)})), "space exhausted"),
    ],
)
def test_the_sweep_ends_with_the_reason_that_ended_it(asked, reason):
    sweep = make_sweep(asked)
    assert simulate(sweep, curve, workers=3)[-1] == Closed("done", reason)
    assert sweep.ask() == Done()


def test_a_curve_that_is_not_a_number_fails_trials_and_the_sweep_goes_on():
    def broken(params, epoch):
        return {"loss": math.nan if params["x"] > 0.5 else params["x"]}

    sweep = make_sweep(spec())
    events = simulate(sweep, broken, workers=2)
    assert len(sweep.history) == 30
    assert {event.failure.kind for event in events if isinstance(event, Failed)} == {"bad_value"}
    assert not any(isinstance(event, Rerun) for event in events)
    assert sweep.history.best.params["x"] <= 0.5


def test_a_sweep_without_a_usable_value_has_failed():
    sweep = make_sweep(spec())
    events = simulate(sweep, lambda params, epoch: {"loss": math.inf})
    assert events[-1] == Closed("failed", "trials")
    assert sweep.history.best is None
