"""What holds for every sampler, and what grid, random and TPE add to it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Failure, decode, encode
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Done, Run
from lanewise.search.errors import SearchError
from lanewise.search.samplers import SAMPLERS, Deduplicated, check_sampler, make_sampler
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Choice, Float, Int, Repeat, Space, SpaceError, fingerprint

FINITE = Space({"a": Int(1, 3), "b": Choice(["x", "y"]), "c": Float(0.0, 0.5, step=0.5)})
CONDITIONAL = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True, grid=4),
        "hidden": Repeat(Int(16, 64, grid=3), times=(0, 2)),
        "optimizer": Choice(
            [
                {"sgd": {"momentum": Float(0.0, 0.99, grid=2), "nesterov": Choice([True, False])}},
                "adam",
            ]
        ),
        "batch_size": 64,
    }
)
OPTIONS = {
    "tpe": {"startup": 3},  # soon beyond random draws
    "optuna:tpe": {"startup": 3},
    "cmaes": {"population": 4},
    "nsga2": {"population": 4},
}
NAMES = [*(name for name in SAMPLERS if name != "gp"), "optuna:tpe", "optuna:qmc"]

everyone = pytest.mark.parametrize("name", NAMES)
both = pytest.mark.parametrize("mode", ["max", "min"])
spaces = pytest.mark.parametrize("space", [FINITE, CONDITIONAL], ids=["finite", "conditional"])


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


def goodness(params):
    if "lr" not in params:
        return params["a"] - params["c"]
    return -abs(math.log10(params["lr"]) + 2) - 0.1 * len(params["hidden"])


class Life:
    """A sweep whose trials run side by side, report, fail, are lost and retried, in random order.

    Every random choice comes from the seed.
    """

    def __init__(self, spec, seed=0, workers=4):
        self.spec = spec
        self.sweep = make_sweep(spec)
        self.events = []
        self.rng = np.random.default_rng([99, seed])
        self.workers = workers

    def goes_on(self, trials, before_ask=lambda: None):
        """Until that many trials were asked for; ``before_ask`` looks at each state before."""
        while len(self.sweep.history) < trials:
            running = self.sweep.history.running
            if len(running) < self.workers and self.rng.random() < 0.7:
                if not self.sweep.history.waiting:
                    before_ask()
                self.sweep.ask()
            elif running:
                self._step(running[self.rng.integers(len(running))])
            self.events += self.sweep.drain()
        return self

    def _step(self, trial):
        what = self.rng.random()
        if what < 0.08:
            self.sweep.fail(trial.number, Failure("node_lost", ""))
        elif what < 0.14:
            self.sweep.report(trial.number, [(trial.until, {"score": math.nan})])
        elif what < 0.2:
            self.sweep.complete(trial.number)
        elif what < 0.25:
            self.sweep.lost(trial.number)
        else:
            score = self.spec.objective.score(goodness(trial.params))
            self.sweep.report(trial.number, [(trial.until, {"score": score})])

    def replayed(self):
        """The same history in a sweep of its own, through the journal's JSON."""
        texts = [(event.kind, json.dumps(encode(event))) for event in self.events]
        events = [decode(kind, json.loads(text)) for kind, text in texts]
        return replay(Spec.from_json(json.loads(json.dumps(self.spec.to_json()))), events)


@everyone
@both
@pytest.mark.parametrize("seed", range(2))
def test_a_fresh_sampler_on_a_replayed_history_answers_as_the_one_that_saw_it_grow(
    name, mode, seed
):
    life = Life(spec(name, mode=mode), seed)
    expected = []

    def fresh():
        again = life.replayed()
        expected.extend(again.sampler.ask(again.history, [len(again.history)]))

    life.goes_on(20, fresh)
    assert [trial.params for trial in life.sweep.history] == expected


@everyone
def test_asked_again_it_answers_the_same(name):
    life = Life(spec(name))
    answers = []

    def twice():
        sweep = life.sweep
        for _ in range(2):
            answers.extend(sweep.sampler.ask(sweep.history, [len(sweep.history)]))

    life.goes_on(14, twice)
    made = [trial.params for trial in life.sweep.history]
    assert answers[::2] == answers[1::2] == made


@everyone
def test_one_sampler_serves_two_histories_side_by_side(name):
    alone = [Life(spec(name), seed).goes_on(16).events for seed in (1, 2)]
    shared = make_sampler(spec(name))
    lives = [Life(spec(name), seed) for seed in (1, 2)]
    for life in lives:
        life.sweep.sampler = shared
    for trials in range(1, 17):
        for life in lives:
            life.goes_on(trials)
    assert repr([life.events for life in lives]) == repr(alone)


@everyone
def test_a_batch_is_what_is_asked_for_one_by_one(name):
    life = Life(spec(name)).goes_on(14)
    one_by_one, at_once = life.replayed(), life.replayed()
    runs = [one_by_one.ask() for _ in range(6)]
    assert at_once.ask_batch(6) == runs
    # A batch that was proposed and never tried leaves nothing behind.
    again = life.replayed()
    again.sampler.ask(again.history, range(len(again.history), len(again.history) + 5))
    assert [again.ask() for _ in range(6)] == runs


