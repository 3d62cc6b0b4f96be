"""The sweep's decisions, one example each."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lanewise.search.core.events import Continue, Failure, Noted, Reported, Stop
from lanewise.search.core.spec import RETRIES, Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Done, Run, Wait
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space


def begun(scheduler="asha", retries=None, **budget):
    return make_sweep(
        Spec(
            space=Space({"x": Float(0, 1)}),
            objectives=(Objective("score", "max"),),
            budget=Budget(**{"epochs": 9, "trials": 4, **budget}),
            sampler=Plugin("random"),
            scheduler=scheduler if isinstance(scheduler, Plugin) else Plugin(scheduler),
            retries=retries or {},
        )
    )


def row(epoch, score):
    return (epoch, {"score": score})


def test_a_trial_goes_from_rung_to_rung_and_finishes():
    sweep = begun()
    run = sweep.ask()
    assert (run.number, run.attempt, run.epoch, run.until) == (0, 1, 0, 1)
    assert sweep.report(0, [row(1, 0.1)]) == Continue(3)
    assert sweep.report(0, [row(2, 0.2)]) == Continue(3)
    assert sweep.report(0, [row(3, 0.3)]) == Continue(9)
    assert sweep.report(0, [row(9, 0.2)]) == Stop("finished")
    trial = sweep.history.trials[0]
    assert trial.status == "completed"
    assert trial.best == (3, 0.3)


def test_a_failed_attempt_is_run_again_first_under_its_number_and_seed():
    sweep = begun(retries={"node_lost": 1})
    first = sweep.ask()
    sweep.report(0, [row(1, 0.5)])
    sweep.fail(0, Failure("node_lost", "gone"))
    again = sweep.ask()
    assert again == replace(first, attempt=2, epoch=1, until=3)
    sweep.fail(0, Failure("node_lost", "gone"))
    assert sweep.history.trials[0].status == "failed"
    assert sweep.ask().number == 1


def test_each_kind_of_failure_has_its_own_retries_and_lost_attempts_cost_none():
    sweep = begun(retries={"node_lost": 1, "storage": 1})
    sweep.ask()
    for kind in ("node_lost", "storage"):
        sweep.fail(0, Failure(kind, ""))
        sweep.ask()
    for _ in range(5):
        sweep.lost(0)
        assert sweep.ask().number == 0
    assert sweep.history.trials[0].attempt == 8
    sweep.fail(0, Failure("bug", ""))
    assert sweep.history.trials[0].status == "failed"


def test_a_bad_row_past_the_last_epoch_does_not_undo_a_finished_trial():
    sweep = begun("none", {"bad_value": 1}, trials=2)
    sweep.ask()
    assert sweep.report(0, [row(9, 0.5), row(10, math.nan)]) == Stop("finished")
    # As a retry that can train no further, it would have kept all others from starting.
    assert isinstance(sweep.ask(), Run)


def test_a_bad_row_does_not_save_a_trial_from_its_rung():
    sweep = begun("asha", {"bad_value": 1})
    for _ in range(2):
        sweep.ask()
    sweep.report(0, [row(1, 0.9)])
    assert sweep.report(1, [row(1, 0.1), row(2, math.nan)]) == Stop("rung 1")


def test_rows_before_a_bad_one_count():
    sweep = begun("none")
    sweep.ask()
    assert sweep.report(0, [row(1, 0.4), row(2, 0.3), row(3, math.inf)]) == Stop("bad_value")
    trial = sweep.history.trials[0]
    assert (trial.status, trial.epoch, trial.best) == ("failed", 2, (1, 0.4))
    assert trial.failures == [Failure("bad_value", "epoch 3: score is inf")]
    assert sweep.history.best is trial


def test_a_missing_objective_says_what_was_reported():
    sweep = begun()
    sweep.ask()
    sweep.report(0, [(1, {"loss": 1.0, "accuracy": 0.5})])
    line = "epoch 1: the objective score is missing (reported: loss, accuracy)"
    assert sweep.history.trials[0].failures == [Failure("bug", line)]


def test_what_a_running_trial_may_still_use_is_set_aside():
    sweep = begun("none", trials=None, total_epochs=20)
    assert [sweep.ask().until for _ in range(3)] == [9, 9, 2]
    assert sweep.ask() == Wait()
    sweep.complete(0)  # ended by itself, without a row: its nine epochs are free again
    assert sweep.ask().until == 9
    assert sweep.report(1, [row(9, 0.1)]) == Stop("finished")
    assert sweep.report(2, [row(2, 0.1)]) == Stop("total_epochs")
    assert sweep.report(3, [row(9, 0.1)]) == Stop("finished")
    assert sweep.ask() == Done()
    assert sweep.end == "total_epochs"


def test_time_ends_running_trials_at_their_next_report():
    sweep = begun(time=60.0)
    sweep.ask()
    sweep.ask()
    sweep.tick(60.0)
    assert sweep.report(0, [row(1, 0.5)]) == Stop("time")
    assert sweep.ask() == Wait()
    sweep.complete(1)
    assert sweep.ask() == Done()
    assert sweep.end == "time"


@pytest.mark.parametrize("command", ["report", "complete", "fail", "lost"])
@pytest.mark.parametrize(("number", "what"), [(0, "waiting"), (7, "unknown")])
def test_a_trial_that_is_not_running_takes_no_commands(command, number, what):
    sweep = begun()
    sweep.ask()
    sweep.lost(0)
    sweep.drain()
    more = {"report": [[]], "fail": [Failure("bug", "")]}.get(command, [])
    with pytest.raises(ValueError, match=f"^trial {number} is {what}, not running$"):
        getattr(sweep, command)(number, *more)
    assert sweep.drain() == []


def test_a_decision_travels_in_the_event_of_its_report():
    sweep = begun()
    sweep.ask()
    sweep.drain()
    sweep.report(0, [row(1, 0.5)])
    assert sweep.drain() == [Reported(0, (row(1, 0.5),), Continue(3))]


def test_kinds_of_failure_that_an_old_journal_does_not_know_have_their_default():
    spec = begun().spec
    body = spec.to_json() | {"retries": {"bug": 2, "node_lost": 3}}
    retries = Spec.from_json(body).retries
    assert retries["bug"] == 2
    assert retries["preempted"] == RETRIES["preempted"] > 10
    assert "storage" not in retries  # known to the release that wrote it, which gave it none


def test_a_note_is_recorded_once_until_its_topic_has_another_text():
    sweep = begun()
    for topic, text in [("packing", "a"), ("packing", "a"), ("data", "b"), ("packing", "c")]:
        sweep.note(topic, text)
    assert sweep.drain() == [Noted("packing", "a"), Noted("data", "b"), Noted("packing", "c")]
    assert sweep.history.notes == {"packing": "c", "data": "b"}


@pytest.mark.parametrize(
    ("more", "reason"), [({"target": 0.5}, "target"), ({"stall": 3}, "stall"), ({}, "trials")]
)
def test_what_is_good_enough_or_stalls_ends_the_sweep(more, reason):
    sweep = begun("none", trials=40, epochs=3, **more)
    values = iter([0.1, 0.3, 0.2, 0.2, 0.1, 0.6, *[0.0] * 40])
    ended = 0
    while isinstance(run := sweep.ask(), Run):
        value = next(values)
        sweep.report(run.number, [row(3, value)])
        ended += 1
    assert (sweep.end, ended) == {"target": ("target", 6), "stall": ("stall", 5)}.get(
        reason, ("trials", 40)
    )


def test_what_is_under_way_ends_with_the_sweep():
    sweep = begun("none", trials=4, epochs=3, target=0.5)
    first, second = sweep.ask(), sweep.ask()
    assert sweep.report(first.number, [row(1, 0.7)]) == Stop("target")
    assert isinstance(sweep.ask(), Wait)
    assert sweep.report(second.number, [row(1, 0.1)]) == Stop("target")
    assert isinstance(sweep.ask(), Done)


def test_a_best_that_still_improves_is_no_stall_and_a_tie_is_no_improvement():
    sweep = begun("none", trials=40, epochs=9, stall=2)
    best = sweep.ask().number
    for epoch in range(1, 4):
        assert sweep.report(best, [row(epoch, 0.5 + epoch / 10)]) == Continue(9)
        assert sweep.report(sweep.ask().number, [row(9, 0.1)]) == Stop("finished")
    tie = sweep.ask().number
    assert sweep.report(tie, [(9, {"score": 0.8, "val_loss": 0.1})]) == Stop("finished")
    assert sweep.history.best.number == tie
    assert sweep.report(sweep.ask().number, [row(9, 0.1)]) == Stop("finished")
    assert sweep.end == "stall"


def test_what_fails_at_a_rung_is_not_paused_there():
    """A failed attempt may have left no checkpoint to go on from."""
    sweep = begun(Plugin("asha", {"promote": True}), retries={"timeout": 1})
    sweep.ask()
    sweep.drain()
    sweep.report(0, [row(1, 0.5)], Failure("timeout", "too long"))
    assert [event.kind for event in sweep.drain()] == ["reported", "failed"]
    again = sweep.ask()
    assert (again.number, again.attempt, again.epoch, again.until) == (0, 2, 1, 3)
