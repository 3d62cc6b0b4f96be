"""The simulated executor under the controller: retries, lost workers, pauses, copies, leaving."""

from __future__ import annotations

from collections import Counter

import pytest

from lanewise.search.control import controller as loop
from lanewise.search.control.controller import Controller
from lanewise.search.control.simulate import simulate
from lanewise.search.control.simulator import (
    NoCheckpoints,
    Outage,
    SimulatedExecutor,
    VirtualClock,
)
from lanewise.search.core.events import Closed, Continue, Exploit, Failure, Interrupted
from lanewise.search.core.history import History
from lanewise.search.core.invariants import check_invariants
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.store.memory import MemoryJournal
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Float, Space

PROMOTING = Plugin("asha", {"promote": True})


def spec(scheduler=PROMOTING, **budget):
    return Spec(
        space=Space({"x": Float(0, 1)}),
        objectives=(Objective("loss", "min"),),
        budget=Budget(**{"epochs": 9, "trials": 30, **budget}),
        sampler=Plugin("random"),
        scheduler=scheduler,
    )


def curve(params, epoch):
    return {"loss": (params["x"] - 0.3) ** 2 + 1 / epoch}


def kinds(events):
    return Counter(event.kind for event in events)


def results(sweep):
    return [(t.number, t.params, t.rows, t.status) for t in sweep.history]


def test_a_failure_is_retried_from_what_was_reported():
    trained = []

    def counted(params, epoch):
        trained.append((params["x"], epoch))
        return curve(params, epoch)

    def faults(run, epoch):
        return Failure("hang", "") if (run.number, run.attempt, epoch) == (2, 1, 5) else None

    sweep = make_sweep(spec(Plugin("none"), trials=5))
    simulate(sweep, counted, workers=2, faults=faults)
    trial = sweep.history.trials[2]
    assert (trial.attempt, trial.status, trial.epoch) == (2, "completed", 9)
    assert [epoch for x, epoch in trained if x == trial.params["x"]] == list(range(1, 10))


def test_a_failure_without_a_retry_frees_its_worker():
    sweep = make_sweep(spec(Plugin("none"), trials=5))
    simulate(sweep, curve, faults=lambda run, epoch: Failure("bug", "") if run.number % 2 else None)
    assert [t.status for t in sweep.history] == ["completed", "failed"] * 2 + ["completed"]


def test_a_lost_worker_costs_its_slice_and_is_missed():
    whole, short = (make_sweep(spec(Plugin("none"), trials=4)) for _ in range(2))
    simulate(whole, curve, workers=2)
    events = simulate(short, curve, workers=2, outages=[Outage(1, begins=4.5)])
    assert kinds(events)["failed"] == 1
    assert results(whole) == results(short)
    assert whole.history.seconds == 2 * 9
    assert short.history.seconds == 4 * 9  # the other worker trains all of them


def test_a_worker_comes_back():
    sweep = make_sweep(spec(Plugin("none"), trials=4))
    outages = [Outage(worker, 4.5, ends=100) for worker in range(2)]
    events = simulate(sweep, curve, workers=2, outages=outages)
    assert kinds(events)["failed"] == 2
    assert sweep.history.seconds == 100 + 2 * 9


def test_a_worker_may_be_lost_while_it_has_nothing_to_do():
    sweep = make_sweep(spec(Plugin("none"), trials=1))
    assert not kinds(simulate(sweep, curve, workers=2, outages=[Outage(1, 1.5)]))["failed"]
    assert sweep.history.seconds == 9


def test_a_sweep_whose_workers_are_all_lost_does_not_wait_for_ever():
    with pytest.raises(RuntimeError, match="all workers are lost"):
        simulate(make_sweep(spec()), curve, outages=[Outage(0, 4.5)])


def test_what_is_reported_after_the_time_is_up_goes_no_further():
    sweep = make_sweep(spec(Plugin("asha"), trials=None, time=5.5))
    simulate(sweep, curve, workers=3)
    assert sweep.history.seconds < 5.5 + 6  # no slice is longer, and none begins after
    assert any(trial.reason == "time" for trial in sweep.history)


