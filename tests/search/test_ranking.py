"""Which of two results is the better: the order by which every view names the best."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Asked, Continue, Reported
from lanewise.search.core.history import History
from lanewise.search.core.ranking import rank_of
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

ACCURACY = Objective("val_accuracy", "max")


def ranked(objective, *trials):
    """(number, best epoch) of trials given by their rows, best first."""
    history = History((objective,))
    for number, rows in enumerate(trials):
        history.apply(Asked(number, {"lr": number}, 99))
        history.apply(Reported(number, tuple(rows), Continue(99)))
    order = history.ranked()
    assert history.best is (order[0] if order else None)
    return [(trial.number, trial.best[0]) for trial in order]


def row(epoch, accuracy, **more):
    return epoch, {"val_accuracy": accuracy, **more}


def test_among_equals_the_lower_loss_wins_over_age_and_cost():
    trials = [
        [row(1, 1.0, val_loss=0.926)],
        [row(1, 0.5, val_loss=0.1), row(9, 1.0, val_loss=0.0003)],
        [row(1, 1.0, val_loss=0.4), row(2, 1.0, val_loss=0.2), row(3, 1.0, val_loss=0.3)],
    ]
    assert ranked(ACCURACY, *trials) == [(1, 9), (2, 2), (0, 1)]


def test_then_the_cheaper_then_the_older():
    trials = [
        [row(3, 1.0, val_loss=0.5), row(7, 0.2, val_loss=0.1)],
        [row(2, 1.0, val_loss=0.5)],
        [row(2, 1.0, val_loss=0.5), row(5, 1.0, val_loss=0.5)],
    ]
    assert ranked(ACCURACY, *trials) == [(1, 2), (2, 2), (0, 3)]


def test_a_better_objective_wins_whatever_the_loss():
    assert ranked(ACCURACY, [row(1, 0.9, val_loss=1e-9)], [row(40, 0.91, val_loss=70.0)]) == [
        (1, 40),
        (0, 1),
    ]


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, None])
def test_a_loss_that_is_none_counts_as_the_highest(loss):
    without = row(1, 1.0) if loss is None else row(1, 1.0, val_loss=loss)
    assert ranked(ACCURACY, [without], [row(8, 1.0, val_loss=1e30)]) == [(1, 8), (0, 1)]
    assert ranked(ACCURACY, [without], [row(1, 1.0)]) == [(0, 1), (1, 1)]
    assert ranked(ACCURACY, [(4, without[1])], [row(2, 1.0)]) == [(1, 2), (0, 4)]


def test_minimised_metrics_and_the_loss_itself():
    errors = Objective("val_mae", "min")
    trials = [[(1, {"val_mae": 0.5, "val_loss": loss})] for loss in (0.3, 0.1, 0.2)]
    assert ranked(errors, *trials) == [(1, 1), (2, 1), (0, 1)]
    losses = Objective("val_loss", "min")
    trials = [[(epoch, {"val_loss": 0.25})] for epoch in (3, 1, 1)]
    assert ranked(losses, *trials) == [(1, 1), (2, 1), (0, 3)]
    assert ranked(Objective("loss", "min"), [(2, {"loss": 1})], [(1, {"loss": 1})]) == [
        (1, 1),
        (0, 2),
    ]


def test_zeros_of_either_sign_are_equal():
    objective = Objective("score", "min")
    trials = [[(1, {"score": 0.0, "val_loss": 0.0})], [(1, {"score": -0.0, "val_loss": -0.0})]]
    assert ranked(objective, *trials) == [(0, 1), (1, 1)]


few = st.sampled_from([0.0, 0.5, 1.0])
losses = st.one_of(st.none(), st.sampled_from([0.1, 0.2, math.nan, math.inf]))
reports = st.lists(st.tuples(st.integers(0, 4), few, losses), max_size=30)


@given(reports, st.sampled_from(["max", "min"]), st.sampled_from(["loss", "age"]))
def test_the_best_is_always_the_first_of_the_order_and_only_rises(reports, mode, ties):
    """However the reports of trials interleave."""
    objective = Objective("score", mode, ties)
    history = History((objective,))
    rows = {number: [] for number in range(5)}
    for number in rows:
        history.apply(Asked(number, {"lr": number}, 99))
    for number, score, loss in reports:
        epoch = len(rows[number]) + 1
        metrics = {"score": score} | ({} if loss is None else {"val_loss": loss})
        rows[number].append((epoch, metrics))
        before = history.trials[number].rank
        history.apply(Reported(number, ((epoch, metrics),), Continue(99)))
        assert history.ranked()[0] is history.best
        assert before is None or history.trials[number].rank >= before
    everything = [
        (rank_of(objective, *each), -number) for number, mine in rows.items() for each in mine
    ]
    if everything:
        assert (history.best.rank, -history.best.number) == max(everything)


def curve(params, epoch):
    """Many equal scores: a sweep that is easy."""
    loss = abs(params["lr"] - 0.3) + 1 / epoch
    return {"score": float(loss < 0.7), "val_loss": loss}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.integers(1, 6), st.sampled_from(["asha", "none"]))
def test_ties_change_no_decision(seed, workers, scheduler):
    """The samplers and schedulers compare scores alone, so that journals replay as they were."""
    logs = {}
    for ties in ("loss", "age"):
        asked = Spec(
            Space({"lr": Float(0, 1)}),
            (Objective("score", "max", ties),),
            Budget(9, 14),
            Plugin("tpe", {"startup": 4}),
            Plugin(scheduler),
            seed,
        )
        sweep = make_sweep(asked)
        logs[ties] = simulate(sweep, curve, workers=workers)
    assert logs["loss"] == logs["age"]
