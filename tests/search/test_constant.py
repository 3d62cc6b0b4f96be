"""Constant: the best after the same few epochs go on, whatever order and failures."""

from __future__ import annotations

import random
import re

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Continue, Failure, Pause
from lanewise.search.core.invariants import check_invariants
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Done, Run, Wait
from lanewise.search.errors import SearchError
from lanewise.search.schedulers import make_scheduler
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Choice, Float, Space


def spec(epochs=9, trials=12, space=None, sampler="random", retries=None, **options):
    return Spec(
        space=space or Space({"x": Float(0, 1)}),
        objectives=(Objective("score", "max"),),
        budget=Budget(epochs, trials),
        sampler=Plugin(sampler),
        scheduler=Plugin("constant", options),
        retries=retries or {},
    )


def curve(params, epoch):
    """The early order is not the late one: the first epochs decide."""
    return {"score": params["x"] if epoch <= 2 else 1 - params["x"]}


@pytest.mark.parametrize("workers", [1, 3, 12, 50])
def test_the_top_k_after_the_first_epochs_train_to_the_end(workers):
    sweep = make_sweep(spec(first=2, top=4))
    simulate(sweep, curve, workers=workers)
    by_first = sorted(sweep.history, key=lambda trial: trial.metrics_at(2)["score"])
    assert {trial.number for trial in sweep.history if trial.status == "completed"} == {
        trial.number for trial in by_first[-4:]
    }
    assert sorted(trial.epoch for trial in sweep.history) == [2] * 8 + [9] * 4
    assert {trial.reason for trial in by_first[:-4]} == {"rung 2"}


@pytest.mark.parametrize(
    ("first", "top", "epochs"),
    [(9, 1, [9] * 12), (1, 12, [9] * 12), (1, 50, [9] * 12), (1, 1, [1] * 11 + [9])],
)
def test_extremes(first, top, epochs):
    sweep = make_sweep(spec(first=first, top=top))
    simulate(sweep, curve, workers=3)
    assert sorted(trial.epoch for trial in sweep.history) == epochs


def test_the_last_one_decides_for_all_and_a_retry_is_awaited():
    sweep = make_sweep(spec(trials=4, top=2, retries={"node_lost": 1}))
    runs = [sweep.ask() for _ in range(4)]
    assert isinstance(sweep.ask(), Wait)
    for number, value in ((0, 0.5), (1, 0.9)):
        assert sweep.report(number, [(1, {"score": value})]) == Pause()
    sweep.fail(2, Failure("node_lost", "gone"))
    sweep.fail(3, Failure("bug", "for good"))
    again = sweep.ask()
    assert (again.number, again.attempt) == (2, 2)
    assert isinstance(sweep.ask(), Wait)  # for trial 2, not for trial 3
    assert sweep.report(2, [(1, {"score": 0.7})]) == Continue(9)  # second of three
    resumed = sweep.ask()
    assert (resumed.number, resumed.until, resumed.attempt) == (1, 9, runs[1].attempt)
    assert isinstance(sweep.ask(), Wait)
    check_invariants(sweep.history)


def test_a_failure_may_be_the_last_that_the_others_wait_for():
    sweep = make_sweep(spec(trials=3, top=1))
    runs = [sweep.ask() for _ in range(3)]
    for run in runs[:2]:
        assert sweep.report(run.number, [(1, {"score": 0.5})]) == Pause()
    sweep.report(2, [(1, {"score": float("nan")})])
    assert sweep.ask().number == 0
    assert isinstance(sweep.ask(), Wait)
    assert sweep.report(0, [(9, {"score": 0.4})])
    assert isinstance(sweep.ask(), Done)


def test_a_space_with_fewer_configurations_than_trials_does_not_block_it():
    few = spec(trials=10, space=Space({"x": Choice([0.1, 0.5, 0.3])}), sampler="grid", top=2)
    sweep = make_sweep(few)
    simulate(sweep, curve, workers=2)
    assert [trial.epoch for trial in sweep.history] == [1, 9, 9]


def test_any_order_of_arrival_gives_the_same_finalists():
    finalists = set()
    for seed in range(5):
        order = random.Random(seed)
        sweep = make_sweep(spec(trials=9, top=3))
        running = []
        while isinstance(run := sweep.ask(), Run) or running:
            if isinstance(run, Run):
                running.append(run)
                if order.random() < 0.5:
                    continue
            going = running.pop(order.randrange(len(running)))
            until = sweep.history.trials[going.number].until
            score = curve(going.params, until)
            if isinstance(sweep.report(going.number, [(until, score)]), Continue):
                running.append(going)
        finalists.add(tuple(t.number for t in sweep.history if t.status == "completed"))
    assert len(finalists) == 1


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            spec(trials=None),
            "needs budget.trials, for it waits until so many trials are compared",
        ),
        (spec(first=10), "first must be a whole number from 1 to epochs (9), got 10"),
        (spec(top=0), "top must be a whole number of at least 1, got 0"),
    ],
)
def test_bad_options_get_one_line(made, line):
    with pytest.raises(SearchError, match=f"^{re.escape(f'scheduler.constant: {line}')}$"):
        make_scheduler(made)
