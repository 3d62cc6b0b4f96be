"""Warm starts: what was tried before, in another sweep or a table, for a new one's samplers."""

from __future__ import annotations

import csv
import json
import re
from contextlib import closing
from dataclasses import replace

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Launched
from lanewise.search.core.spec import Budget, Constraint, Objective, Plugin, PriorResult, Spec
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home
from lanewise.search.store.prior import prior_from_table, prior_from_view
from lanewise.search.store.view import open_view
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Choice, Float, Int, Space, fingerprint

LINE = Space({"x": Float(0, 1)})
LOSS = Objective("loss", "min")
SPEC = Spec(LINE, (LOSS,), Budget(9, 12), Plugin("random"), Plugin("asha"))


def loss(params, epoch):
    return {"loss": (params["x"] - 0.3) ** 2 + 1 / epoch, "seconds": 2.0 * epoch}


@pytest.fixture
def view(tmp_path):
    """Of a finished sweep, most of whose trials were stopped early."""
    home = Home(tmp_path)
    sweep = make_sweep(SPEC)
    with closing(home.journal(create=True)) as journal:
        journal.append("s1", -1, [Launched("s1", "first", SPEC.to_json(), {})])
        journal.append("s1", 0, simulate(sweep, loss))
        yield open_view(journal, "s1")


def results(count=20):
    return tuple(
        PriorResult({"x": n / count}, {"loss": (n / count - 0.3) ** 2}) for n in range(count)
    )


def warm(sampler, prior, options=(), **more):
    budget = Budget(9, trials=30)
    plugin = Plugin(sampler, dict(options))
    return replace(SPEC, budget=budget, sampler=plugin, prior=tuple(prior), **more)


# -- where results come from -----------------------------------------------------------------------


def test_the_trials_of_a_sweep_are_results_for_the_same_space(view):
    prior, dropped = prior_from_view(view, LINE)
    assert dropped == 0
    assert [result.params for result in prior] == [trial.params for trial in view.history]
    assert [result.metrics["loss"] for result in prior] == [t.best[1] for t in view.history]
    for result, trial in zip(prior, view.history, strict=True):
        assert result.epoch == (None if trial.status == "completed" else trial.epoch)
    assert {result.epoch for result in prior} >= {None, 1}


def test_what_does_not_fit_the_new_space_is_dropped_and_counted(view):
    half = Space({"x": Float(0, 0.5), "momentum": 0.9})
    prior, dropped = prior_from_view(view, half)
    inside = [trial.params["x"] for trial in view.history if trial.params["x"] <= 0.5]
    assert [result.params for result in prior] == [{"x": x, "momentum": 0.9} for x in inside]
    assert 0 < dropped == len(view.history) - len(inside)
    assert prior_from_view(view, Space({"x": Float(0, 1), "y": Float(0, 1)})) == ((), 12)


def test_the_best_epoch_is_that_of_the_new_objective(view):
    prior, dropped = prior_from_view(view, LINE, [Objective("seconds", "min")])
    assert dropped == 0
    assert {result.metrics["seconds"] for result in prior} == {2.0}  # of the first epoch
    assert prior_from_view(view, LINE, [Objective("accuracy", "max")]) == ((), 12)


TABLE = Space(
    {
        "lr": Float(1e-4, 1.0, log=True),
        "hidden": Int(1, 100),
        "optimizer": Choice([{"sgd": {"momentum": Float(0, 1)}}, "adam"]),
        "batch": 64,
    }
)
ROWS = [
    {"lr": "1e-2", "hidden": "10", "optimizer": "sgd", "optimizer.momentum": "0.5", "loss": "1.5"},
    {"lr": "0.1", "hidden": "20.0", "optimizer": "adam", "optimizer.momentum": "", "loss": "0.5"},
    {"lr": "7", "hidden": "10", "optimizer": "adam", "optimizer.momentum": "", "loss": "0.1"},
    {"lr": "0.1", "hidden": "5", "optimizer": "adam", "optimizer.momentum": "", "loss": ""},
    {"lr": "0.1", "hidden": "5", "optimizer": "adam", "optimizer.momentum": "", "loss": "nan"},
]
READ = (
    PriorResult(
        {
            "lr": 0.01,
            "hidden": 10,
            "optimizer": {"name": "sgd", "momentum": 0.5},
            "batch": 64,
        },
        {"loss": 1.5},
    ),
    PriorResult(
        {"lr": 0.1, "hidden": 20, "optimizer": {"name": "adam"}, "batch": 64}, {"loss": 0.5}
    ),
)


