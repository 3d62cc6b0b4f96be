"""What holds for every scheduler."""

from __future__ import annotations

import pickle
import random
import re

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Continue, Stop
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.search.errors import SearchError
from lanewise.search.schedulers import SCHEDULERS, make_scheduler
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

everyone = pytest.mark.parametrize("name", SCHEDULERS)


def spec(name="none", epochs=27, trials=40, mode="max"):
    return Spec(
        space=Space({"x": Float(0, 1)}),
        objectives=(Objective("score", mode),),
        budget=Budget(epochs, trials),
        sampler=Plugin("random"),
        scheduler=Plugin(name),
    )


def curve(params, epoch):
    return {"score": params["x"] * (1 - 0.5**epoch)}


@everyone
@pytest.mark.parametrize("epochs", [1, 2, 3, 27, 100])
def test_rungs_ascend_to_the_last_epoch(name, epochs):
    rungs = make_scheduler(spec(name, epochs)).rungs(0)
    assert isinstance(rungs, tuple)
    assert list(rungs) == sorted(set(rungs))
    assert all(type(rung) is int and rung >= 1 for rung in rungs)
    assert rungs[-1] == epochs


@everyone
@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_same_sweep_is_decided_in_the_same_way(name, mode):
    first = simulate(make_sweep(spec(name, mode=mode)), curve, workers=3)
    assert first == simulate(make_sweep(spec(name, mode=mode)), curve, workers=3)


@everyone
def test_decisions_leave_no_state_behind(name):
    scheduler = make_scheduler(spec(name))
    before = pickle.dumps(scheduler)
    simulate(make_sweep(spec(name), scheduler=scheduler), curve, workers=3)
    assert pickle.dumps(scheduler) == before


@everyone
def test_one_object_judges_two_sweeps_as_two_objects_do(name):
    shared = make_scheduler(spec(name))
    traces = [simulate(make_sweep(spec(name), scheduler=shared), curve) for _ in range(2)]
    assert traces[0] == traces[1] == simulate(make_sweep(spec(name)), curve)


@everyone
def test_the_best_of_all_is_never_stopped(name):
    order = random.Random(0)
    sweep = make_sweep(spec(name, trials=30))
    runs = [sweep.ask() for _ in range(30)]
    best = max(runs, key=lambda run: run.params["x"])
    open_ones = {run.number: run for run in runs if isinstance(run, Run)}
    while open_ones:
        run = open_ones[order.choice(list(open_ones))]
        until = sweep.history.trials[run.number].until
        decision = sweep.report(run.number, [(until, curve(run.params, until))])
        if isinstance(decision, Stop):
            del open_ones[run.number]
        else:
            assert decision.until > until
    assert sweep.history.trials[best.number].status == "completed"
    assert sweep.history.best.number == best.number


@everyone
def test_failures_take_no_place_at_a_rung(name):
    sweep = make_sweep(spec(name, trials=10))
    for value in (float("nan"), float("inf"), float("-inf")):
        sweep.report(sweep.ask().number, [(1, {"score": value})])
    assert all(not trial.rows for trial in sweep.history)
    good = sweep.ask().number
    first = sweep.history.trials[good].until
    decision = sweep.report(good, [(first, {"score": -5.0})])
    assert decision == Stop("finished") if name == "none" else isinstance(decision, Continue)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "ashe",
            "scheduler: unknown scheduler 'ashe', did you mean 'asha'? "
            f"(allowed: {', '.join(SCHEDULERS)}, package.module:Class)",
        ),
        (
            "nowhere:X",
            "scheduler: cannot load 'nowhere:X': No module named 'nowhere'",
        ),
    ],
)
def test_an_unknown_name_gets_one_line(name, line):
    with pytest.raises(SearchError, match=f"^{re.escape(line)}$"):
        make_scheduler(spec(name))


def test_a_users_own_class_is_found_by_its_dotted_name(tmp_path, monkeypatch):
    (tmp_path / "our_schedulers.py").write_text(
        "from lanewise.search.core.events import Continue, Stop\n"
        "class Halves:\n"
        "    def __init__(self, spec, below=0.0):\n"
        "        self.epochs, self.below = spec.budget.epochs, below\n"
        "    def rungs(self, number):\n"
        "        return self.epochs // 2, self.epochs\n"
        "    def decide(self, history, number):\n"
        "        is_low = history.rung_of(number).score(number) < self.below\n"
        "        return Stop('too low') if is_low else Continue()\n"
        "    def next(self, history):\n"
        "        return None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugin = Plugin("our_schedulers:Halves", {"below": 0.5})
    asked = Spec(
        **{**vars(spec(epochs=10, trials=20)), "scheduler": plugin},
    )
    sweep = make_sweep(asked)
    simulate(sweep, curve)
    assert {trial.epoch for trial in sweep.history} == {5, 10}
    for trial in sweep.history:
        assert (trial.status == "stopped") == (trial.metrics_at(5)["score"] < 0.5)