@everyone
def test_asking_does_not_change_the_history(name):
    life = Life(spec(name)).goes_on(10)
    before = repr(life.sweep.history.trials)
    life.sweep.sampler.ask(life.sweep.history, [10])
    assert repr(life.sweep.history.trials) == before
    assert len(life.sweep.history.fingerprints) == 10


@everyone
def test_another_seed_proposes_others(name):
    first, again, other = (
        [trial.params for trial in Life(spec(name, seed=seed)).goes_on(8).sweep.history]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert (first == other) == (name == "grid")  # a grid has one order


@everyone
@both
@spaces
def test_proposals_are_of_the_space_in_plain_json_and_never_repeat(name, mode, space):
    trials = 12 if space is FINITE else 40
    history = Life(spec(name, space, mode=mode)).goes_on(trials).sweep.history
    for trial in history:
        space.validate(trial.params)
        assert json.loads(json.dumps(trial.params)) == trial.params
    assert len({fingerprint(trial.params) for trial in history}) == trials


@everyone
@pytest.mark.parametrize("seed", range(2))
def test_a_finite_space_ends_exactly_when_all_of_it_was_tried(name, seed):
    life = Life(spec(name, FINITE), seed)
    life.goes_on(FINITE.size)
    sweep = life.sweep
    assert sweep.sampler.ask(sweep.history, [len(sweep.history)]) == []
    for trial in sweep.history.running:
        sweep.complete(trial.number)
    while sweep.history.waiting:
        sweep.complete(sweep.ask().number)
    assert sweep.ask() == Done()
    assert sweep.end == "space exhausted"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "grid"])
def test_unlikely_configurations_are_found_before_a_space_counts_as_exhausted(name):
    # 200 comes once in 1,200 draws: 20,000 draws miss it once in 1e7 sweeps (and the seed is set).
    space = Space({"width": Int(1, 200, log=True)})
    asked = spec(name, space)
    history = make_sweep(asked).history
    history.fingerprints |= {fingerprint({"width": width}) for width in range(1, 200)}
    assert make_sampler(asked).ask(history, [0]) == [{"width": 200}]


@everyone
def test_a_space_of_one_configuration_is_tried_once(name):
    sweep = make_sweep(spec(name, Space({"batch_size": 64})))
    simulate(sweep, lambda params, epoch: {"score": 1.0})
    assert [trial.params for trial in sweep.history] == [{"batch_size": 64}]


@everyone
def test_start_configurations_come_first_in_order_and_are_not_proposed_again(name):
    start = [FINITE.grid_at(index) for index in (7, 2, 7)]
    history = Life(spec(name, FINITE, start=start)).goes_on(13).sweep.history
    assert [history.trials[number].params for number in range(3)] == start
    rest = [fingerprint(history.trials[number].params) for number in range(3, 13)]
    assert len({*rest, *map(fingerprint, start)}) == 12


@everyone
def test_a_history_of_failures_alone_is_no_obstacle(name):
    sweep = make_sweep(spec(name))
    for number in range(12):
        run = sweep.ask()
        assert isinstance(run, Run)
        assert run.number == number
        sweep.report(number, [(1, {"score": (math.nan, math.inf, -math.inf)[number % 3]})])
    assert sweep.history.count("failed") == 12


def test_a_grid_enumerates_its_points_in_order():
    sweep = make_sweep(spec("grid", FINITE))
    simulate(sweep, lambda params, epoch: {"score": 0.0}, workers=5)
    tried = [trial.params for trial in sweep.history]
    assert tried == [FINITE.grid_at(index) for index in range(12)]


def test_a_grid_over_a_range_without_points_is_refused_at_once():
    with pytest.raises(SpaceError, match=r"^space\.x: a grid over a number from 0 to 1 needs"):
        make_sweep(spec("grid", Space({"x": Float(0, 1)})))


def test_random_with_the_same_seed_is_the_same_under_any_objective_and_scheduler():
    life = Life(spec("random")).goes_on(10)
    other = Life(spec("random", mode="min", scheduler="none"), seed=5).goes_on(10)
    assert [t.params for t in life.sweep.history] == [t.params for t in other.sweep.history]


def test_tpe_begins_with_what_random_draws():
    tpe, rand = (Life(spec(name)).goes_on(3).sweep.history for name in ("tpe", "random"))
    assert [t.params for t in tpe] == [t.params for t in rand]


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
    sweep.report(bad, [(1, {"score": math.nan})])
    sweep.report(early, [(1, {"score": 0.95})])
    sweep.complete(early)  # it ended by itself: nothing better would have come
    running = [sweep.ask().number for _ in range(2)]
    sweep.sampler.ask(sweep.history, [len(sweep.history)])
    table = sweep.sampler.inner._tables[sweep.history]
    assert table.ranked().tolist() == [early, 0, 1, 2, 3, 4, 5, 6]
    good, rest = table.split(table.ranked())
    assert good.tolist() == [early]
    assert rest.tolist() == [0, 1, 2, 3, 4, 5, 6, *running]  # the liars; failed ones count nowhere


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
