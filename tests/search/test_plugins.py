"""Samplers of a user's own, found by their dotted names, and every mistake in naming one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.errors import SearchError
from lanewise.search.samplers import SAMPLERS, make_sampler, optuna
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Choice, Float, Int, Space, fingerprint

FINITE = Space({"a": Int(1, 3), "b": Choice(["x", "y"]), "c": Float(0.0, 0.5, step=0.5)})
SPEC = Spec(FINITE, (Objective("score", "max"),), Budget(epochs=9), Plugin("random"))
OURS = """
from lanewise.spaces import fingerprint

class Alternating:
    def __init__(self, space, seed, values=("x", "y")):
        self.space, self.values = space, values
    def ask(self, history, numbers):
        return [{"a": 1, "b": self.values[number % 2], "c": 0.0} for number in numbers]

class Two:
    def __init__(self, space, seed):
        pass
    def ask(self, history, numbers):
        return [{"a": number + 1, "b": "x", "c": 0.0} for number in numbers if number < 2]

class Wild(Alternating):
    def ask(self, history, numbers):
        return [{"a": 17, "b": "x", "c": 0.0} for number in numbers]

class Needy:
    def __init__(self, space, seed, depth):
        pass

not_a_class = 3
"""


@pytest.fixture
def ours(tmp_path, monkeypatch):
    (tmp_path / "our_samplers.py").write_text(OURS)
    (tmp_path / "broken_sampler.py").write_text("raise RuntimeError('boom\\nbang')\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("ours")
def test_a_users_sampler_is_found_by_its_dotted_name_and_never_repeats():
    plugin = Plugin("our_samplers:Alternating", {"values": ["y", "x"]})
    sweep = make_sweep(replace(SPEC, sampler=plugin))
    simulate(sweep, lambda params, epoch: {"score": 0.0})
    tried = [trial.params for trial in sweep.history]
    assert tried[:2] == [{"a": 1, "b": "y", "c": 0.0}, {"a": 1, "b": "x", "c": 0.0}]
    assert len({fingerprint(params) for params in tried}) == FINITE.size


@pytest.mark.usefixtures("ours")
def test_a_users_sampler_may_end_the_sweep():
    sweep = make_sweep(replace(SPEC, sampler=Plugin("our_samplers:Two")))
    simulate(sweep, lambda params, epoch: {"score": 0.0})
    assert [trial.params["a"] for trial in sweep.history] == [1, 2]


@pytest.mark.usefixtures("ours")
def test_a_users_sampler_that_leaves_the_space_is_told_so():
    sweep = make_sweep(replace(SPEC, sampler=Plugin("our_samplers:Wild")))
    line = "sampler: its proposal for trial 0: space.a: must be an integer from 1 to 3, got 17"
    with pytest.raises(SearchError, match=f"^{re.escape(line)}$"):
        sweep.ask()
    assert sweep.drain() == []


ALLOWED = f"(allowed: {', '.join(SAMPLERS)}, optuna:NAME, package.module:Class)"
OPTUNAS = f"(allowed: {', '.join(optuna.NAMES)})"


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("tp", {}, f"sampler: unknown sampler 'tp', did you mean 'tpe'? {ALLOWED}"),
        ("Random", {}, f"sampler: unknown sampler 'Random', did you mean 'random'? {ALLOWED}"),
        ("xyzzy", {}, f"sampler: unknown sampler 'xyzzy' {ALLOWED}"),
        ("", {}, f"sampler: unknown sampler '' {ALLOWED}"),
        ("optuna:tp", {}, f"sampler: Optuna has no sampler 'tp', did you mean 'tpe'? {OPTUNAS}"),
        ("optuna:", {}, f"sampler: Optuna has no sampler '' {OPTUNAS}"),
        ("optuna:grid", {}, "sampler: a grid is our own sampler: 'grid'"),
        (
            "optuna:cmaes",
            {"pop": 3},
            "sampler.optuna:cmaes: unknown option 'pop', did you mean 'popsize'? "
            "(allowed: x0, sigma0, n_startup_trials, independent_sampler, "
            "warn_independent_sampling, consider_pruned_trials, restart_strategy, popsize, "
            "inc_popsize, use_separable_cma, with_margin, lr_adapt)",
        ),
        (
            "optuna:tpe",
            {"startup": "ten"},
            "sampler.optuna:tpe: startup must be int, got 'ten'",
        ),
        (
            "optuna:nsgaii",
            {"population_size": 1},
            "sampler.optuna:nsgaii: `population_size` must be greater than or equal to 2.",
        ),
        (
            "optuna:partial_fixed",
            {"fixed_params": {"a": 1}, "base_sampler": "tp"},
            "sampler.optuna:partial_fixed: Optuna has no sampler 'tp', did you mean 'tpe'? "
            f"{OPTUNAS}",
        ),
        (
            "optuna:partial_fixed",
            {},
            "sampler.optuna:partial_fixed: missing a required argument: 'fixed_params'",
        ),
        ("gp", {"startup": -1}, "sampler.gp: startup must be a whole number of at least 0, got -1"),
        (
            "gp",
            {"deterministic": 1},
            "sampler.gp: deterministic must be true or false, got 1",
        ),
        (
            "nsga2",
            {"crossover": 2},
            "sampler.nsga2: crossover must be a number from 0 to 1, got 2",
        ),
        ("nowhere:X", {}, "sampler: cannot load 'nowhere:X': No module named 'nowhere'"),
        (":X", {}, "sampler: cannot load ':X': Empty module name"),
        (
            "our_samplers:Three",
            {},
            "sampler: cannot load 'our_samplers:Three': "
            "module 'our_samplers' has no attribute 'Three'",
        ),
        ("broken_sampler:X", {}, "sampler: cannot load 'broken_sampler:X': boom bang"),
        ("our_samplers:not_a_class", {}, "sampler.our_samplers:not_a_class: 3 is not a class"),
        (
            "our_samplers:Needy",
            {},
            "sampler.our_samplers:Needy: missing a required argument: 'depth'",
        ),
        (
            "our_samplers:Needy",
            {"dept": 3},
            "sampler.our_samplers:Needy: unknown option 'dept', did you mean 'depth'? "
            "(allowed: depth)",
        ),
        ("random", {"n": 3}, "sampler.random: unknown option 'n' (allowed: none)"),
        ("random", {"seed": 3}, "sampler.random: unknown option 'seed' (allowed: none)"),
        (
            "tpe",
            {"start": 3},
            "sampler.tpe: unknown option 'start', did you mean 'startup'? "
            "(allowed: startup, candidates)",
        ),
        (
            "tpe",
            {"startup": -1},
            "sampler.tpe: startup must be a whole number of at least 0, got -1",
        ),
        (
            "tpe",
            {"candidates": "24"},
            "sampler.tpe: candidates must be a whole number of at least 1, got '24'",
        ),
    ],
)
def test_bad_names_and_options_get_one_line(name, options, line):
    with pytest.raises(SearchError, match=f"^{re.escape(line)}$"):
        make_sampler(replace(SPEC, sampler=Plugin(name, options)))
