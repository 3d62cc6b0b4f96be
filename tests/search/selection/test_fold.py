"""Evaluations on their way through controller, journal and stream; whoever is killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lanewise.search.control.controller import CORRECTION, Controller
from lanewise.search.control.executor import Outcome
from lanewise.search.control.simulator import NoCheckpoints, SimulatedExecutor, VirtualClock
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Sweep
from lanewise.search.selection import selection as folding
from lanewise.search.selection.evaluated import Evaluated
from lanewise.search.selection.sample import Sample
from lanewise.search.selection.selection import Selection
from lanewise.search.store.journal import Journal
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Float, Space

ROWS, SWEEP = 80, "s"
SAMPLE = Sample("mean", "max", np.arange(ROWS), np.zeros(ROWS), 2, 1, "bits", ROWS, is_share=True)
SPEC = Spec(
    space=Space({"x": Float(0, 1)}),
    objectives=(Objective("val_accuracy", "max"),),
    budget=Budget(epochs=9, trials=40),
    sampler=Plugin("random"),
    scheduler=Plugin("asha"),
)


def right(x: float, epoch: int) -> Any:
    rng = np.random.default_rng([int(x * 2**31), epoch])
    return rng.random(ROWS) < 0.9 - 0.2 * abs(x - 0.5) - 0.3 / epoch


def curve(params: Any, epoch: int) -> dict[str, float]:
    return {"val_accuracy": float(right(params["x"], epoch).mean())}


class Telling(SimulatedExecutor):
    """Tells of rows, too, until so many outcomes."""

    def __init__(self, clock: VirtualClock, until: float = np.inf, tells: bool = True) -> None:
        super().__init__(curve, 3, clock)
        self.left, self.tells = until, tells
        self.params: dict[int, Any] = {}

    def send(self, orders: Any) -> None:
        self.params |= {o.run.number: o.run.params for o in orders if hasattr(o, "run")}
        super().send(orders)

    def poll(self, timeout: float) -> list[Outcome]:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return [self._told(outcome) for outcome in super().poll(timeout)]

    def _told(self, outcome: Outcome) -> Outcome:
        x = self.params[outcome.number]["x"]
        bodies = [
            Evaluated(outcome.number, epoch, 7, np.packbits(right(x, epoch)).tobytes())
            for epoch, _ in outcome.rows
            if self.tells
        ]
        return replace(outcome, evaluated=tuple(bodies))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal.db", create=True)) as made:
        yield made


def drive(journal: Journal, sweep: Sweep, until: float = np.inf, *, tells: bool = True) -> Sweep:
    clock = VirtualClock()
    Controller(
        sweep,
        SWEEP,
        journal,
        journal.last(SWEEP),
        Telling(clock, until, tells),
        NoCheckpoints(),
        clock,
        Selection(SAMPLE, journal, SWEEP),
    ).run()
    return sweep


def again(journal: Journal) -> Sweep:
    return replay(SPEC, [record.event for record in journal.read(SWEEP)])


def test_a_sweep_ends_with_what_its_best_value_is_worth(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "FOLD", 16)
    history = drive(journal, make_sweep(SPEC)).history
    estimate, best = history.estimate, history.best
    assert estimate is not None
    assert best is not None
    assert best.best is not None
    assert estimate.best == best.number
    assert estimate.low < estimate.score < best.best[1]
    assert estimate.high > estimate.score
    assert best.number not in estimate.tied
    assert estimate.sizes == (7,) * (1 + len(estimate.tied))
    assert again(journal).history.estimate == estimate
    kept = [(each.number, each.epoch) for each in journal.evaluations(SWEEP, folded=True)]
    assert kept == [(trial.number, trial.best[0]) for trial in history if trial.best]
    assert not journal.evaluations(SWEEP, folded=False)


@pytest.mark.parametrize("moment", [1, 7, 30, 41])
def test_a_killed_sweep_comes_to_the_estimate_of_its_evaluations(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """Whatever was folded by then: each evaluation counts once."""
    monkeypatch.setattr(folding, "FOLD", 16)
    with pytest.raises(KeyboardInterrupt):
        drive(journal, make_sweep(SPEC), moment)
    history = drive(journal, again(journal)).history
    whole = Selection(SAMPLE, Journal(tmp_path / "other.db", create=True), SWEEP)
    evaluated = [
        Evaluated(t.number, epoch, 7, np.packbits(right(t.params["x"], epoch)).tobytes())
        for t in history
        for epoch, _ in t.rows
    ]
    whole._store.append(SWEEP, -1, [record.event for record in journal.read(SWEEP)][:1], evaluated)  # type: ignore[attr-defined]
    assert whole.estimate(history) == history.estimate


def test_a_sweep_of_an_older_release_says_that_it_lacks_the_rows(journal: Journal) -> None:
    with pytest.raises(KeyboardInterrupt):
        drive(journal, make_sweep(SPEC), 30, tells=False)
    history = drive(journal, again(journal)).history
    assert history.estimate is None
    text = history.notes[CORRECTION]
    assert text.startswith("none for val_accuracy: the validation rows of ")
    assert text.endswith(" evaluations were not kept")


def test_an_estimate_holds_until_more_is_reported(journal: Journal) -> None:
    sweep = drive(journal, make_sweep(replace(SPEC, budget=Budget(epochs=9, trials=12))))
    history = again(journal).history
    assert history.estimate == sweep.history.estimate
    history.closed = None
    history.trials[0].status = "running"
    history.take_rows(0, ((99, {"val_accuracy": 0.1}),))
    assert history.estimate is None


def test_what_is_stored_is_raw_bytes_beside_the_events(journal: Journal) -> None:
    drive(journal, make_sweep(replace(SPEC, budget=Budget(epochs=3, trials=4))))
    for each in journal.evaluations(SWEEP, folded=True):
        assert SAMPLE.decode(each.body).shape == (1, ROWS)
        assert len(each.body) == ROWS // 8
    stored = journal.stored_stream(SWEEP)
    assert stored is not None
    assert stored[0]["sample"]["dtype"] == "bits"
    assert journal.stored_stream("another") is None
    assert journal.evaluations("another", folded=True) == []
