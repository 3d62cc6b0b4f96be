"""What holds for every sampler, and what grid, random and TPE add to it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Failure
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Done
from lanewise.search.errors import SearchError
from lanewise.search.samplers import (
    SAMPLERS,
    Deduplicated,
    check_sampler,
    make_sampler,
    optuna,
)
from lanewise.search.samplers.tpe import TPE
from lanewise.search.sweeps import make_sweep
from lanewise.search.testing.samplers import (
    CHECKS,
    CONDITIONAL,
    FINITE,
    check_batches,
    check_no_state,
    check_repeats,
)
from lanewise.spaces import Choice, Float, Int, Repeat, Space, SpaceError, fingerprint

OPTIONS = {
    "tpe": {"startup": 3},  # soon beyond random draws
    "optuna:tpe": {"startup": 3},
    "gp": {"startup": 3},
    "cmaes": {"population": 4},
    "nsga2": {"population": 4},
}
NAMES = [*(name for name in SAMPLERS if name != "gp"), "optuna:tpe", "optuna:qmc"]
CASES = [
    (name, space, check)
    for name in NAMES
    for space in ("finite", "conditional")
    for check in CHECKS
]
# A proposal takes a Gaussian process seconds, so it makes few.
CASES += [("gp", "conditional", check) for check in (check_no_state, check_batches, check_repeats)]

everyone = pytest.mark.parametrize("name", NAMES)


@pytest.mark.parametrize(("name", "space", "check"), CASES)
def test_what_holds_of_every_sampler(name, space, check):
    make = SAMPLERS.get(name) or optuna.named(name.removeprefix("optuna:"))
    spaces = {"finite": FINITE, "conditional": CONDITIONAL}
    # The finite space is exhausted by 12 trials.
    check(partial(make, **OPTIONS.get(name, {})), spaces[space], 6 if name == "gp" else 12)


def spec(name, space=CONDITIONAL, seed=0, mode="max", scheduler="asha", start=(), trials=None):
    return Spec(
        space=space,
        objectives=(Objective("score", mode),),
        budget=Budget(epochs=9, trials=trials),
        sampler=Plugin(name, OPTIONS.get(name, {})),
        scheduler=Plugin(scheduler),
        seed=seed,
        start=tuple(start),
        retries={"node_lost": 1},
    )


def history_of(spec, trials, workers=4):
    """Of a sweep of so many trials that run side by side."""
    sweep = make_sweep(replace(spec, budget=Budget(9, trials=trials)))
    simulate(sweep, curve, workers=workers)
    return sweep.history


def curve(params, epoch):
    return {"score": int(fingerprint(params)[:8], 16) / 2**32 - 1 / epoch}


def proposals(spec, trials):
    return [trial.params for trial in history_of(spec, trials)]


@everyone
def test_another_seed_proposes_others(name):
    first, again, other = (proposals(spec(name, seed=seed), 8) for seed in (0, 0, 1))
    assert first == again
    assert (first == other) == (name == "grid")  # a grid has one order


@pytest.mark.parametrize("name", [name for name in NAMES if name != "grid"])
def test_unlikely_configurations_are_found_before_a_space_counts_as_exhausted(name):
    # 200 comes once in 1,200 draws: 20,000 draws miss it once in 1e7 sweeps (and the seed is set).
    space = Space({"width": Int(1, 200, log=True)})
    asked = spec(name, space)
    history = make_sweep(asked).history
    history.fingerprints |= {fingerprint({"width": width}) for width in range(1, 200)}
    assert make_sampler(asked).ask(history, [0]) == [{"width": 200}]


@everyone
def test_a_finite_space_ends_the_sweep(name):
    sweep = make_sweep(spec(name, FINITE))
    simulate(sweep, curve, workers=4)
    assert len(sweep.history) == FINITE.size
    assert sweep.ask() == Done()
    assert sweep.end == "space exhausted"


@everyone
def test_a_space_of_one_configuration_is_tried_once(name):
    sweep = make_sweep(spec(name, Space({"batch_size": 64})))
    simulate(sweep, lambda params, epoch: {"score": 1.0})
    assert [trial.params for trial in sweep.history] == [{"batch_size": 64}]


@everyone
def test_start_configurations_come_first_in_order_and_are_not_proposed_again(name):
    start = [FINITE.grid_at(index) for index in (7, 2, 7)]
    tried = proposals(spec(name, FINITE, start=start), 13)
    assert tried[:3] == start
    assert len({fingerprint(params) for params in tried}) == 12


def test_a_grid_enumerates_its_points_in_order():
    sweep = make_sweep(spec("grid", FINITE))
    simulate(sweep, lambda params, epoch: {"score": 0.0}, workers=5)
    tried = [trial.params for trial in sweep.history]
    assert tried == [FINITE.grid_at(index) for index in range(12)]


def test_a_grid_over_a_range_without_points_is_refused_at_once():
    with pytest.raises(SpaceError, match=r"^space\.x: a grid over a number from 0 to 1 needs"):
        make_sweep(spec("grid", Space({"x": Float(0, 1)})))


def test_random_with_the_same_seed_is_the_same_under_any_objective_and_scheduler():
    other = spec("random", mode="min", scheduler="none")
    assert proposals(spec("random"), 10) == proposals(other, 10)


def test_tpe_begins_with_what_random_draws():
    assert proposals(spec("tpe"), 3) == proposals(spec("random"), 3)


def test_tpe_is_better_than_random():
    # TPE won on 92 of 100 seeds, so among ten it wins fewer than six times once in 1,700 choices
    # of seeds. These are fixed: by chance it fails only where the streams of numpy change.
    space = Space({"x": Float(0, 1), "y": Float(0, 1), "z": Float(0, 1)})

    def curve(params, epoch):
        return {"loss": sum((params[k] - m) ** 2 for k, m in (("x", 0.3), ("y", 0.7), ("z", 0.5)))}

    def best(name, seed):
        sweep = make_sweep(
            Spec(space, (Objective("loss", "min"),), Budget(1, trials=40), Plugin(name), seed=seed)
        )
        simulate(sweep, curve, workers=2)
        return sweep.history.best.best[1]

    wins = sum(best("tpe", seed) < best("random", seed) for seed in range(10))
    assert wins >= 6


def test_tpe_proposes_the_best_of_what_is_not_tried_in_a_finite_space():
    space = Space({"a": Int(0, 9), "b": Choice([{"deep": {"c": Int(0, 9)}}, "flat"])})
    sweep = make_sweep(spec("tpe", space, scheduler="none"))
    sampler, repeats = TPE(space, 0), 0
    for number in range(40):
        (bare,) = sampler.ask(sweep.history, [number])  # that nobody replaces if it is a repeat
        repeats += number >= 10 and fingerprint(bare) in sweep.history.fingerprints
        run = sweep.ask()
        value = -abs(run.params["a"] - 3) - abs(run.params["b"].get("c", 5) - 4)
        sweep.report(run.number, [(9, {"score": value})])
    assert repeats == 0  # 30 proposals, where there are 110 configurations


def test_running_trials_repel_tpe():
    space = Space({"x": Float(0, 1)})
    sweep = make_sweep(spec("tpe", space, scheduler="none"))
    for _ in range(20):
        run = sweep.ask()
        sweep.report(run.number, [(9, {"score": -((run.params["x"] - 0.5) ** 2)})])
    side_by_side = [sweep.ask().params["x"] for _ in range(10)]
    assert len(set(side_by_side)) == 10
    assert max(side_by_side) - min(side_by_side) > 0.05


def test_what_tpe_proposes_depends_on_what_was_good():
    proposals = []
    for mode in ("max", "min"):
        sweep = make_sweep(spec("tpe", Space({"x": Float(0, 1)}), mode=mode, scheduler="none"))
        for _ in range(25):
            run = sweep.ask()
            sweep.report(run.number, [(9, {"score": run.params["x"]})])
        proposals.append(np.mean([trial.params["x"] for trial in list(sweep.history)[15:]]))
    high, low = proposals
    assert high > 0.7
    assert low < 0.3


EDGES = {
    "many options": {"word": Choice([f"w{i}" for i in range(60)]), "x": Float(0, 1)},
    "options that look alike": {"word": Choice([1, "1", True, [1], None])},
    "one long list": {"list": Repeat(Int(0, 3), times=(0, 40))},
    "neighbouring floats": {"x": Float(1.0, 1.0 + 2**-52, log=True), "y": Float(0, 1)},
    "huge integers": {"n": Int(-(2**53), 2**53), "log": Int(1, 2**53, log=True)},
    "steps": {"x": Float(-0.3, 0.3, step=0.1), "y": Float(0, 100, step=0.5)},
    "two values": {"a": Int(0, 1), "b": Int(1, 2, log=True), "c": Float(0, 1, step=1)},
    "nested": {"a": Choice([{"b": {"c": Choice([{"d": {"e": Float(0, 1)}}, "f"])}}, "g"])},
    "constants in branches": {"a": Choice([{"b": {"c": 3}}, {"d": {"c": 4, "x": Float(0, 1)}}])},
}


@pytest.mark.parametrize("edge", EDGES)
def test_tpe_models_spaces_at_the_edges(edge):
    space = Space(EDGES[edge])
    asked = spec("tpe", space, scheduler="none")
    sweep = make_sweep(asked, sampler=make_sampler(asked).inner)  # repeats and all
    for number in range(60):
        run = sweep.ask()
        space.validate(run.params)
        if number % 3:
            sweep.report(number, [(9, {"score": number * 0.37 % 1})])


def test_tpe_ranks_by_the_last_rung_reached_then_by_score():
    sweep = make_sweep(replace(spec("tpe", Space({"x": Float(0, 1)})), retries={}))
    for score in (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        run = sweep.ask()
        sweep.report(run.number, [(1, {"score": score})])  # only the first goes on
    sweep.report(0, [(3, {"score": 0.1})])  # still trains: ranks as if it were stopped now
    bug, bad, early = (sweep.ask().number for _ in range(3))
    sweep.fail(bug, Failure("bug", ""))
    sweep.report(bad, [(1, {"score": float("nan")})])
    sweep.report(early, [(1, {"score": 0.95})])
    sweep.complete(early)  # it ended by itself: nothing better would have come
    running = [sweep.ask().number for _ in range(2)]
    sweep.sampler.ask(sweep.history, [len(sweep.history)])
    table = sweep.sampler.inner._tables[sweep.history]
    assert table.ranked().tolist() == [early, 0, 1, 2, 3, 4, 5, 6]
    good, rest = table.split(table.ranked())
    assert good.tolist() == [0, early]
    assert rest.tolist() == [1, 2, 3, 4, 5, 6, *running]  # the liars; failed ones count nowhere


def test_tpe_compares_at_the_highest_rung_that_enough_have_reached():
    asked = spec("tpe", Space({"x": Float(0, 1)}), trials=50)
    asked = replace(asked, scheduler=Plugin("median", {"min_trials": 100}))  # stops nobody here
    sweep = make_sweep(asked)
    for number in range(40):
        run = sweep.ask()
        sweep.report(run.number, [(1, {"score": 0.9 - number / 100})])
    for number in range(10):
        sweep.report(number, [(2, {"score": 0.5 + number / 100})])
    for number in range(3):
        sweep.report(number, [(9, {"score": 0.1})])
    sweep.sampler.ask(sweep.history, [len(sweep.history)])
    table = sweep.sampler.inner._tables[sweep.history]
    good, rest = table.split(table.ranked())
    assert good.tolist() == [0, 1, 2]  # by their best values
    assert rest.tolist() == [3, 4, 5, 6, 7, 8, 9]
    random = make_sampler(replace(asked, sampler=Plugin("random")))
    for number in (42, 45):
        assert sweep.sampler.ask(sweep.history, [number]) == random.ask(sweep.history, [number])


@everyone
def test_what_would_never_end_is_refused(name):
    endless = replace(spec(name), budget=Budget(9))
    if name == "grid":
        check_sampler(endless)  # the grid's points end it
    else:
        with pytest.raises(SearchError, match=r"^budget: give trials, total_epochs or time; "):
            check_sampler(endless)
    for limit in ({"trials": 3}, {"total_epochs": 30}, {"time": 60.0}):
        check_sampler(replace(endless, budget=Budget(9, **limit)))
    check_sampler(replace(endless, space=FINITE))


def test_a_repeat_is_replaced_by_the_next_random_draw():
    class Same:
        is_adaptive, is_finite = False, False

        def ask(self, history, numbers):
            return [{"x": 0.5} for _ in numbers]

    space = Space({"x": Float(0, 1)})
    sampler = Deduplicated(Same(), space, seed=3)
    sweep = make_sweep(spec("random", space), sampler=sampler)
    tried = [sweep.ask().params["x"] for _ in range(5)]
    assert tried[0] == 0.5
    assert len(set(tried)) == 5


def test_a_sobol_sequence_fills_the_space_more_evenly_than_random_draws():
    space = Space({"x": Float(0, 1), "y": Float(0, 1), "option": Choice(["a", "b", "c", "d"])})
    tried = proposals(spec("sobol", space), 64)
    cells = {(int(params["x"] * 8), int(params["y"] * 8)) for params in tried}
    assert len(cells) == 64  # one point in each cell, as of a net in base 2
    assert [sum(p["option"] == option for p in tried) for option in "abcd"] == [16] * 4


def test_a_point_of_the_sobol_sequence_is_that_of_its_number_in_any_order():
    sampler, history = make_sampler(spec("sobol")).inner, make_sweep(spec("sobol")).history
    forward = sampler.ask(history, range(20))
    assert [sampler.ask(history, [number])[0] for number in (7, 3, 19, 0)] == [
        forward[number] for number in (7, 3, 19, 0)
    ]


def test_a_log_range_of_few_integers_is_sampled_by_sobol_as_by_random():
    space = Space({"n": Int(1, 8, log=True)})
    shares = [
        np.bincount([p["n"] for p in sampler.ask(None, range(512))], minlength=9) / 512
        for sampler in (make_sampler(spec(name, space)).inner for name in ("sobol", "random"))
    ]
    # A share of 512 random draws is right to 0.022 (1 sigma, at most).
    assert np.abs(shares[0] - shares[1]).max() < 0.1


def test_the_gaussian_process_learns():
    space = Space({"x": Float(0, 1)})
    sweep = make_sweep(replace(spec("gp", space, scheduler="none"), budget=Budget(9, trials=9)))
    simulate(sweep, lambda params, epoch: {"score": -((params["x"] - 0.3) ** 2)})
    last = [trial.params["x"] for trial in sweep.history][-2:]
    assert all(abs(x - 0.3) < 0.1 for x in last)
