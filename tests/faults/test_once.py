"""One parent and one child a trial, whatever a server or a client repeats, loses or delays.

A real ``mlflow server`` behind a proxy that loses answers, carries requests out twice or seconds
after it has hung up, answers 500, and dies; projectors that are killed amid it all. Of sweeps that
were never trained: what is proved is the way from the journal to MLflow.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import journals
import pytest
from commandline import children, mlflow_runs, parents
from harness import check_mlflow
from tracking import DEAD, FAILED, LATE, LOST, REFUSED, REPEATED, Proxy, Server

from lanewise.dashboards.state import pending
from lanewise.search.store.home import Home
from lanewise.search.store.view import open_view

CREATE = "/api/2.0/mlflow/runs/create"
FAULTS = (LOST, REPEATED, LATE, REFUSED, FAILED, DEAD)
TRIALS = 2


def check(home: Home, sweep: str, runs: list[dict[str, Any]]) -> None:
    """One parent, one child for each trial that points to it, and every value of each."""
    journal = home.journal()
    view = open_view(journal, sweep)
    journal.close()
    mine = [run for run in runs if run["tags"]["lanewise.sweep"] == sweep]
    check_mlflow(view, mine)
    (parent,) = parents(mine)
    for run in children(mine):
        trial = view.history.trials[int(run["tags"]["lanewise.trial"])]
        assert run["tags"]["mlflow.parentRunId"] == parent["id"]
        assert run["params"]["lr"] == str(trial.params["lr"])
        assert trial.best is not None
        assert run["metrics"]["best_val_accuracy"] == trial.best[1]


@pytest.fixture
def projector(tmp_path: Path) -> Iterator[Any]:
    """Starts projectors as processes, which end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(home: Home, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "lanewise.dashboards.projector", "--home", str(home.root)]
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(command, stderr=log, env={**os.environ, **env})
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def drain(home: Home, sweeps: list[str], start: Any, chance: random.Random, kills: int) -> None:
    """Projectors until everything is shown and the last one has ended by itself."""
    journal = home.journal()
    deadline = time.monotonic() + 480
    process = start(home)
    kill_at = time.monotonic() + chance.uniform(4, 8)
    while process.poll() is None or any(pending(home, sweep, journal) for sweep in sweeps):
        assert time.monotonic() < deadline, "it is not shown"
        if kills and time.monotonic() > kill_at:
            process.kill()
            process.wait()
            kills, kill_at = kills - 1, time.monotonic() + chance.uniform(2, 6)
        if process.poll() is not None:
            process = start(home, MLFLOW_HTTP_REQUEST_MAX_RETRIES=str(chance.choice([0, 1, 7])))
        time.sleep(0.1)
    journal.close()


@pytest.mark.parametrize(
    ("seed", "count"),
    [
        pytest.param(0, 4, marks=pytest.mark.long),
        *(pytest.param(seed, 10, marks=pytest.mark.night) for seed in range(1, 21)),
    ],
)
@pytest.mark.timeout(600)
def test_every_run_is_there_once(
    seed: int, count: int, tmp_path: Path, server: Server, proxy: Proxy, projector: Any
) -> None:
    """So many sweeps; each second run to be made meets a fault, each tenth call of others."""
    chance = random.Random(seed)
    faults = cycle(chance.sample(FAULTS, len(FAULTS)))
    met: Counter[str] = Counter()

    def fault(path: str) -> str:
        if path != CREATE:
            return chance.choice(FAULTS) if chance.random() < 0.1 else ""
        turn = sum(met.values())
        met[chosen := next(faults) if turn % 2 else ""] += 1
        return chosen

    home = Home(tmp_path / "home")
    sweeps = [f"s{seed}-{number}" for number in range(count)]
    for sweep in sweeps:
        journals.write(home, sweep, TRIALS, tracking_uri=proxy.uri)
    proxy.fault = fault
    drain(home, sweeps, projector, chance, kills=1)
    runs = mlflow_runs(server.database, journals.EXPERIMENT)
    for sweep in sweeps:
        check(home, sweep, runs)
    assert set(FAULTS) <= met.keys()
