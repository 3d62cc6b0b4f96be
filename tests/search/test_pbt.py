"""PBT: who copies whom and what changes are the paper's, whatever the order, workers and failures.

Random tests are derandomized: they fail by chance never.
"""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Continue, Exploit, Failure, Pause, Reported, Resumed, Stop
from lanewise.search.core.invariants import check_invariants
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Done, Run, Wait
from lanewise.search.errors import SearchError
from lanewise.search.schedulers import make_scheduler
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Choice, Float, Int, Repeat, Space

SPACE = {
    "lr": Float(1e-4, 1e-1, log=True),
    "hidden": Repeat(Int(8, 64), times=(1, 3)),
    "dropout": Float(0.0, 0.5, step=0.1),
    "optimizer": Choice([{"sgd": {"momentum": Float(0.5, 0.99)}}, "adam"]),
    "activation": Choice(["relu", "tanh", "gelu"]),
    "shift": Int(0, 8),
}


def spec(trials=8, epochs=6, space=None, retries=None, seed=0, mode="max", **options):
    return Spec(
        space=Space(space or SPACE),
        objectives=(Objective("score", mode),),
        budget=Budget(epochs, trials),
        sampler=Plugin("random"),
        scheduler=Plugin("pbt", {"interval": 2, **options}),
        seed=seed,
        retries=retries or {},
    )


def curve(params, epoch):
    return {"score": params["lr"] * epoch + params["dropout"] - len(params["hidden"])}


def decisions_of(events):
    """(trial, rung) -> what it did there, whether it was told so at once or after a pause."""
    found, at = {}, {}
    for event in events:
        if isinstance(event, Reported) and event.rows:
            at[event.number] = event.rows[-1][0]
        if isinstance(event, Reported | Resumed) and not isinstance(event.decision, Pause):
            found[event.number, at[event.number]] = event.decision
    return found


