"""What holds for every scheduler, and how one is found by its name."""

from __future__ import annotations

import re

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Continue, Decision, Exploit, Pause, Stop
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.errors import SearchError
from lanewise.search.schedulers import SCHEDULERS, make_scheduler
from lanewise.search.sweeps import make_sweep
from lanewise.search.testing.schedulers import CHECKS, check_scheduler
from lanewise.spaces import Float, Space

# Options with which a scheduler does other things than by default.
OTHERS = {
    "asha": [{"promote": True, "eta": 2}],
    "hyperband": [{"promote": True}, {"brackets": 2, "min_epochs": 2}],
    "median": [{"interval": 4, "min_epochs": 2, "min_trials": 1}],
    "pbt": [{"interval": 2, "quantile": 0.5, "resample": 1}, {"quantile": 0.1}],
    "constant": [{"first": 3, "top": 5}],
}
EVERYONE = [
    pytest.param(name, options, id=" ".join([name, *map(str, options.items())]))
    for name in SCHEDULERS
    for options in ({}, *OTHERS.get(name, ()))
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("name", "options"), EVERYONE)
def test_every_scheduler_keeps_to_the_protocol(name, options, check):
    check(lambda spec: SCHEDULERS[name](spec, **options))


def spec(name="none", epochs=27, trials=40, **options):
    return Spec(
        space=Space({"x": Float(0, 1)}),
        objectives=(Objective("score", "max"),),
        budget=Budget(epochs, trials),
        sampler=Plugin("random"),
        scheduler=Plugin(name, options),
    )


@pytest.mark.parametrize("name", SCHEDULERS)
def test_failures_take_no_place_at_a_rung(name):
    sweep = make_sweep(spec(name, trials=5))
    for value in (float("nan"), float("inf"), float("-inf")):
        sweep.report(sweep.ask().number, [(1, {"score": value})])
    assert all(not trial.rows for trial in sweep.history)
    good = sweep.ask()
    sweep.report(good.number, [(good.until, {"score": -5.0})])
    for trial in sweep.history:
        for rung in trial.rungs:
            assert set(sweep.history.rung(trial.rungs, rung).arrived) <= {good.number}


# -- the suite itself ----------------------------------------------------------------------------


class Broken:
    """A right scheduler, of which each test breaks one thing."""

    def __init__(self, spec: Spec) -> None:
        self.epochs = spec.budget.epochs
        self.asked = 0

    def rungs(self, number: int) -> tuple[int, ...]:
        return tuple(sorted({1, self.epochs}))

    def decide(self, history, number) -> Decision:
        return Continue()

    def next(self, history) -> int | None:
        return None


class RungsBeyondTheEnd(Broken):
    def rungs(self, number):
        return 1, self.epochs + 1


class Counts(Broken):
    def decide(self, history, number):
        self.asked += 1
        return Stop("every third") if self.asked % 3 == 0 else Continue()


class StopsTheBest(Broken):
    def decide(self, history, number):
        is_best = len(history.rung_of(number)) > 3 and not history.rung_of(number).better(number)
        return Stop("too good") if is_best else Continue()


class ForgetsThePaused(Broken):
    def decide(self, history, number):
        return Pause() if history.has_running and len(history) < 3 else Continue()


class NeverEnds(Broken):
    def decide(self, history, number):
        return Pause()

    def next(self, history):
        return history.paused[0].number if history.paused else None


class SawIt(Broken):
    """Remembers by trial what it has decided: another object, or a replay, knows nothing of it."""

    exploits = True

    def __init__(self, spec):
        super().__init__(spec)
        self.seen = set()

    def decide(self, history, number):
        self.seen.add(number)
        return Exploit(min(self.seen), history.trials[number].params)


def test_the_suite_passes_what_is_right():
    check_scheduler(Broken)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (RungsBeyondTheEnd, "end with 2, not 1"),
        (Counts, "an object that has judged a sweep judges an equal one differently"),
        (SawIt, "it keeps a state"),
        (StopsTheBest, "the best at every epoch, is stopped"),
        (ForgetsThePaused, "is paused for ever"),
        (NeverEnds, "next() names a trial, yet it is done"),
    ],
)
def test_the_suite_finds_what_is_broken(broken, words):
    with pytest.raises(AssertionError, match=re.escape(words)):
        check_scheduler(broken, keeps_best=broken is StopsTheBest)


def test_whether_the_best_must_survive_is_the_callers_choice():
    check_scheduler(StopsTheBest, keeps_best=False)


# -- by name -------------------------------------------------------------------------------------


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
    sweep = make_sweep(spec("our_schedulers:Halves", epochs=10, trials=20, below=0.5))
    simulate(sweep, lambda params, epoch: {"score": params["x"] * (1 - 0.5**epoch)})
    assert {trial.epoch for trial in sweep.history} == {5, 10}
    for trial in sweep.history:
        assert (trial.status == "stopped") == (trial.metrics_at(5)["score"] < 0.5)
