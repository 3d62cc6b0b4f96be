"""Optuna's samplers as samplers of ours: what they are told, by which name, with which options."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pytest

from lanewise.search.core.events import Continue, Failure
from lanewise.search.core.history import History
from lanewise.search.core.spec import Budget, Constraint, Objective, Plugin, Spec
from lanewise.search.errors import SearchError
from lanewise.search.samplers import make_sampler, optuna
from lanewise.search.samplers.optuna import OptunaSampler
from lanewise.search.samplers.optuna_study import MirroredStudy, Storage
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Choice, Float, Int, Space, fingerprint

LINE = Space({"x": Float(0, 1)})
SCORE = (Objective("score", "max"),)
MIXED = Space(
    {
        "x": Float(0, 1),
        "n": Int(1, 100, log=True),
        "c": Choice(["a", {"b": {"y": Float(-1, 1)}}]),
        "d": Float(0, 1, step=0.25),
    }
)
FINITE = Space({"a": Int(1, 3), "b": Choice(["x", "y"])})


def spec(name, space=MIXED, options=(), objectives=SCORE, **more):
    sampler, budget = Plugin(name, dict(options)), more.pop("budget", Budget(9, trials=100))
    return Spec(space, objectives, budget, sampler, Plugin("asha"), **more)


def trained(sweep, run, score):
    """A run that reports that score until its scheduler stops or pauses it, or it is done."""
    decision = Continue(run.until)
    while isinstance(decision, Continue):
        decision = sweep.report(run.number, [(decision.until, {"score": score})])


def states(study):
    return [trial.state.name for trial in study.storage.trials]


def mirror_of(history, name, space):
    """Of one of Optuna's samplers, up to date with the history."""
    sampler = OptunaSampler(space, 0, name)
    mirror = MirroredStudy(space, history, sampler._make)
    mirror.follow(history)
    return mirror


@pytest.fixture(scope="module")
def eventful():
    """Trials in every state: stopped at a rung, completed, failed, without any report, running."""
    sweep = make_sweep(replace(spec("random", LINE), retries={}))
    for _ in range(15):
        run = sweep.ask()
        trained(sweep, run, run.params["x"])
    sweep.fail(sweep.ask().number, Failure("bug", ""))
    sweep.complete(sweep.ask().number)
    sweep.ask()
    return sweep.history


def test_tpe_is_told_which_trials_were_stopped(eventful):
    names = {"stopped": "PRUNED", "completed": "COMPLETE", "running": "RUNNING", "failed": "FAIL"}
    expected = [names[trial.status] if trial.best else "FAIL" for trial in eventful]
    expected[-1] = "RUNNING"
    mirror = mirror_of(eventful, "tpe", LINE)
    assert states(mirror) == expected
    assert {"PRUNED", "COMPLETE"} <= set(expected)
    pruned = mirror.storage.trials[expected.index("PRUNED")]
    assert pruned.intermediate_values == {1: pruned.params["x"]}


def test_those_who_learn_nothing_of_pruned_trials_are_told_that_they_are_complete(eventful):
    mirror = mirror_of(eventful, "gp", LINE)
    assert "PRUNED" not in states(mirror)
    told = [trial.value for trial in mirror.storage.trials if trial.state.name == "COMPLETE"]
    assert told == [trial.best[1] for trial in eventful if trial.best]


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes"])
def test_a_paused_trial_counts_like_a_stopped_one_and_opens_again(name):
    asha = Plugin("asha", {"promote": True})
    sweep = make_sweep(replace(spec("random", LINE, budget=Budget(9, trials=6)), scheduler=asha))
    mirror = MirroredStudy(LINE, sweep.history, OptunaSampler(LINE, 0, name)._make)
    for score in (3.0, 2.0, 1.0):
        trained(sweep, sweep.ask(), score)
        mirror.follow(sweep.history)
    paused = "PRUNED" if name == "tpe" else "COMPLETE"
    assert states(mirror) == [paused] * 3
    promoted = sweep.ask().number
    mirror.follow(sweep.history)
    # One that leaves notes learns a value once.
    assert states(mirror)[promoted] == (paused if name == "cmaes" else "RUNNING")
    sweep.report(promoted, [(3, {"score": 9.0})])
    mirror.follow(sweep.history)
    assert states(mirror)[promoted] == paused
    fresh = mirror_of(sweep.history, name, LINE)
    assert fresh.storage.trials == mirror.storage.trials


