"""Killing a running command, and what must hold of its journal and of MLflow afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from commandline import Lanewise, children, mlflow_runs, parents

from lanewise.search.core import events as ev
from lanewise.search.core.spec import Spec
from lanewise.search.core.sweep import Sweep
from lanewise.search.store.home import Home
from lanewise.search.store.view import View, find, open_view
from lanewise.search.sweeps import make_sweep


def sweep_file(name: str, trials: int, epochs: int, executor: str = "auto") -> str:
    """A sweep of the training function in own.py, some 20 ms an epoch."""
    return f"""
name: {name}
train: own.py:train
objective: {{maximize: val_accuracy}}
space: {{x: {{float: [0, 1]}}, nap: 0.02}}
sampler: random
scheduler: {{asha: {{eta: 3}}}}
executor: {executor}
budget: {{trials: {trials}, epochs: {epochs}}}
"""


TRIALS = 12
SWEEP = sweep_file("killed", TRIALS, epochs=27)
DIGITS = f"""
name: killed
data: {{source: "sklearn:digits"}}
model: mlp
objective: {{maximize: val_accuracy}}
space:
  hidden: {{repeat: {{times: [1, 2], of: {{int: [16, 64]}}}}}}
  lr: {{float: [1e-3, 1e-1], log: true}}
sampler: random
scheduler: {{asha: {{eta: 3, min_epochs: 3}}}}
budget: {{trials: {TRIALS}, epochs: 27}}
"""


def records(home: Path) -> int:
    """How many records the journal holds; 0 before there is one."""
    path = home / "journal.db"
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as connection:
            return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    except sqlite3.OperationalError:  # the table is not there yet
        return 0


def wait_until(
    happened: Callable[[], bool], process: subprocess.Popen[bytes] | None = None
) -> None:
    """Waits for what must happen, while that process runs."""
    deadline = time.monotonic() + 120
    while not happened():
        assert process is None or process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)


def kill(process: subprocess.Popen[bytes]) -> None:
    """The whole group, at once; the command may have ended by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def kill_at(lanewise: Lanewise, count: int, *arguments: str) -> None:
    """Starts a command and kills its whole process group once the journal is that long."""
    process = lanewise.start(*arguments)
    wait_until(lambda: records(lanewise.home) >= count, process)
    kill(process)


def view_of(lanewise: Lanewise, name: str) -> View:
    """The sweep as its journal tells it."""
    journal = Home(lanewise.home).journal()
    try:
        return open_view(journal, find(journal, name))
    finally:
        journal.close()


def events_of(lanewise: Lanewise, name: str) -> list[ev.Event]:
    """All that has happened, in order."""
    journal = Home(lanewise.home).journal()
    try:
        return [record.event for record in journal.read(find(journal, name))]
    finally:
        journal.close()


def check_replay(events: list[ev.Event]) -> None:
    """A fresh core, told the same, asks and decides the same: kills have changed nothing."""
    first, *rest = events
    assert isinstance(first, ev.Launched)
    sweep = make_sweep(Spec.from_json(first.spec))
    left = deque(rest)
    while left:
        _tell(sweep, *list(islice(left, 2)))
        for made in sweep.drain():
            assert ev.encode(made) == ev.encode(left.popleft())


def _tell(sweep: Sweep, event: ev.Event, following: ev.Event | None = None) -> None:
    match event:
        case ev.Opened(executor, why, details):
            sweep.opened(executor, why, details)
        case ev.Asked() | ev.Rerun() | ev.Resumed():
            sweep.ask()
        case ev.Reported(number, rows, ev.Continue(until)) if rows and until <= rows[-1][0]:
            assert isinstance(following, ev.Failed)  # it failed where it stands
            sweep.report(number, rows, following.failure)
        case ev.Reported(number, rows):
            sweep.report(number, rows)
        case ev.Completed(number):
            sweep.complete(number)
        case ev.Failed(number, failure):
            sweep.fail(number, failure)
        case ev.Lost(number):
            sweep.lost(number)
        case ev.Ticked(seconds):
            sweep.tick(seconds)
        case ev.Noted(topic, text):
            sweep.note(topic, text)
        case ev.Estimated():
            sweep.estimated(event)
        case ev.Interrupted(reason):
            sweep.interrupt(reason)
        case ev.Closed(_, reason):
            sweep.close(reason)


def check_history(before: View | None, after: View, trials: int) -> None:
    """Exactly the trials that were asked for; what had been decided before the kill stands."""
    assert sorted(after.history.trials) == list(range(trials))
    assert all(trial.status in ("completed", "stopped") for trial in after.history)
    assert len({str(trial.params) for trial in after.history}) == trials  # none proposed twice
    for trial in before.history if before else ():
        now = after.history.trials[trial.number]
        assert now.params == trial.params  # replayed, not asked again
        assert now.rows[: len(trial.rows)] == trial.rows
        if not trial.is_open:
            assert (now.status, now.epoch) == (trial.status, trial.epoch)


def check_estimate(lanewise: Lanewise, view: View) -> None:
    """Of a model's sweep every evaluation has come into the estimate, once."""
    estimate, history = view.history.estimate, view.history
    if (view.launch.details["sweep_file"] or {}).get("train"):
        assert estimate is None
        assert history.notes["correction"].startswith("none for val_accuracy: a training function")
        return
    assert estimate is not None
    assert history.best is not None
    assert estimate.best == history.best.number
    journal = Home(lanewise.home).journal()
    try:
        stored = journal.stored_stream(view.launch.sweep)
        assert stored is not None
        assert stored[0]["count"] == sum(len(trial.rows) for trial in history)
        assert not journal.evaluations(view.launch.sweep, folded=False)
        kept = journal.evaluations(view.launch.sweep, folded=True)
        best = [(trial.number, trial.best[0]) for trial in history if trial.best]
        assert [(each.number, each.epoch) for each in kept] == best
    finally:
        journal.close()


def check_mlflow(view: View, runs: list[dict[str, Any]]) -> None:
    """One parent, one child for each trial, every epoch once, nothing left running."""
    mine = [run for run in runs if run["tags"]["lanewise.sweep"] == view.launch.sweep]
    (parent,) = parents(mine)
    assert parent["status"] == "FINISHED"
    trials = children(mine)
    assert sorted(int(r["tags"]["lanewise.trial"]) for r in trials) == sorted(view.history.trials)
    for run in trials:
        trial = view.history.trials[int(run["tags"]["lanewise.trial"])]
        assert run["status"] == ("FAILED" if trial.status == "failed" else "FINISHED")
        epochs = [epoch for epoch, _ in run["epochs"]["val_accuracy"]]
        assert epochs == [epoch for epoch, _ in trial.rows]
        assert run["datasets"] == parent["datasets"]
    data = view.launch.details.get("data") or {}
    assert bool(parent["datasets"]) == ("hash" in data)


def check_all(lanewise: Lanewise, name: str, before: View | None, trials: int) -> None:
    """Journal and MLflow after a sweep that was killed and resumed."""
    after = view_of(lanewise, name)
    check_history(before, after, trials)
    check_replay(events_of(lanewise, name))
    check_estimate(lanewise, after)
    check_mlflow(after, mlflow_runs(f"sqlite:///{lanewise.home / 'mlflow.db'}", name))