@pytest.mark.parametrize("workers", [1, 4, 1000])
def test_pauses_and_losses_leave_a_history_that_replays(workers):
    def faults(run, epoch):
        is_hit = (7 * run.number + 3 * epoch + run.attempt) % 11 == 0
        return Failure(("node_lost", "hang", "bug")[run.number % 3], "") if is_hit else None

    outages = [Outage(worker, 5.0 + worker, 20.0 + worker) for worker in range(min(workers, 6))]
    sweep = make_sweep(spec(trials=60))
    events = simulate(sweep, curve, workers=workers, faults=faults, outages=outages)
    counts = kinds(events)
    assert counts["failed"]
    assert counts["rerun"]
    assert counts["resumed"]
    again = replay(sweep.spec, events)
    assert results(again) == results(sweep)
    check_invariants(sweep.history)
    assert isinstance(events[-1], Closed)


class Copying:
    """From its first rung on, every trial trains on as the best one there."""

    exploits = True

    def rungs(self, number):
        return 3, 9

    def decide(self, history, number):
        rung = history.rung_of(number)
        source = -rung.standings[-1][1]
        if source == number:
            return Continue()
        return Exploit(source, history.trials[source].params)

    def next(self, history):
        return None


def test_a_copy_goes_on_with_other_parameters():
    sweep = make_sweep(spec(Plugin("none"), trials=4), scheduler=Copying())
    simulate(sweep, curve, workers=2)
    copies = [trial for trial in sweep.history if len(trial.segments) == 2]
    assert copies
    for trial in copies:
        expected = [trial.params_at(epoch) for epoch in range(1, 10)]
        assert trial.rows == [
            (epoch, curve(params, epoch)) for epoch, params in enumerate(expected, 1)
        ]


def test_a_sweep_that_is_left_has_reported_what_was_trained_and_goes_on():
    sweep, clock, journal = make_sweep(spec(Plugin("none"), trials=3)), VirtualClock(), None

    def run(curve, sweep, after):
        executor = SimulatedExecutor(curve, 3, clock, seconds=lambda params: 1 + params["x"])
        nonlocal journal
        journal = MemoryJournal()
        return Controller(sweep, "s", journal, after, executor, NoCheckpoints(), clock)

    def leaving(params, epoch):
        first.interrupt()
        return curve(params, epoch)

    first = run(leaving, sweep, -1)
    assert first.run() == "interrupted"
    assert isinstance(journal.events[-1], Interrupted)
    left = [trial.epoch for trial in sweep.history]
    assert max(left) == 9
    assert 0 < min(left) < 9
    events = journal.events
    second = run(curve, sweep, len(events) - 1)
    assert second.run() == "done"
    assert kinds(journal.events)["rerun"] == 2
    assert [trial.epoch for trial in sweep.history] == [9, 9, 9]


def test_the_controller_knows_no_time_but_its_clock(monkeypatch):
    def real():
        raise AssertionError("the real time was read")

    monkeypatch.setattr(loop.time, "monotonic", real)
    simulate(make_sweep(spec()), curve, workers=3)


def counting(name, looked):
    """A property of the history that counts the trials which it lists."""
    listed = getattr(History, name)

    def listing(history):
        trials = listed.fget(history)
        looked.append(len(trials))
        return trials

    return property(listing)


@pytest.mark.parametrize("workers", [10, 300])
def test_no_turn_looks_at_all_trials_or_at_all_workers(monkeypatch, workers):
    looked = []
    for name in ("running", "waiting", "paused"):
        monkeypatch.setattr(History, name, counting(name, looked))
    iterate = History.__iter__
    monkeypatch.setattr(History, "__iter__", lambda h: looked.append(len(h)) or iterate(h))
    sweep = make_sweep(spec(trials=600))
    simulate(sweep, curve, workers=workers)
    assert sum(looked) <= 600  # at the beginning and the end alone