def test_several_objectives_are_told_with_the_values_of_the_best_epoch():
    objectives = (Objective("score", "max"), Objective("cost", "min"))
    sweep = make_sweep(spec("optuna:tpe", LINE, {"startup": 2}, objectives))
    for score in (1.0, 3.0, 2.0):
        run = sweep.ask()
        rows = [(1, {"score": score, "cost": 5.0})]
        if isinstance(sweep.report(run.number, rows), Continue):
            sweep.report(run.number, [(3, {"score": 0.0, "cost": 9.0})])
    mirror = mirror_of(sweep.history, "nsgaii", LINE)
    assert [d.name for d in mirror.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert [trial.values for trial in mirror.storage.trials if trial.values] == [
        [trial.best[1], 5.0] for trial in sweep.history if trial.status in ("stopped", "completed")
    ]


def test_constraints_are_told():
    limit = (Constraint("memory", most=10.0),)
    sweep = make_sweep(replace(spec("random", LINE, constraints=limit), scheduler=Plugin("none")))
    for metrics in ({"memory": 12.0}, {"memory": 3.0}, {}):
        sweep.report(sweep.ask().number, [(9, {"score": 1.0, **metrics})])
    mirror = mirror_of(sweep.history, "tpe", LINE)
    assert [list(trial.constraints.values()) for trial in mirror.storage.trials] == [[2], [0], []]
    assert states(mirror) == ["COMPLETE", "COMPLETE", "FAIL"]  # of the last one nothing is known


@pytest.mark.parametrize("name", optuna.NAMES)
def test_each_of_optunas_samplers_proposes_by_its_name(name):
    import optuna as library

    assert hasattr(library.samplers, optuna.NAMES[name])
    options = {
        "bruteforce": {},
        "gp": {"startup": 4},
        "partialfixed": {"fixed_params": {"x": 0.5}, "base_sampler": {"tpe": {"startup": 1}}},
    }
    space = FINITE if name == "bruteforce" else MIXED
    sweep = make_sweep(spec(f"optuna:{name}", space, options.get(name, {})))
    tried = []
    for number in range(6):
        run = sweep.ask()
        space.validate(run.params)
        tried.append(run.params)
        sweep.report(number, [(9, {"score": number * 0.3 % 1})])
    assert len({fingerprint(params) for params in tried}) == 6
    if name == "partialfixed":
        assert {params["x"] for params in tried} == {0.5}


def test_no_sampler_of_optunas_is_left_out():
    import optuna as library

    ours = {*optuna.NAMES.values(), "GridSampler", "BaseSampler", "BaseGASampler"}
    assert {name for name in library.samplers.__all__ if name.endswith("Sampler")} == ours


@pytest.mark.parametrize("name", ["TPE", "TPESampler", "tpe_sampler"])
def test_a_name_may_be_written_as_optuna_writes_it(name):
    assert optuna.canonical_name(name) == "tpe"
    assert optuna.canonical_name("Brute_Force") == "bruteforce"
    assert optuna.canonical_name("NSGA-II") == optuna.canonical_name("nsga2") == "nsgaii"


THEIRS = """
import optuna

class Middle(optuna.samplers.BaseSampler):
    def __init__(self, at=0.5, seed=None):
        self.at, self.rng = at, __import__("random").Random(seed)
    def infer_relative_search_space(self, study, trial):
        return {}
    def sample_relative(self, study, trial, search_space):
        study_trials = study.get_trials(deepcopy=False)
        assert study_trials[-1].number == trial.number
        return {}
    def sample_independent(self, study, trial, name, distribution):
        return self.at + self.rng.random() / 100
    def after_trial(self, study, trial, state, values):
        if trial.number == 3:
            study.stop()
"""


def test_a_class_of_optunas_kind_is_found_by_its_dotted_name(tmp_path, monkeypatch):
    (tmp_path / "their_sampler.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    sweep = make_sweep(spec("their_sampler:Middle", LINE, {"at": 0.25}))
    while not isinstance(run := sweep.ask(), type(None)) and hasattr(run, "number"):
        assert 0.25 <= run.params["x"] < 0.26
        trained(sweep, run, 1.0)
    assert len(sweep.history) == 4  # it has said that it is done
    line = "sampler.their_sampler:Middle: unknown option 'att', did you mean 'at'? (allowed: at)"
    with pytest.raises(SearchError, match=f"^{re.escape(line)}$"):
        make_sampler(spec("their_sampler:Middle", LINE, {"att": 1}))


def test_what_optuna_cannot_do_is_told_in_one_line():
    both = (Objective("a", "max"), Objective("b", "min"))
    with pytest.raises(SearchError, match=r"^sampler: cmaes takes one objective, not 2$"):
        make_sampler(spec("cmaes", objectives=both))
    with pytest.raises(SearchError, match=r"^sampler\.optuna:bruteforce: it tries everything, and"):
        make_sampler(spec("optuna:bruteforce"))


@pytest.mark.parametrize("name", ["cmaes", "nsga2", "optuna:qmc"])
def test_what_leaves_notes_leaves_them_again_when_it_is_asked_again(name):
    options = {} if name == "optuna:qmc" else {"population": 4}
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    asked = spec(name, space, options)
    sweep, events = make_sweep(asked), []
    for _ in range(14):
        run = sweep.ask()
        trained(sweep, run, -((run.params["x"] - 0.3) ** 2))
        events += sweep.drain()
    again = replay(asked, events)
    assert [again.ask().params for _ in range(3)] == [sweep.ask().params for _ in range(3)]
    study = (
        next(iter(again.sampler.inner._mirrors.values())) if name in ("cmaes", "nsga2") else None
    )
    if study is not None:
        generations = [
            max(v for k, v in trial.system_attrs.items() if k.endswith("generation"))
            for trial in study.storage.trials
            if any(k.endswith("generation") for k in trial.system_attrs)
        ]
        assert generations == sorted(generations)
        assert generations[-1] >= 2  # it has learned


def test_nothing_is_logged(caplog):
    with caplog.at_level(logging.DEBUG, logger="optuna"):
        sweep = make_sweep(spec("cmaes"))
        for number in range(4):
            sweep.report(sweep.ask().number, [(9, {"score": number / 2})])
    assert caplog.records == []


def test_asking_does_not_touch_optunas_logging():
    import optuna as library

    before = library.logging.get_verbosity()
    sampler = make_sampler(spec("nsga2"))
    sampler.ask(History(SCORE), [0])
    assert library.logging.get_verbosity() == before


def test_a_sampler_may_leave_words_on_its_trials_and_not_end_them():
    from optuna.trial import TrialState

    storage = Storage([Objective("score", "max")])
    number = storage.create_new_trial(0)
    storage.set_trial_user_attr(number, "why", "a guess")
    assert storage.get_trial(number).user_attrs == {"why": "a guess"}
    with pytest.raises(NotImplementedError, match="calls set_trial_state_values of Optuna's"):
        storage.set_trial_state_values(number, TrialState.FAIL)
