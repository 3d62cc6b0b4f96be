"""The median stopping rule: every decision equals the paper's, at a cost that does not grow.

Random tests are derandomized: they fail by chance never; raise max_examples to explore.
"""

from __future__ import annotations

import re
from collections import defaultdict
from fractions import Fraction
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanewise.search.core.events import FINISHED, Continue, Stop
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.search.errors import SearchError
from lanewise.search.schedulers import make_scheduler
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

check = settings(deadline=None, max_examples=40, derandomize=True)


def spec(epochs, trials=10, mode="max", **options):
    return Spec(
        space=Space({"x": Float(0, 1)}),
        objectives=(Objective("score", mode),),
        budget=Budget(epochs, trials),
        sampler=Plugin("random"),
        scheduler=Plugin("median", options),
    )


class Reference:
    """Vizier's section 3.2.1, against all other trials that have reached the epoch."""

    def __init__(self, rungs, min_trials, mode):
        self.rungs, self.min_trials = rungs, min_trials
        self.sign = 1 if mode == "max" else -1
        self.values = defaultdict(list)  # trial -> its values so far

    def decide(self, number, epoch, values):
        own = self.values[number]
        own += [self.sign * value for value in values]
        if epoch == self.rungs[-1]:
            return Stop(FINISHED)
        others = [
            float(sum(map(Fraction, values[:epoch])) / epoch)
            for other, values in self.values.items()
            if other != number and len(values) >= epoch
        ]
        if len(others) >= self.min_trials and max(own) < median(others):
            return Stop(f"rung {epoch}")
        return Continue(min(rung for rung in self.rungs if rung > epoch))


@check
@given(data=st.data())
def test_every_decision_is_the_papers_for_any_order_of_arrival(data):
    epochs = data.draw(st.integers(1, 12), "epochs")
    interval, first = data.draw(st.integers(1, 4)), data.draw(st.integers(1, epochs))
    min_trials = data.draw(st.integers(1, 3), "min_trials")
    mode = data.draw(st.sampled_from(["max", "min"]), "mode")
    trials = data.draw(st.integers(1, 15), "trials")
    values = st.integers(-2, 2) if data.draw(st.booleans(), "ties") else st.floats(-9, 9)
    options = {"interval": interval, "min_epochs": first, "min_trials": min_trials}
    sweep = make_sweep(spec(epochs, trials, mode, **options))
    rungs = (*range(first, epochs, interval), epochs)
    reference = Reference(rungs, min_trials, mode)
    running = []
    while True:
        chosen = data.draw(st.integers(0, len(running)))
        if chosen == len(running):
            run = sweep.ask()
            if isinstance(run, Run):
                assert (run.rungs, run.until) == (rungs, first)
                running.append((run.number, 0, run.until))
            if not running:
                break
            continue
        number, epoch, until = running.pop(chosen)
        new = data.draw(st.lists(values, min_size=until - epoch, max_size=until - epoch))
        rows = [(epoch + i, {"score": value}) for i, value in enumerate(new, 1)]
        decision = sweep.report(number, rows)
        assert decision == reference.decide(number, until, new)
        if isinstance(decision, Continue):
            running.append((number, until, decision.until))


def reported(sweep, *curves):
    """What each trial is told at the end of its curve, one after the other."""
    decisions = []
    for curve in curves:
        number, epoch, decision = sweep.ask().number, 0, Continue(1)
        for epoch, value in enumerate(curve, 1):
            decision = sweep.report(number, [(epoch, {"score": value})])
        decisions.append(decision)
    return decisions


def test_the_best_so_far_is_compared_with_averages():
    sweep = make_sweep(spec(9, min_epochs=3, min_trials=2))
    # The median of 0.5 and 0.4 is 0.45: the third was better once, the fourth never was.
    curves = [[0.2, 0.5, 0.8], [0.3, 0.4, 0.5], [0.46, 0.1, 0.0]]
    assert reported(sweep, *curves) == [Continue(4), Continue(4), Continue(4)]
    assert reported(sweep, [0.1, 0.39, 0.39]) == [Stop("rung 3")]  # of 0.5, 0.4 and 0.19 it is 0.4


def test_equal_values_stop_nobody():
    sweep = make_sweep(spec(9, min_trials=1))
    assert reported(sweep, *[[0.1] * 7] * 5) == [Continue(8)] * 5


def test_huge_values_do_not_overflow():
    sweep = make_sweep(spec(9, min_trials=1))
    curves = [[-1.7e308, 1.7e308, 1.7e308], [1.7e308, 1.7e308, 1.7e308], [-1.7e308]]
    assert reported(sweep, *curves) == [Continue(4), Continue(4), Stop("rung 1")]


def test_an_epoch_that_was_skipped_counts_at_the_rung_behind_it():
    sweep = make_sweep(spec(9, interval=2, min_trials=1))  # rungs 1, 3, 5, 7, 9
    first, second = sweep.ask().number, sweep.ask().number
    sweep.report(first, [(1, {"score": 0.5}), (4, {"score": 0.1}), (6, {"score": 0.9})])
    # At 3 the first one's average is (0.5 + 0.1) / 2.
    assert sweep.report(second, [(1, {"score": 0.5})]) == Continue(3)
    assert sweep.report(second, [(3, {"score": 0.3})]) == Continue(5)
    third = sweep.ask().number
    assert sweep.report(third, [(3, {"score": 0.29})]) == Stop("rung 3")


def test_a_decision_looks_at_each_average_once():
    """Of 100,000 trials no decision may cost a look at all of them."""
    trials = 400
    sweep = make_sweep(spec(4, trials))
    runs = sweep.ask_batch(trials)
    for run in runs[:-1]:
        sweep.report(run.number, [(1, {"score": run.params["x"]})])
    averages = sweep.scheduler._averages[sweep.history]
    seen = []
    inner = averages._average
    averages._average = lambda *args: seen.append(args) or inner(*args)
    sweep.report(runs[-1].number, [(1, {"score": runs[-1].params["x"]})])
    assert len(seen) == 2  # its own, as one of all and to leave it out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"interval": 0}, "interval must be a whole number of at least 1, got 0"),
        ({"min_epochs": 10}, "min_epochs must be a whole number from 1 to epochs (9), got 10"),
        ({"min_trials": 0.5}, "min_trials must be a whole number of at least 1, got 0.5"),
    ],
)
def test_bad_options_get_one_line(options, line):
    with pytest.raises(SearchError, match=f"^{re.escape(f'scheduler.median: {line}')}$"):
        make_scheduler(spec(9, **options))
