"""CONTRIBUTING's "how to add" an executor: all that one needs is in this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lanewise.search.control.controller import Controller
from lanewise.search.control.executor import (
    Best,
    Executor,
    Halt,
    Order,
    Outcome,
    Pause,
    Proceed,
    Start,
)
from lanewise.search.control.simulator import NoCheckpoints
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.search.store.journal import Journal
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Float, Space


class OneAfterTheOther:
    """Trains a trial at a time, in this process, up to the epoch that it was told."""

    name = "one-after-the-other"

    def __init__(self) -> None:
        self.run: Run | None = None
        self.epoch = self.until = 0

    def open(self) -> None: ...

    def poll(self, timeout: float) -> list[Outcome]:
        if self.run is None:
            return []
        epochs = range(self.epoch + 1, self.until + 1)
        self.epoch = self.until
        rows = tuple((epoch, {"loss": self.run.params["x"] ** 2 / epoch}) for epoch in epochs)
        return [Outcome(self.run.number, self.run.attempt, rows)]

    def room(self, orders: Sequence[Order]) -> int:
        busy = int(self.run is not None) + sum(isinstance(order, Start) for order in orders)
        return 1 - busy + sum(isinstance(order, Halt | Pause) for order in orders)

    def send(self, orders: Sequence[Order]) -> None:
        for order in orders:
            match order:
                case Start(run):
                    self.run, self.epoch, self.until = run, run.epoch, run.until
                case Proceed(_, until):
                    self.until = until
                case Pause() | Halt():
                    self.run = None

    def notes(self) -> Mapping[str, str]:
        return {}

    def verify(self, best: Best) -> str:
        return ""

    def leave(self) -> None: ...

    def close(self) -> None: ...


def test_an_executor_of_one_class_runs_a_sweep_that_pauses_and_promotes(tmp_path: Path) -> None:
    spec = Spec(
        space=Space({"x": Float(-1, 1)}),
        objectives=(Objective("loss", "min"),),
        budget=Budget(epochs=9, trials=12),
        sampler=Plugin("random"),
        scheduler=Plugin("asha", {"promote": True}),
    )
    journal = Journal(tmp_path / "journal.db", create=True)
    executor: Executor = OneAfterTheOther()
    sweep = make_sweep(spec)
    status = Controller(sweep, "s", journal, -1, executor, NoCheckpoints()).run()
    assert status == "done"
    assert len(sweep.history) == 12
    events = [record.event for record in journal.read("s")]
    assert {"asked", "reported", "resumed", "closed"} <= {event.kind for event in events}
    again = replay(spec, events).history
    assert [trial.rows for trial in again] == [trial.rows for trial in sweep.history]
    journal.close()
