"""What it costs to show a sweep of many short trials in MLflow, and whether it keeps up.

    python benchmarks/projection.py [--trials 1000] [--live 25]

Simulates a sweep of small trials (ASHA over 1, 3, 9, 27 epochs, about four epochs a trial, three
metrics an epoch, eight hyperparameters), writes its journal, and projects it into a new home on
SQLite, as `lanewise sync` does. Prints CPU and wall milliseconds per trial, and how many calls of
MLflow's client that took, with their CPU time.

With `--live SECONDS` the journal is written over that time while two processes keep the cores busy,
as two training workers would, and the projector runs as the process that `lanewise run` starts;
then it prints when MLflow showed the first trial, how far it had come when the sweep ended, and how
long it took to drain after that.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from comparison.machine import machine, versions
from lanewise.dashboards.drain import drain
from lanewise.dashboards.launcher import start
from lanewise.dashboards.service import quiet
from lanewise.dashboards.state import pending, read_cursor
from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Event, Launched, Opened
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Choice, Float, Int, Repeat, Space

SWEEP = "bench"
LANES = 48  # trials that train at a time
CALLS = ("create_run", "log_batch", "set_terminated", "update_run", "search_runs", "log_inputs")
SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "l2": Float(1e-6, 1e-2, log=True),
        "dropout": Float(0.0, 0.5),
        "activation": Choice(["relu", "tanh", "gelu"]),
        "hidden": Repeat(Int(16, 128), times=2),
        "optimizer": Choice(["sgd", "adam", "rmsprop"]),
        "batch_size": 64,
    }
)
DATA = {
    "source": "sklearn:digits",
    "rows": 1797,
    "columns": 64,
    "target": "target",
    "hash": "abc123",
    "split": [0.7, 0.15, 0.15],
    "parts": {"train": 1257, "val": 270, "test": 270},
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--trials", type=int, default=1000)
    arguments.add_argument("--live", type=float, help="seconds over which the sweep runs")
    asked = arguments.parse_args()
    quiet()
    events = sweep_of(asked.trials)
    epochs = sum(len(event.rows) for event in events if hasattr(event, "rows"))
    print(f"{asked.trials} trials, {epochs} epochs, {len(events)} records")
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        journal = home.journal(create=True)
        if asked.live:
            live(home, journal, events, asked.live)
        else:
            at_once(home, journal, events, asked.trials)
        journal.close()
    print(f"\n{machine()}; {versions()}.")


def sweep_of(trials: int) -> list[Event]:
    """All events of a finished sweep."""
    spec = Spec(
        space=SPACE,
        objectives=(Objective("val_accuracy", "max"),),
        budget=Budget(epochs=27, trials=trials),
        sampler=Plugin("random"),
        scheduler=Plugin("asha"),
        seed=0,
    )
    details = {
        "sweep_file": {"name": "projection", "report": False},
        "sweep_yaml": "name: projection\n",
        "model": "mlp",
        "data": DATA,
        "mlflow": {"tracking_uri": None, "experiment": "projection"},
    }
    launched = Launched(SWEEP, "projection", spec.to_json(), details)
    opened = Opened("packed", "a benchmark", {})
    return [launched, opened, *simulate(make_sweep(spec), curve, workers=LANES)]


def curve(params: dict[str, Any], epoch: int) -> dict[str, float]:
    near = math.exp(-abs(math.log10(params["lr"]) + 2.5)) - params["dropout"] / 10
    value = near * (1 - 1 / (1 + epoch))
    return {"val_accuracy": value, "val_loss": 1 - value, "loss": 1 / epoch}


# -- everything at once ----------------------------------------------------------------------


def at_once(home: Home, journal: Journal, events: list[Event], trials: int) -> None:
    """Projects a finished sweep in this process."""
    journal.append(SWEEP, -1, events)
    import lanewise.dashboards.writer  # noqa: F401  (imports are no part of it)
    from lanewise.dashboards.database import ready

    ready(home.root / "mlflow.db")
    calls: Counter[str] = Counter()
    spent: dict[str, float] = defaultdict(float)
    with timed(calls, spent):
        began, began_cpu = time.perf_counter(), time.process_time()
        left = drain(home, SWEEP)
        wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    assert not left
    assert shown(home) == trials
    print(f"{1000 * cpu / trials:.1f} ms of CPU a trial, {1000 * wall / trials:.1f} ms wall\n")
    print("| | calls a trial | ms a call | ms a trial |")
    print("|---|---|---|---|")
    rest = cpu - sum(spent.values())
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        each = f"{calls[name] / trials:.2f} | {1000 * seconds / calls[name]:.1f}"
        print(f"| `{name}` | {each} | {1000 * seconds / trials:.1f} |")
    print(f"| ours, files included | | | {1000 * rest / trials:.1f} |")


@contextmanager
def timed(calls: Counter[str], spent: dict[str, float]) -> Iterator[None]:
    """Inside, the CPU time of MLflow's client is counted by call."""
    from unittest.mock import patch

    from mlflow import MlflowClient

    def counted(name: str) -> Any:
        call = getattr(MlflowClient, name)

        def count(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            try:
                return call(*args, **kwargs)
            finally:
                calls[name] += 1
                spent[name] += time.process_time() - began

        return count

    with ExitStack() as patches:
        for name in CALLS:
            patches.enter_context(patch.object(MlflowClient, name, counted(name)))
        yield


# -- beside a sweep that runs ----------------------------------------------------------------


def live(home: Home, journal: Journal, events: list[Event], seconds: float) -> None:
    """Projects a sweep while it is written and the cores are busy."""
    workers = [multiprocessing.Process(target=train, daemon=True) for _ in range(2)]
    with home.controller_lock(SWEEP):
        journal.append(SWEEP, -1, events[:2])
        process = start(home)
        assert process is not None
        while not (home.root / "mlflow.db").exists() or not read_cursor(home, SWEEP).run_id:
            time.sleep(0.1)  # the spare process of `lanewise run` is as far at the first trial
        for worker in workers:
            worker.start()
        cpu = cpu_of(process.pid)
        began, first, last = time.monotonic(), None, 1
        while last < len(events) - 1:
            time.sleep(0.2)
            share = min(1.0, (time.monotonic() - began) / seconds)
            upto = max(last, int(share * (len(events) - 1)))
            last = journal.append(SWEEP, last, events[last + 1 : upto + 1])
            if first is None and shown(home):
                first = time.monotonic() - began
        ended = time.monotonic()
        print(f"the sweep took {ended - began:.1f} s; two processes kept the cores busy")
        print(f"first trial in MLflow after {first or math.nan:.1f} s" if first else "none shown")
        print(f"shown at the sweep's end: {shown(home)} trials")
        for worker in workers:
            worker.terminate()
    while pending(home, SWEEP, journal):
        time.sleep(0.02)
    drained = time.monotonic() - ended
    spent = cpu_of(process.pid) - cpu
    print(f"drained {drained:.1f} s after it ({shown(home)} trials), {spent:.1f} s of CPU")
    process.kill()
    process.wait()


def train() -> None:
    """What keeps a core busy."""
    while True:
        math.factorial(2000)


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process and its children have used."""
    import psutil

    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:4]) for one in family)


def shown(home: Home) -> int:
    """How many trials MLflow's database has."""
    path = home.root / "mlflow.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        query = "select count(*) from tags where key = 'lanewise.trial'"
        return int(connection.execute(query).fetchone()[0])


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    main()
