"""`kill -9` of the running command's process group, then `lanewise resume`: nothing lost, nothing
twice, MLflow in agreement. Real processes, real Ray."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from commandline import Lanewise, children, mlflow_runs, parents

TRIALS = 12
SWEEP = f"""
name: killed
train: own.py:train
objective: {{maximize: val_accuracy}}
space: {{x: {{float: [0, 1]}}, nap: 0.02}}
sampler: random
scheduler: {{asha: {{eta: 3}}}}
budget: {{trials: {TRIALS}, epochs: 27}}
"""
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
# (executor, number of journal records at which the group is killed); the first is the launch
# record alone, before Ray, torch or MLflow is imported.
POINTS = [
    ("inline", SWEEP, 1),
    ("inline", SWEEP, 12),
    pytest.param("inline", DIGITS, 20, marks=pytest.mark.long),
    pytest.param("tune", SWEEP, 1, marks=pytest.mark.long),
    pytest.param("tune", SWEEP, 4, marks=pytest.mark.long),
    ("tune", SWEEP, 12),
    pytest.param("tune", DIGITS, 12, marks=pytest.mark.long),
    pytest.param("tune", DIGITS, 30, marks=pytest.mark.long),
]


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


def kill_at(lanewise: Lanewise, count: int, *arguments: str) -> None:
    """Starts a command and kills its whole process group once the journal is that long."""
    process = lanewise.start(*arguments)
    deadline = time.monotonic() + 120
    while records(lanewise.home) < count:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "the journal does not grow"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(("executor", "sweep", "count"), POINTS)
def test_a_killed_sweep_resumes_to_exactly_what_was_asked(
    executor: str, sweep: str, count: int, lanewise: Lanewise
) -> None:
    lanewise.write("killed.yaml", sweep)
    kill_at(lanewise, count, "run", "killed.yaml", "--executor", executor)
    (listed,) = lanewise.json("ls")
    assert listed["status"] == "interrupted"
    before = {t["trial"]: t for t in lanewise.json("show", "killed")["history"]}
    summary = lanewise.json("resume", "killed")
    assert summary["status"] == "done"
    check_history(lanewise, before)
    check_mlflow_agrees(lanewise, summary["mlflow"]["tracking_uri"])


def check_history(lanewise: Lanewise, before: dict[int, dict[str, object]]) -> None:
    after = {t["trial"]: t for t in lanewise.json("show", "killed")["history"]}
    assert sorted(after) == list(range(TRIALS))
    assert all(trial["status"] in ("completed", "stopped") for trial in after.values())
    fingerprints = {str(trial["params"]) for trial in after.values()}
    assert len(fingerprints) == TRIALS  # none proposed twice
    for number, trial in before.items():
        assert after[number]["params"] == trial["params"]  # replayed, not asked again
        if trial["status"] != "running":
            assert after[number]["status"] == trial["status"]
            assert after[number]["epochs"] == trial["epochs"]


def check_mlflow_agrees(lanewise: Lanewise, uri: str) -> None:
    runs = mlflow_runs(uri, "killed")
    (parent,) = parents(runs)
    assert parent["status"] == "FINISHED"
    shown = {t["trial"]: t for t in lanewise.json("show", "killed")["history"]}
    trials = children(runs)
    assert sorted(int(run["tags"]["lanewise.trial"]) for run in trials) == sorted(shown)
    for run in trials:
        trial = shown[int(run["tags"]["lanewise.trial"])]
        assert run["status"] == "FINISHED"
        epochs = [epoch for epoch, _ in run["epochs"]["val_accuracy"]]
        assert epochs == list(range(1, trial["epochs"] + 1))  # every epoch once


@pytest.mark.parametrize("executor", ["inline", pytest.param("tune", marks=pytest.mark.long)])
def test_ctrl_c_ends_gracefully_and_the_sweep_resumes(executor: str, lanewise: Lanewise) -> None:
    lanewise.write("killed.yaml", SWEEP)
    process = lanewise.start("run", "killed.yaml", "--executor", executor)
    while records(lanewise.home) < 6:
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(timeout=120) == 130
    (listed,) = lanewise.json("ls")
    assert listed["status"] == "interrupted"
    uri = f"sqlite:///{lanewise.home / 'mlflow.db'}"
    assert {run["status"] for run in mlflow_runs(uri, "killed")} <= {"FINISHED", "SCHEDULED"}
    assert lanewise.json("resume", "killed", "--executor", "inline")["status"] == "done"
    check_mlflow_agrees(lanewise, uri)


def test_a_second_controller_is_refused(lanewise: Lanewise) -> None:
    lanewise.write("killed.yaml", SWEEP)
    process = lanewise.start("run", "killed.yaml", "--executor", "inline")
    while records(lanewise.home) < 3:
        time.sleep(0.01)
    refused = lanewise.run("resume", "killed")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert refused.returncode == 4
    assert "in use by another process" in refused.stderr


@pytest.mark.long
def test_stop_ends_a_killed_sweep_for_good(lanewise: Lanewise) -> None:
    lanewise.write("killed.yaml", SWEEP)
    kill_at(lanewise, 12, "run", "killed.yaml", "--executor", "inline")
    assert lanewise.run("stop", "killed").returncode == 0
    summary = lanewise.json("resume", "killed")  # there is nothing to go on with
    assert summary["status"] == "done"
    assert summary["trials"]["asked"] < TRIALS
    assert summary["trials"]["cancelled"] == 1  # the one that was running
    assert summary["mlflow"]["pending"] == 0
    runs = mlflow_runs(summary["mlflow"]["tracking_uri"], "killed")
    assert [run["status"] for run in parents(runs)] == ["KILLED"]
    assert sorted(run["status"] for run in children(runs)).count("KILLED") == 1
    assert len(children(runs)) == summary["trials"]["asked"]


def test_stop_cancels_what_is_running(lanewise: Lanewise) -> None:
    lanewise.write("killed.yaml", SWEEP.replace(f"trials: {TRIALS}", "trials: 500"))
    process = lanewise.start("run", "killed.yaml", "--executor", "inline")
    while records(lanewise.home) < 6:
        time.sleep(0.01)
    assert lanewise.run("stop", "killed").returncode == 0
    assert process.wait(timeout=120) == 0
    summary = lanewise.json("show", "killed")
    assert summary["status"] == "done"
    assert summary["trials"]["asked"] < 500
    uri = summary["mlflow"]["tracking_uri"]
    assert parents(mlflow_runs(uri, "killed"))[0]["status"] == "KILLED"