def generation(scores, quantile):
    """Truncation selection: the worst and the best; of equals the older is the better."""
    ranked = sorted(scores, key=lambda number: (scores[number], -number))
    count = min(-(-len(ranked) * quantile // 100), len(ranked) // 2)  # quantile in percent
    return set(ranked[:count]), set(ranked[len(ranked) - count :])


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize(("trials", "quantile"), [(8, 25), (10, 25), (30, 10), (5, 50), (1, 25)])
def test_every_decision_is_the_papers(trials, quantile, mode):
    made = spec(trials, quantile=quantile / 100, mode=mode)
    sweep = make_sweep(made)
    decisions = decisions_of(simulate(sweep, curve, workers=3))
    for rung in (2, 4):
        scores = {
            trial.number: made.objective.score(trial.metrics_at(rung)["score"])
            for trial in sweep.history
        }
        worst, best = generation(scores, quantile)
        assert (len(worst), len(best)) == (min(-(-trials * quantile // 100), trials // 2),) * 2
        for number in scores:
            decision = decisions[number, rung]
            if number in worst:
                assert isinstance(decision, Exploit)
                assert decision.source in best
                source = sweep.history.trials[decision.source].params_at(rung)
                check_changed(source, decision.params)
            else:
                assert decision == Continue(rung + 2)
    assert {decision for at, decision in decisions.items() if at[1] == 6} == {Stop("finished")}


def check_changed(source, params):
    """All but ranges of floats is the source's; those are 0.8 or 1.2 times, or drawn anew."""
    Space(SPACE).validate(params)
    for name in ("hidden", "activation", "shift"):
        assert params[name] == source[name]
    assert params["optimizer"]["name"] == source["optimizer"]["name"]
    assert params["lr"] != source["lr"]


def test_any_order_of_arrival_and_any_number_of_workers_decide_alike():
    found = []
    for seed, workers in [(0, 1), (1, 3), (2, 8), (3, 8), (4, 20)]:
        order, sweep, running, events = random.Random(seed), make_sweep(spec()), [], []
        while True:
            while len(running) < workers and isinstance(run := sweep.ask(), Run):
                running.append(run.number)
            if not running:
                break
            number = running.pop(order.randrange(len(running)))
            trial = sweep.history.trials[number]
            rows = [(e, curve(trial.params, e)) for e in range(trial.epoch + 1, trial.until + 1)]
            if isinstance(sweep.report(number, rows), Continue | Exploit):
                running.append(number)
            events += sweep.drain()
        found.append(decisions_of(events + sweep.drain()))
        assert all(trial.status == "completed" for trial in sweep.history)
    assert len(found[0]) == 8 * 3
    assert all(decisions == found[0] for decisions in found)
    assert any(isinstance(decision, Exploit) for decision in found[0].values())


def test_another_seed_draws_otherwise():
    first, other = (
        decisions_of(simulate(make_sweep(spec(seed=seed)), curve, workers=8)) for seed in (0, 1)
    )
    assert first != other


def test_what_follows_an_exploit_belongs_to_the_new_parameters():
    sweep = make_sweep(spec())
    events = simulate(sweep, curve, workers=2)
    copies = [trial for trial in sweep.history if len(trial.segments) > 1]
    assert copies
    for trial in copies:
        for segment in trial.segments[1:]:
            assert trial.params_at(segment.epoch + 1) == segment.params
            assert trial.metrics_at(segment.epoch + 1) == curve(segment.params, segment.epoch + 1)
    assert {n: t.segments for n, t in replay(spec(), events).history.trials.items()} == {
        n: t.segments for n, t in sweep.history.trials.items()
    }


# -- waiting -------------------------------------------------------------------------------------


def report(sweep, number, epoch, value):
    return sweep.report(number, [(epoch, {"score": value})])


def test_all_wait_for_the_last_one_and_a_retry_is_awaited():
    sweep = make_sweep(spec(4, retries={"node_lost": 1}))
    for _ in range(4):
        sweep.ask()
    assert report(sweep, 0, 2, 0.9) == report(sweep, 1, 2, 0.1) == report(sweep, 2, 2, 0.5)
    assert isinstance(sweep.ask(), Wait)
    sweep.fail(3, Failure("node_lost", "gone"))
    assert (run := sweep.ask()).number == 3
    assert run.attempt == 2
    assert isinstance(sweep.ask(), Wait)
    assert report(sweep, 3, 2, 0.7) == Continue(4)  # the last one need not pause
    runs = [sweep.ask() for _ in range(3)]
    assert [run.number for run in runs] == [0, 2, 1]
    assert [run.source for run in runs] == [None, None, (0, 2)]
    assert {run.attempt for run in runs} == {1}
    check_invariants(sweep.history)


def test_who_has_failed_is_not_awaited_and_not_counted():
    sweep = make_sweep(spec(5))
    for _ in range(5):
        sweep.ask()
    for number, value in enumerate([0.1, 0.9, 0.5, 0.6]):
        assert report(sweep, number, 2, value) == Pause()
    sweep.fail(4, Failure("bug", "for good"))  # of four, one copies one
    runs = [sweep.ask() for _ in range(4)]
    assert [(run.number, run.source) for run in runs] == [
        *((1, None), (3, None), (2, None), (0, (1, 2)))
    ]


def test_a_copied_trial_may_fail_before_its_copy_is_made():
    sweep = make_sweep(spec(4))
    for _ in range(4):
        sweep.ask()
    decisions = [report(sweep, number, 2, value) for number, value in enumerate([0.1, 0.5, 0.6])]
    assert decisions == [Pause()] * 3
    assert report(sweep, 3, 2, 0.9) == Continue(4)
    sweep.fail(3, Failure("bug", "for good"))
    runs = [sweep.ask() for _ in range(3)]
    assert (runs[-1].number, runs[-1].source) == (0, (3, 2))  # its weights of epoch 2 are there


def test_a_space_with_fewer_configurations_than_trials_does_not_block_it():
    few = spec(10, space={"lr": Choice([0.1, 0.2, 0.3, 0.4]), "dropout": 0.1}, mutate=["lr"])
    sweep = make_sweep(few)
    simulate(sweep, lambda params, epoch: {"score": params["lr"]}, workers=2)
    assert [trial.epoch for trial in sweep.history] == [6] * 4
    assert isinstance(sweep.ask(), Done)


def test_whoever_skips_a_rung_waits_at_the_next_one():
    sweep = make_sweep(spec(2))
    sweep.ask(), sweep.ask()
    assert report(sweep, 0, 5, 0.9) == Pause()  # past 2 and 4
    assert report(sweep, 1, 2, 0.1) == Exploit(0, sweep.history.trials[1].params, 4)
    assert isinstance(sweep.ask(), Wait)
    assert isinstance(report(sweep, 1, 4, 0.1), Exploit)
    assert sweep.ask().number == 0


# -- what changes --------------------------------------------------------------------------------


def explored(options, params, space=None, times=300):
    """What becomes of these parameters, many times over."""
    from lanewise.search.core.seeds import generator

    scheduler = make_scheduler(spec(space=space, **options))
    return [scheduler._explored(params, generator(0, n)) for n in range(times)]


PARAMS = {
    "lr": 0.01,
    "hidden": [8, 16],
    "dropout": 0.2,
    "optimizer": {"name": "sgd", "momentum": 0.9},
    "activation": "tanh",
    "shift": 2,
}


def test_perturbed_values_are_four_or_six_fifths_within_the_range():
    found = explored({"resample": 0}, PARAMS)
    assert {round(each["lr"], 12) for each in found} == {0.008, 0.012}
    assert {round(each["optimizer"]["momentum"], 12) for each in found} == {0.72, 0.99}
    assert {each["dropout"] for each in found} == {0.1, 0.3}  # the next step, where 0.16 is none
    counts = Counter(round(each["lr"], 12) for each in found)
    assert min(counts.values()) > 100  # 5.8 sigma of a fair coin
    assert {(each["activation"], each["shift"]) for each in found} == {("tanh", 2)}


def test_choices_and_integers_go_to_their_neighbours():
    found = explored({"resample": 0, "mutate": ["activation", "shift"]}, PARAMS)
    assert {each["activation"] for each in found} == {"relu", "gelu"}
    assert {each["shift"] for each in found} == {1, 3}
    assert {each["lr"] for each in found} == {0.01}
    ends = explored({"resample": 0, "mutate": ["activation"]}, {**PARAMS, "activation": "relu"})
    assert {each["activation"] for each in ends} == {"tanh"}


def test_resampling_draws_from_the_space():
    found = [each["lr"] for each in explored({"resample": 1}, PARAMS)]
    assert len(set(found)) == len(found)
    assert sum(lr < 10**-2.5 for lr in found) > 100  # half of a log scale
    some = [each["lr"] for each in explored({"resample": 0.25}, PARAMS)]
    assert 40 < sum(round(lr, 12) not in (0.008, 0.012) for lr in some) < 115  # 75 of 300, 5 sigma


def test_what_is_not_there_does_not_change():
    adam = {**PARAMS, "optimizer": {"name": "adam"}}
    assert {str(each["optimizer"]) for each in explored({}, adam)} == {"{'name': 'adam'}"}


def test_a_list_of_true_and_one_has_two_values():
    space = {"x": Choice([1, True, "a"]), "lr": Float(0, 1)}
    found = explored({"resample": 0, "mutate": ["x"]}, {"x": True, "lr": 0.5}, space)
    assert {repr(each["x"]) for each in found} == {"1", "'a'"}


# -- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ("lr", "dropout", "optimizer.sgd.momentum")),
        ({"mutate": ["shift", "lr"]}, ("lr", "shift")),
        ({"mutate": ["activation", "hidden.0"]}, ("hidden.0", "activation")),
    ],
)
def test_what_it_changes_is_told(options, names):
    assert make_scheduler(spec(**options)).mutate == names


@pytest.mark.parametrize(("epochs", "rungs"), [(1, (1,)), (9, tuple(range(1, 10))), (40, 4)])
def test_a_generation_is_a_tenth_of_the_epochs_by_default(epochs, rungs):
    expected = (*range(rungs, epochs, rungs), epochs) if isinstance(rungs, int) else rungs
    assert make_scheduler(spec(epochs=epochs, interval=None)).rungs(0) == expected


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            spec(trials=None),
            "needs budget.trials, for it waits until so many trials are compared",
        ),
        (spec(interval=7), "interval must be a whole number from 1 to epochs (6), got 7"),
        (spec(quantile=0.6), "quantile must be a number from 0 to 0.5, got 0.6"),
        (spec(quantile=True), "quantile must be a number from 0 to 0.5, got True"),
        (spec(resample="often"), "resample must be a number from 0 to 1, got 'often'"),
        (spec(mutate="lr"), "mutate must be a list of names, got 'lr'"),
        (spec(mutate=[]), "mutate must be a list of names, got []"),
        (
            spec(mutate=["optimizer"]),
            "mutate: on 'optimizer' it depends which other parameters there are",
        ),
        (
            spec(mutate=["hidden.times"]),
            "mutate: on 'hidden.times' it depends which other parameters there are",
        ),
        (
            spec(mutate=["lr", "momentum"], space={"lr": Float(0, 1), "moment": Float(0, 1)}),
            "mutate: 'momentum' is not in the space, did you mean 'moment'? (allowed: lr, moment)",
        ),
        (
            spec(space={"x": Int(1, 3)}),
            "mutate: name what changes; the space has no range of floats",
        ),
    ],
)
def test_bad_options_get_one_line(made, line):
    with pytest.raises(SearchError, match=f"^{re.escape(f'scheduler.pbt: {line}')}$"):
        make_scheduler(made)