@pytest.mark.parametrize(
    ("of_parameters", "of_metrics"),
    [("", ""), ("params.", "metrics."), ("params_", "values_"), ("config/", ""), ("", "best_")],
)
def test_the_rows_of_a_table_are_results(tmp_path, of_parameters, of_metrics):
    path = tmp_path / "results.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        named = [
            {(of_metrics if k == "loss" else of_parameters) + k: v for k, v in row.items()}
            for row in ROWS
        ]
        writer = csv.DictWriter(file, ["number", *named[0]])
        writer.writeheader()
        writer.writerows({"number": n, **row} for n, row in enumerate(named))
    assert prior_from_table(path, TABLE, LOSS) == (READ, 3)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "cannot be read as a table: No such file or directory"),
        (b"", "has no column loss (columns: none)"),
        (b"lr,lss\n1,2\n", "has no column loss, did you mean 'lss'? (columns: lr, lss)"),
        (b"\xff\xfe\x00\x01", "cannot be read as a table: "),
    ],
)
def test_a_table_that_is_none_gets_one_line(tmp_path, text, line):
    path = tmp_path / "results.csv"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(SearchError, match=f"^{re.escape(f'{path}: {line}')}[^\n]*$"):
        prior_from_table(path, TABLE, LOSS)


# -- what samplers make of them --------------------------------------------------------------------


def test_results_are_in_the_journal_with_the_spec():
    spec = warm("tpe", [*results(2), PriorResult({"x": 0.5}, {"loss": 1.0}, 3)])
    assert Spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        ("tpe", {}),
        ("optuna:tpe", {}),
        ("gp", {}),
        ("cmaes", {"population": 10}),
    ],
)
def test_adaptive_samplers_begin_where_earlier_results_were_good(sampler, options):
    # Each of 8 random draws is nearer than 0.25 with probability one half: all but two are, by
    # chance, in 37 of 256 sweeps, and the seed is set.
    sweep = make_sweep(warm(sampler, results(), options))
    first = [run.params["x"] for run in (sweep.ask() for _ in range(2 if sampler == "gp" else 8))]
    assert sum(abs(x - 0.3) < 0.25 for x in first) >= 0.75 * len(first)
    assert len(sweep.history) == len(first)  # earlier results are no trials of the sweep
    assert sweep.history.best is None
    assert sweep.history.spent == 0


def test_earlier_results_are_the_first_generations_of_nsga2():
    sweep = make_sweep(warm("nsga2", results(), {"population": 10}))
    sweep.ask()
    study = sweep.sampler.inner._mirrors[sweep.history].storage
    generations = [
        value
        for trial in study.trials
        for key, value in trial.system_attrs.items()
        if key.endswith("generation")
    ]
    assert generations == [0] * 10 + [1] * 10 + [2]


@pytest.mark.parametrize("sampler", ["tpe", "optuna:tpe", "cmaes", "nsga2", "optuna:qmc"])
def test_a_warm_sweep_goes_on_after_a_replay_as_it_would_have(sampler):
    options = {"population": 4} if sampler in ("cmaes", "nsga2") else {}
    early = [replace(result, epoch=1) for result in results(6)]
    spec = warm(sampler, [*results(7), *early], options)
    sweep, events = make_sweep(spec), []
    for number in range(9):
        run = sweep.ask()
        sweep.report(number, [(1, {"loss": run.params["x"]})])
        events += sweep.drain()
    again = replay(Spec.from_json(json.loads(json.dumps(spec.to_json()))), events)
    expected = [sweep.ask().params for _ in range(3)]
    assert [run.params for run in again.ask_batch(3)] == expected


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_what_was_tried_before_is_not_tried_again_unless_repeats_are_wanted(sampler):
    space = Space({"n": Int(1, 6)})
    prior = [PriorResult({"n": n}, {"loss": 1.0 * n}) for n in (2, 4, 6)]
    spec = warm(sampler, prior, space=space)
    sweep = make_sweep(spec)
    simulate(sweep, lambda params, epoch: {"loss": 1.0})
    assert sorted(trial.params["n"] for trial in sweep.history) == [1, 3, 5]
    assert sweep.end == "space exhausted"
    again = make_sweep(replace(spec, repeats=True))
    simulate(again, lambda params, epoch: {"loss": 1.0})
    assert {trial.params["n"] for trial in again.history} & {2, 4, 6}


def test_tpe_ranks_earlier_results_by_how_far_they_were_trained():
    prior = [
        PriorResult({"x": 0.1}, {"loss": 3.0}),
        PriorResult({"x": 0.2}, {"loss": 1.0}, epoch=1),
        PriorResult({"x": 0.3}, {"loss": 2.0}, epoch=27),
    ]
    sweep = make_sweep(warm("tpe", prior, {"startup": 1}))
    sweep.report(sweep.ask().number, [(9, {"loss": 2.5})])
    sweep.sampler.ask(sweep.history, [1])
    table = sweep.sampler.inner._tables[sweep.history]
    # Beyond this sweep's last rung, 9, none counts for more.
    assert table.ranked().tolist() == [2, 3, 0, 1]


def test_a_result_that_says_nothing_on_a_constraint_is_no_obstacle():
    limit = (Constraint("memory", most=1.0),)
    spec = warm("optuna:tpe", results(12), {"startup": 2}, constraints=limit)
    sweep = make_sweep(spec)
    tried = [sweep.ask().params for _ in range(4)]
    assert len({fingerprint(params) for params in tried}) == 4
