"""What Lanewise itself costs per trial: a trial that does nothing, end to end.

    python benchmarks/noop.py [--trials 1000] [--repeats 5]

Each trial is asked for, reports once, is decided upon (ASHA) and ends, and every event is durable
in the journal (SQLite, full synchronisation) before the next step, as the controller has it: one
append for what was asked, one for what was reported. With batches of 1 and of 32 trials side by
side, in the space of *digits-mlp*. The median of the repeats in milliseconds per trial, and what
of it were the appends.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from comparison.machine import machine
from lanewise.search.core.events import Event, Launched
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run, Sweep
from lanewise.search.store.journal import Journal
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Choice, Float, Int, Repeat, Space

BATCHES = (1, 32)
SAMPLERS = ("random", "tpe")
SPACE = Space(
    {
        "hidden": Repeat(Int(16, 128, log=True), times=(1, 3)),
        "activation": Choice(["relu", "tanh", "gelu"]),
        "dropout": Float(0.0, 0.5),
        "l2": Float(1e-6, 1e-2, log=True),
        "lr": Float(1e-4, 1e-1, log=True),
        "optimizer": Choice([{"sgd": {"momentum": Float(0.0, 0.99)}}, "adam", "rmsprop"]),
        "batch_size": 64,
    }
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--trials", type=int, default=1000)
    arguments.add_argument("--repeats", type=int, default=5)
    asked = arguments.parse_args()
    print("| sampler | side by side | ms a trial | of it appends |")
    print("|---|---|---|---|")
    for sampler in SAMPLERS:
        for batch in BATCHES:
            runs = [costs(sampler, batch, asked.trials) for _ in range(asked.repeats)]
            whole, appends = (statistics.median(part) for part in zip(*runs, strict=True))
            print(f"| {sampler} | {batch} | {whole:.3f} | {appends:.3f} |", flush=True)
    print(f"\n{asked.trials} trials, median of {asked.repeats}; {machine()}")


class Timed:
    """A journal of one sweep, and the seconds that its appends have taken."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.seq = -1
        self.seconds = 0.0

    def append(self, events: Sequence[Event]) -> None:
        before = time.perf_counter()
        self.seq = self.journal.append("noop", self.seq, events)
        self.seconds += time.perf_counter() - before


def costs(sampler: str, batch: int, trials: int) -> tuple[float, float]:
    """Milliseconds per trial: all in all, and the appends."""
    budget, objective = Budget(epochs=27, trials=trials), (Objective("val_accuracy", "max"),)
    sweep = make_sweep(Spec(SPACE, objective, budget, Plugin(sampler), Plugin("asha")))
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Journal(Path(folder) / "journal.db", create=True)) as journal,
    ):
        timed = Timed(journal)
        timed.append([Launched("noop", "noop", sweep.spec.to_json(), {})])
        began, timed.seconds = time.perf_counter(), 0.0
        while len(sweep.history) < trials:
            turn(sweep, timed, min(batch, trials - len(sweep.history)))
        whole = time.perf_counter() - began
    return 1000 * whole / trials, 1000 * timed.seconds / trials


def turn(sweep: Sweep, timed: Timed, batch: int) -> None:
    runs = [run for _ in range(batch) if isinstance(run := sweep.ask(), Run)]
    timed.append(sweep.drain())
    for run in runs:
        accuracy = run.seed % 1009 / 1009
        sweep.report(run.number, [(1, {"val_accuracy": accuracy, "val_loss": 1 - accuracy})])
        if sweep.history.trials[run.number].is_open:
            sweep.complete(run.number)
    timed.append(sweep.drain())


if __name__ == "__main__":
    main()
