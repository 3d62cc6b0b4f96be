"""ASHA: its decisions equal the paper's, its rungs are exact, its degenerate cases are other ones.

Random tests are derandomized: they fail by chance never; raise max_examples to explore.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import FINISHED, Continue, Exhausted, Stop
from lanewise.search.core.invariants import check_invariants
from lanewise.search.core.rungs import geometric
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.search.errors import SearchError
from lanewise.search.schedulers import make_scheduler
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Choice, Float, Space

check = settings(deadline=None, max_examples=60, derandomize=True)


def spec(epochs, trials=10, mode="max", total=None, **asha):
    return Spec(
        space=Space({"x": Float(0, 1)}),
        objectives=(Objective("score", mode),),
        budget=Budget(epochs, trials, total),
        sampler=Plugin("random"),
        scheduler=Plugin("asha", asha) if asha else Plugin("none"),
    )


class Reference:
    """Li et al., MLSys 2020, Algorithm 2, stopping: a trial that reaches rung r * eta^k < R is
    asked once whether it is among the top 1/eta of all that have reached it, itself included."""

    def __init__(self, eta, r, R, mode):
        self.eta, self.R = eta, R
        self.rungs = [r * eta**k for k in range(R) if r * eta**k < R]
        self.sign = 1 if mode == "max" else -1
        self.reached = defaultdict(list)

    def next_rung(self, epoch):
        return min([rung for rung in self.rungs if rung > epoch], default=self.R)

    def decide(self, epoch, value):
        if epoch == self.R:
            return Stop(FINISHED)
        rung = self.reached[epoch]
        rung.append(self.sign * value)
        top_k = sorted(rung, reverse=True)[: max(1, len(rung) // self.eta)]
        if self.sign * value >= top_k[-1]:
            return Continue(self.next_rung(epoch))
        return Stop(f"rung {epoch}")


@check
@given(data=st.data())
def test_every_decision_is_the_papers_for_any_order_of_arrival(data):
    eta = data.draw(st.integers(2, 5), "eta")
    R = data.draw(st.integers(1, 81), "R")
    r = data.draw(st.integers(1, R), "r")
    mode = data.draw(st.sampled_from(["max", "min"]), "mode")
    trials = data.draw(st.integers(1, 25), "trials")
    values = st.integers(-2, 2) if data.draw(st.booleans(), "ties") else st.floats(-9, 9)
    sweep = make_sweep(spec(R, trials, mode, eta=eta, min_epochs=r))
    reference = Reference(eta, r, R, mode)
    running = []
    while True:
        # A new trial begins, or one of those running reaches its next rung.
        place = data.draw(st.integers(0, len(running)))
        if place == len(running):
            run = sweep.ask()
            if isinstance(run, Run):
                assert run.until == reference.next_rung(0)
                running.append((run.number, run.until))
            if not running:
                break
            continue
        number, until = running.pop(place)
        value = data.draw(values)
        decision = sweep.report(number, [(until, {"score": value})])
        assert decision == reference.decide(until, value)
        if isinstance(decision, Continue):
            running.append((number, decision.until))


@pytest.mark.parametrize(
    ("first", "eta", "last", "rungs"),
    [
        (1, 3, 27, (1, 3, 9, 27)),
        (1, 3, 243, (1, 3, 9, 27, 81, 243)),  # log(243, 3) = 4.999… in floats
        (1, 10, 1000, (1, 10, 100, 1000)),  # log(1000, 10) = 2.999…
        (1, 5, 125, (1, 5, 25, 125)),  # log(125, 5) = 3.0000000000000004
        (1, 2, 100, (1, 2, 4, 8, 16, 32, 64, 100)),
        (2, 3, 20, (2, 6, 18, 20)),
        (5, 3, 5, (5,)),
        (1, 4, 1, (1,)),
    ],
)
def test_rungs_are_whole_multiples_and_end_with_the_last_epoch(first, eta, last, rungs):
    assert geometric(first, eta, last) == rungs
    assert make_scheduler(spec(last, eta=eta, min_epochs=first)).rungs(0) == rungs


@pytest.mark.parametrize("eta", [2, 3, 7, 10])
def test_a_power_of_eta_keeps_its_rung(eta):
    for power in range(1, 12):
        assert geometric(1, eta, eta**power) == tuple(eta**k for k in range(power + 1))
        assert geometric(1, eta, eta**power + 1)[-2:] == (eta**power, eta**power + 1)


def curve(params, epoch):
    return {"score": params["x"] * epoch % 0.31}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("total", [None, 70])
def test_asha_whose_first_rung_is_the_last_epoch_equals_none(workers, total):
    whole = make_sweep(spec(9, 20, total=total, min_epochs=9))
    none = make_sweep(spec(9, 20, total=total))
    assert simulate(whole, curve, workers=workers) == simulate(none, curve, workers=workers)


def test_with_eta_above_the_number_of_trials_only_a_best_so_far_goes_on():
    sweep = make_sweep(spec(9, 5, eta=100))
    values = [0.2, 0.1, 0.2, 0.3, 0.25]
    runs = [sweep.ask() for _ in values]
    decisions = [
        sweep.report(run.number, [(1, {"score": value})])
        for run, value in zip(runs, values, strict=True)
    ]
    assert [type(decision) for decision in decisions] == [Continue, Stop, Continue, Continue, Stop]


def test_a_trial_that_skips_rungs_enters_all_of_them_and_is_judged_at_the_last():
    sweep = make_sweep(spec(27, 4, eta=3))
    for value in (0.9, 0.8):
        assert sweep.report(sweep.ask().number, [(1, {"score": value})]) in (
            Continue(3),
            Stop("rung 1"),
        )
    slow = sweep.ask().number
    assert sweep.report(slow, [(4, {"score": 0.1}), (10, {"score": 0.2})]) == Continue(27)
    rungs = [sweep.history.rung((1, 3, 9, 27), epoch) for epoch in (1, 3, 9)]
    assert [rung.score(slow) for rung in rungs] == [0.1, 0.1, 0.2]
    assert rungs[0].scores == [0.1, 0.8, 0.9]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"eta": 1}, "scheduler.asha: eta must be a whole number of at least 2, got 1"),
        ({"eta": 2.5}, "scheduler.asha: eta must be a whole number of at least 2, got 2.5"),
        ({"eta": True}, "scheduler.asha: eta must be a whole number of at least 2, got True"),
        ({"eta": "3"}, "scheduler.asha: eta must be a whole number of at least 2, got '3'"),
        (
            {"min_epochs": 0},
            "scheduler.asha: min_epochs must be a whole number from 1 to epochs (9), got 0",
        ),
        (
            {"min_epochs": "1"},
            "scheduler.asha: min_epochs must be a whole number from 1 to epochs (9), got '1'",
        ),
        (
            {"min_epochs": 10},
            "scheduler.asha: min_epochs must be a whole number from 1 to epochs (9), got 10",
        ),
        (
            {"factor": 3},
            "scheduler.asha: unknown option 'factor' (allowed: eta, min_epochs, promote)",
        ),
        (
            {"min_epoch": 3},
            "scheduler.asha: unknown option 'min_epoch', did you mean 'min_epochs'? "
            "(allowed: eta, min_epochs, promote)",
        ),
    ],
)
def test_bad_options_get_one_line_that_names_the_value(options, line):
    with pytest.raises(SearchError, match=f"^{re.escape(line)}$"):
        make_scheduler(spec(9, **options))


def trained_with_promotion(trials, values):
    """(number, epoch) in the order of training, by one worker; and the sweep."""
    sweep = make_sweep(spec(9, trials, eta=3, promote=True))
    trained = []
    while isinstance(run := sweep.ask(), Run):
        decision = Continue(run.until)
        while isinstance(decision, Continue):
            trained.append((run.number, decision.until))
            decision = sweep.report(run.number, [(decision.until, {"score": values[run.number]})])
            check_invariants(sweep.history)
    return trained, sweep


def test_promotion_is_the_papers_from_the_highest_rung_down():
    """Algorithm 2: whoever is in the top 1/eta of its rung goes on; else a new one begins."""
    trained, sweep = trained_with_promotion(7, [0.1, 0.5, 0.3, 0.2, 0.7, 0.6, 0.4])
    # Of three at the first rung one goes on, 1; so do 4 and 5, on top when they arrive. Of three at
    # the second rung it is 4.
    assert trained == [
        *((0, 1), (1, 1), (2, 1), (1, 3), (3, 1), (4, 1), (4, 3), (5, 1), (5, 3), (4, 9), (6, 1))
    ]
    assert sweep.history.trials[4].status == "completed"
    assert [trial.number for trial in sweep.history.paused] == [0, 2, 1, 3, 5, 6]
    sweep.close(sweep.end)
    reasons = {trial.number: trial.reason for trial in sweep.history}
    assert reasons == {
        4: "",
        **dict.fromkeys((1, 5), "rung 3"),
        **dict.fromkeys((0, 2, 3, 6), "rung 1"),
    }


def test_once_all_trials_have_begun_the_best_of_a_rung_goes_on():
    trained, sweep = trained_with_promotion(4, [0.1, 0.5, 0.3, 0.2])
    assert trained == [(0, 1), (1, 1), (2, 1), (1, 3), (3, 1), (1, 9)]
    assert sweep.history.trials[1].status == "completed"


def test_once_the_sampler_has_nothing_left_the_best_of_a_rung_goes_on():
    few = replace(
        spec(9, None, eta=3, promote=True),
        space=Space({"x": Choice([0.1, 0.5, 0.3, 0.2])}),
        sampler=Plugin("grid"),
    )
    sweep = make_sweep(few)
    events = simulate(sweep, lambda params, epoch: {"score": params["x"]})
    assert [trial.epoch for trial in sweep.history] == [1, 9, 1, 1]
    assert sweep.end == "space exhausted"
    assert events.count(Exhausted()) == 1
    assert replay(few, events).history.is_exhausted
