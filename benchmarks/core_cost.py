"""What the core and the journal cost, without any training.

    python benchmarks/core_cost.py [--sizes 10 1000 100000] [--reports 1000000]

The first table: microseconds of one ask, report and decision in a sweep of that many trials, means
of CPU time. A report is one epoch between rungs; a decision is a report at a rung, with what it
leads to: of the trial that stops, goes on or pauses. The second: reports made durable in SQLite,
1,000 in a commit, and a sweep of that many reports read back and replayed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from comparison.machine import machine
from lanewise.search.core.events import (
    Asked,
    Continue,
    Event,
    Launched,
    Pause,
    Reported,
    Row,
    Stop,
)
from lanewise.search.core.rungs import geometric
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run, Sweep
from lanewise.search.samplers import make_sampler
from lanewise.search.store.journal import Journal
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Choice, Float, Int, Space

EPOCHS, ETA = 27, 3
RUNGS = geometric(1, ETA, EPOCHS)
GROUP = 1000  # reports in a commit
GROUPS = 20
TIMES = 200  # calls of which the mean is taken; a tenth of it where each is slow
SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "momentum": Float(0, 0.99),
        "dropout": Float(0, 0.5),
        "width": Int(16, 128, log=True),
        "layers": Int(1, 8),
        "activation": Choice(["relu", "tanh", "gelu"]),
    }
)
BARS = "bars: 20,000 durable reports a second; 1,000,000 reports replayed in less than 60 s"


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--sizes", type=int, nargs="*", default=[10, 1000, 100_000])
    arguments.add_argument("--reports", type=int, default=1_000_000)
    asked = arguments.parse_args()
    print(f"| trials | {' | '.join(COSTS)} |")
    print("|---" * (len(COSTS) + 1) + "|")
    for size in asked.sizes:
        costs = " | ".join(f"{1e6 * cost(size):,.0f}" for cost in COSTS.values())
        print(f"| {size:,} | {costs} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print("\n| durable | seconds | of it CPU | reports a second |\n|---|---|---|---|")
        for name, reports, wall, cpu in durable(Path(folder), asked.reports):
            print(f"| {name} | {wall:.3g} | {cpu:.3g} | {reports / wall:,.0f} |", flush=True)
    print(f"\n{BARS}\n{machine()}")


# -- the core ------------------------------------------------------------------------------------


def filled(trials: int, *, promote: bool = False) -> Sweep:
    """A sweep of so many ended (or paused) trials, by ASHA, as a replay makes it."""
    scheduler = Plugin("asha", {"eta": ETA, "promote": promote})
    spec = Spec(
        SPACE,
        (Objective("val_loss", "min"),),
        Budget(EPOCHS, trials=10**9),
        Plugin("random"),
        scheduler,
    )
    sweep = make_sweep(spec)
    for event in history_of(trials, promote=promote):
        sweep.history.apply(event)
    return sweep


def history_of(trials: int, *, promote: bool = False) -> Iterator[Event]:
    """Of three trials that reach a rung, the best one goes on."""
    draws = random.Random(0)
    for number in range(trials):
        params = {
            "lr": 10 ** draws.uniform(-4, -1),
            "momentum": draws.uniform(0, 0.99),
            "dropout": draws.uniform(0, 0.5),
            "width": draws.randrange(16, 129),
            "layers": draws.randrange(1, 9),
            "activation": draws.choice(["relu", "tanh", "gelu"]),
        }
        yield Asked(number, params, RUNGS[0], RUNGS)
        epoch, value = 0, draws.random()
        for place, (rung, beyond) in enumerate(zip(RUNGS, (*RUNGS[1:], None), strict=True), 1):
            rows = tuple((e, metrics(value, e)) for e in range(epoch + 1, rung + 1))
            epoch = rung
            if beyond is None:
                yield Reported(number, rows, Stop("finished"))
            elif value < ETA**-place:
                yield Reported(number, rows, Continue(beyond))
                continue
            else:
                yield Reported(number, rows, Pause() if promote else Stop(f"rung {rung}"))
            break


def metrics(value: float, epoch: int) -> dict[str, float]:
    loss = value + 1 / epoch
    return {"val_loss": loss, "val_accuracy": 1 / (1 + loss), "train_loss": 0.9 * loss}


def mean_time(calls: Iterator[Callable[[], object]]) -> float:
    """Seconds of CPU time of one call, the median of tenths; the first tenth warms up."""
    spent = []
    for call in calls:
        before = time.process_time()
        call()
        spent.append(time.process_time() - before)
    tenth = max(1, len(spent) // 10)
    parts = [statistics.mean(spent[at : at + tenth]) for at in range(tenth, len(spent), tenth)]
    return statistics.median(parts)


def ask(sampler: str) -> Callable[[int], float]:
    def cost(trials: int) -> float:
        sweep = filled(trials)
        options = {"startup": 1} if sampler == "tpe" else {}
        sweep.sampler = make_sampler(replace(sweep.spec, sampler=Plugin(sampler, options)))
        times = TIMES if trials < 10**5 or sampler == "random" else TIMES // 10
        return mean_time(sweep.ask for _ in range(times))

    return cost


def report(trials: int) -> float:
    """An epoch between rungs."""
    sweep = filled(trials)

    def calls() -> Iterator[Callable[[], object]]:
        for place in range(TIMES):
            run = sweep.ask()
            assert isinstance(run, Run)
            number, value = run.number, -10.0 - place  # the best so far goes on from its rung
            sweep.report(number, [(1, metrics(value, 1))])
            rows = [(2, metrics(value, 2))]
            yield partial(sweep.report, number, rows)

    return mean_time(calls())


def decision(*, promote: bool) -> Callable[[int], float]:
    """A report at the first rung, and the ask after it where it may resume a paused trial."""

    def cost(trials: int) -> float:
        sweep = filled(trials, promote=promote)
        draws = random.Random(1)

        def calls() -> Iterator[Callable[[], object]]:
            for _ in range(TIMES):
                run = sweep.ask()
                while isinstance(run, Run) and run.epoch:  # a paused trial goes on
                    run = sweep.ask()
                assert isinstance(run, Run)
                number, rows = run.number, [(1, metrics(draws.random(), 1))]
                yield partial(_decide, sweep, number, rows)

        return mean_time(calls())

    return cost


def _decide(sweep: Sweep, number: int, rows: list[Row]) -> None:
    sweep.report(number, rows)
    sweep.scheduler.next(sweep.history)


COSTS: dict[str, Callable[[int], float]] = {
    "ask: random": ask("random"),
    "ask: tpe": ask("tpe"),
    "report": report,
    "decision: asha": decision(promote=False),
    "decision: asha, promote": decision(promote=True),
}


# -- the journal -----------------------------------------------------------------------------------


def durable(folder: Path, reports: int) -> Iterator[tuple[str, int, float, float]]:
    """(what, reports, seconds, CPU seconds) of commits, of reading, and of a replay."""
    spec = filled(0).spec
    journal = Journal(folder / "journal.db", create=True)
    seq = journal.append("s", -1, [Launched("s", "cost", spec.to_json(), {})])
    group: list[Event] = []
    took: list[tuple[float, float]] = []
    written = 0
    for event in single_rows(reports):
        written += isinstance(event, Reported)
        group.append(event)
        if len(group) == GROUP or written == reports:
            before = time.perf_counter(), time.process_time()
            seq = journal.append("s", seq, group)
            took.append((time.perf_counter() - before[0], time.process_time() - before[1]))
            group = []
    first = took[:GROUPS]
    wall, cpu = (statistics.median(column) for column in zip(*first, strict=True))
    yield f"one commit of {GROUP:,}", GROUP, wall, cpu
    wall, cpu = (sum(column) for column in zip(*took, strict=True))
    yield f"{seq:,} events in commits of {GROUP:,}", reports, wall, cpu
    before = time.perf_counter(), time.process_time()
    sweep = replay(spec, (record.event for record in journal.stream("s")))
    now = time.perf_counter(), time.process_time()
    assert sweep.history.spent == reports
    yield f"{reports:,} reports read and replayed", reports, now[0] - before[0], now[1] - before[1]
    journal.close()


def single_rows(reports: int) -> Iterator[Event]:
    """So many reports of one epoch each, EPOCHS a trial."""
    trials = history_of(reports)
    number = -1
    for place in range(reports):
        epoch = place % EPOCHS + 1
        if epoch == 1:
            number += 1
            yield next(Asked(number, e.params, 1, RUNGS) for e in trials if isinstance(e, Asked))
        decided = Stop("finished") if epoch == EPOCHS else Continue(epoch + 1)
        yield Reported(number, ((epoch, metrics(number % 997 / 997, epoch)),), decided)


if __name__ == "__main__":
    main()
