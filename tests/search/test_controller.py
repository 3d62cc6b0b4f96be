"""The loop between core, journal and executor, with an executor that does as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lanewise.cluster.checkpoints import Checkpoints, Storage
from lanewise.search.control.controller import Controller
from lanewise.search.control.executor import (
    Best,
    Halt,
    Order,
    Outcome,
    Pause,
    Proceed,
    Start,
)
from lanewise.search.core.events import Failure
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run, Sweep
from lanewise.search.store.journal import Journal
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Float, Space

STARTS = ("asked", "rerun", "resumed")


class Scripted:
    """An executor that trains by a curve, two attempts at a time, and checks its orders.

    Args:
        journal: every order must be durable in it by the time it arrives.
        fails: number -> failures of its first attempts.
    """

    name = "scripted"

    def __init__(self, journal: Journal, fails: dict[int, list[Failure]] | None = None) -> None:
        self.journal = journal
        self.fails = fails or {}
        self.running: dict[int, Run] = {}
        self.until: dict[int, int] = {}
        self.late: list[Outcome] = []
        self.starts: list[Run] = []
        self.closed = self.left = 0
        self.verified: list[Best] = []
        self.impatient: set[int] = set()  # end by themselves at epoch 1, a rung
        self.verdict = ""

    def open(self) -> None: ...

    def poll(self, timeout: float) -> list[Outcome]:
        outcomes, self.late = self.late, []
        for number, run in list(self.running.items()):
            if number in self.impatient:
                outcomes.append(self.last_of(run))
                continue
            failures = self.fails.get(number, [])
            if failures:
                del self.running[number]
                outcomes.append(Outcome(number, run.attempt, failure=failures.pop(0)))
                continue
            epochs = range(run.epoch + 1, self.until[number] + 1)
            rows = tuple((epoch, {"score": run.params["x"] * epoch}) for epoch in epochs)
            self.running[number] = Run(**{**vars(run), "epoch": self.until[number]})
            outcomes.append(Outcome(number, run.attempt, rows))
        return outcomes

    def last_of(self, run: Run) -> Outcome:
        row = (1, {"score": run.params["x"]})
        return Outcome(run.number, run.attempt, (row,)[run.epoch :], ended=True)

    def room(self, orders: Sequence[Order]) -> int:
        return 2 - len(self.running) + sum(isinstance(order, Halt | Pause) for order in orders)

    def send(self, orders: Sequence[Order]) -> None:
        asked = [r.event for r in self.journal.read("s") if r.event.kind in STARTS]
        for order in orders:
            match order:
                case Start(run):
                    assert run.number in [event.number for event in asked]
                    self.starts.append(run)
                    self.running[run.number] = run
                    self.until[run.number] = run.until
                case Proceed(number, until):
                    assert until > self.until[number]
                    self.until[number] = until
                case Halt(number) | Pause(number):
                    del self.running[number]

    def notes(self) -> dict[str, str]:
        return {}

    def verify(self, best: Best) -> str:
        self.verified.append(best)
        return self.verdict

    def leave(self) -> None:
        self.left += 1

    def close(self) -> None:
        self.closed += 1


SPEC = Spec(
    space=Space({"x": Float(0, 1)}),
    objectives=(Objective("score", "max"),),
    budget=Budget(epochs=9, trials=7),
    sampler=Plugin("random"),
    scheduler=Plugin("asha"),
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.db", create=True)


def controller(
    journal: Journal, executor: Scripted, spec: Spec = SPEC, sweep: Sweep | None = None
) -> Controller:
    storage = Storage(str(journal.path.parent), 300)
    seq = journal.last("s")
    core = sweep or make_sweep(spec)
    return Controller(core, "s", journal, seq, executor, Checkpoints(storage, 10**9))


def replayed(journal: Journal, spec: Spec = SPEC) -> Sweep:
    return replay(spec, [record.event for record in journal.read("s")])


def test_a_sweep_runs_to_its_end_and_the_journal_tells_all_of_it(journal: Journal) -> None:
    executor = Scripted(journal)
    running = controller(journal, executor)
    assert running.run() == "done"
    assert executor.closed == 1
    assert not executor.running
    history = replayed(journal).history
    assert len(history) == 7
    assert history.closed is not None
    assert history.best is not None
    assert history.best.best == running.sweep.history.best.best  # type: ignore[union-attr]


def test_a_failure_is_retried_within_its_budget(journal: Journal) -> None:
    lost, bug = Failure("node_lost", "gone"), Failure("bug", "oops")
    executor = Scripted(journal, {1: [lost, lost], 2: [bug], 3: [lost] * 4})
    assert controller(journal, executor).run() == "done"
    trials = replayed(journal).history.trials
    assert trials[1].attempt == 3
    assert trials[1].status in ("completed", "stopped")
    assert trials[2].status == "failed"
    assert trials[3].status == "failed"
    assert len(trials[3].failures) == 4
    assert [run.attempt for run in executor.starts if run.number == 1] == [1, 2, 3]


def test_an_attempt_that_comes_back_late_has_no_say(journal: Journal) -> None:
    class Late(Scripted):
        def poll(self, timeout: float) -> list[Outcome]:
            outcomes = super().poll(timeout)
            stale = [Outcome(o.number, o.attempt - 1, ((9, {"score": 1e9}),)) for o in outcomes]
            return [*stale, *outcomes]

    assert controller(journal, Late(journal)).run() == "done"
    best = replayed(journal).history.best
    assert best is not None
    assert best.best is not None
    assert best.best[1] <= 9


def test_an_interrupted_sweep_goes_on_where_it_was(journal: Journal) -> None:
    executor = Scripted(journal)
    first = controller(journal, executor)
    polls = 0
    real_poll = executor.poll

    def poll(timeout: float) -> list[Outcome]:
        nonlocal polls
        polls += 1
        if polls == 3:
            first.interrupt()
        return real_poll(timeout)

    executor.poll = poll  # type: ignore[method-assign]
    assert first.run() == "interrupted"
    before = replayed(journal).history
    assert before.interrupted is not None
    second = controller(journal, Scripted(journal), sweep=replayed(journal))
    assert second.run() == "done"
    after = replayed(journal).history
    assert sorted(after.trials) == list(range(7))
    for number, trial in before.trials.items():
        assert after.trials[number].params == trial.params
        assert after.trials[number].rows[: len(trial.rows)] == trial.rows


def test_a_persons_stop_cancels_what_runs(journal: Journal) -> None:
    executor = Scripted(journal)
    journal.request("s", "stop")
    running = controller(journal, executor)
    running._looked -= 10  # the next look at requests is due
    running.run()
    history = replayed(journal).history
    assert history.closed is not None
    assert history.closed.reason == "stopped by a person"
    assert len(history) < 7


def test_time_ends_the_sweep(journal: Journal) -> None:
    clock = iter(range(0, 10_000, 2))
    spec = Spec(
        space=SPEC.space,
        objectives=SPEC.objectives,
        budget=Budget(epochs=9, time=60),
        sampler=Plugin("random"),
        scheduler=Plugin("asha"),
    )
    storage = Storage(str(journal.path.parent), 300)
    core = make_sweep(spec)
    running = Controller(
        core,
        "s",
        journal,
        -1,
        Scripted(journal),
        Checkpoints(storage, 1),
        clock=lambda: float(next(clock)),
    )
    assert running.run() == "done"
    assert core.history.closed is not None
    assert core.history.closed.reason == "time"
    assert core.history.seconds >= 60


def test_an_executor_that_cannot_work_is_closed_all_the_same(journal: Journal) -> None:
    class Broken(Scripted):
        def open(self) -> None:
            raise RuntimeError("no cluster")

    executor = Broken(journal)
    with pytest.raises(RuntimeError, match="no cluster"):
        controller(journal, executor).run()
    assert executor.closed == 1


def test_the_best_model_is_evaluated_before_the_sweep_is_closed(journal: Journal) -> None:
    executor = Scripted(journal)
    executor.verdict = "trial 3 as it is stored is not what was trained"
    running = controller(journal, executor)
    assert running.run() == "done"
    best = running.sweep.history.best
    assert best is not None
    assert best.best is not None
    assert executor.verified == [Best(best.number, best.best[0], best.best_metrics)]
    kinds = [record.event.kind for record in journal.read("s")]
    assert kinds[-2:] == ["noted", "closed"]
    assert running.sweep.history.notes == {"best model": executor.verdict}


def test_a_sweep_that_is_left_is_not_evaluated(journal: Journal) -> None:
    executor = Scripted(journal)
    running = controller(journal, executor)
    running.interrupt()
    assert running.run() == "interrupted"
    assert executor.verified == []


def test_one_that_ends_by_itself_where_it_pauses_completes_when_it_goes_on(
    journal: Journal,
) -> None:
    executor = Scripted(journal)
    executor.impatient = set(range(7))
    spec = replace(SPEC, scheduler=Plugin("asha", {"promote": True}))
    assert controller(journal, executor, spec).run() == "done"
    history = replayed(journal, spec).history
    assert {trial.epoch for trial in history} == {1}
    promoted = [trial for trial in history if trial.status == "completed"]
    assert len(promoted) == 7 // 3
    assert history.count("stopped") == 7 - len(promoted)
    assert not executor.running
