"""`kill -9` of the running command's process group, then `lanewise resume`: nothing lost, nothing
twice, MLflow in agreement. Real processes, real Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from commandline import (
    TRAIN,
    Lanewise,
    children,
    command,
    environment,
    mlflow_runs,
    parents,
)
from harness import (
    DIGITS,
    SWEEP,
    TRIALS,
    check_all,
    kill,
    kill_at,
    records,
    sweep_file,
    view_of,
    wait_until,
)

from lanewise.dashboards.state import DUE, read_cursor, write_cursor
from lanewise.search.store.home import Home

LONG = [pytest.param(name, marks=pytest.mark.long) for name in ("tune", "packed")]
# (executor, sweep, number of journal records at which the group is killed); the first is the
# launch record alone, before Ray, torch or MLflow is imported. test_moments.py kills anywhere.
AT_ONCE = [("inline", SWEEP, 12)]
AT_LENGTH = [
    ("inline", SWEEP, 1),
    ("inline", DIGITS, 20),
    ("tune", SWEEP, 12),
    ("packed", SWEEP, 12),
    ("packed", DIGITS, 12),
]
AT_NIGHT = [
    ("tune", SWEEP, 4),
    ("tune", DIGITS, 12),
    ("tune", DIGITS, 30),
    ("packed", DIGITS, 2),
    ("packed", DIGITS, 30),
]
POINTS = [
    *AT_ONCE,
    *(pytest.param(*point, marks=pytest.mark.long) for point in AT_LENGTH),
    *(pytest.param(*point, marks=pytest.mark.night) for point in AT_NIGHT),
]


@pytest.mark.parametrize(("executor", "sweep", "count"), POINTS)
def test_a_killed_sweep_resumes_to_exactly_what_was_asked(
    executor: str, sweep: str, count: int, lanewise: Lanewise
) -> None:
    lanewise.write("killed.yaml", sweep)
    kill_at(lanewise, count, "run", "killed.yaml", "--executor", executor)
    (listed,) = lanewise.json("ls")
    assert listed["status"] == "interrupted"
    before = view_of(lanewise, "killed")
    assert lanewise.json("resume", "killed")["status"] == "done"
    check_all(lanewise, "killed", before, TRIALS)


@pytest.mark.night
def test_a_killed_pack_worker_costs_its_lanes_an_attempt_and_the_sweep_nothing(
    lanewise: Lanewise,
) -> None:
    lanewise.write("killed.yaml", DIGITS)
    process = lanewise.start("run", "killed.yaml", "--executor", "packed", "max_concurrent=4")
    wait_until(lambda: records(lanewise.home) >= 12, process)
    worker = next(worker for worker in pack_workers(process.pid))
    worker.kill()
    assert process.wait(timeout=200) == 0
    check_all(lanewise, "killed", None, TRIALS)
    trials = [trial for trial in view_of(lanewise, "killed").history if trial.failures]
    assert trials
    for trial in trials:
        # Those of a pack that waited for its turn are innocent beyond doubt.
        assert [failure.kind for failure in trial.failures] in (["node_lost"], ["preempted"])
        assert trial.attempt == 2
    assert not left_over(lanewise.home)


def pack_workers(command: int) -> list[psutil.Process]:
    """Ray's actors of a command that runs, wherever in its tree."""
    found = psutil.Process(command).children(recursive=True)
    return [each for each in found if "ray::PackActor" in " ".join(each.cmdline())]


def left_over(home: Path) -> list[Path]:
    """What pack workers write while they live."""
    return list(home.glob("sweeps/*/checkpoints/*.note"))


@pytest.mark.long
@pytest.mark.parametrize("executor", ["inline", *LONG])
def test_ctrl_c_ends_gracefully_and_the_sweep_resumes(executor: str, lanewise: Lanewise) -> None:
    lanewise.write("killed.yaml", SWEEP)
    process = lanewise.start("run", "killed.yaml", "--executor", executor)
    wait_until(lambda: records(lanewise.home) >= 6, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(timeout=120) == 130
    before = view_of(lanewise, "killed")
    assert before.history.interrupted is not None
    uri = f"sqlite:///{lanewise.home / 'mlflow.db'}"
    assert {run["status"] for run in mlflow_runs(uri, "killed")} <= {"FINISHED", "SCHEDULED"}
    assert lanewise.json("resume", "killed", "--executor", "inline")["status"] == "done"
    check_all(lanewise, "killed", before, TRIALS)


@pytest.mark.parametrize(
    "executor",
    [
        *(pytest.param(name, marks=pytest.mark.long) for name in ("inline", "tune")),
        pytest.param("packed", marks=pytest.mark.night),
    ],
)
def test_a_second_ctrl_c_ends_at_once_and_the_sweep_resumes(
    executor: str, lanewise: Lanewise
) -> None:
    """An epoch takes longer than anybody waits for it here."""
    lanewise.write("killed.yaml", SWEEP.replace("nap: 0.02", "nap: 600"))
    process = lanewise.start("run", "killed.yaml", "--executor", executor)
    trained = 3 if executor == "inline" else 4  # launched, opened, asked …
    wait_until(lambda: records(lanewise.home) >= trained, process)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    stderr = lanewise.folder / "stderr"
    wait_until(lambda: "again to leave at once" in stderr.read_text(), process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 130
    before = view_of(lanewise, "killed")
    assert before.history.closed is None
    quick = TRAIN.replace('config.get("nap", 0)', "0")
    lanewise.write("own.py", quick)
    assert lanewise.json("resume", "killed", "--executor", "inline")["status"] == "done"
    check_all(lanewise, "killed", before, TRIALS)


def test_a_second_controller_is_refused_at_once(lanewise: Lanewise) -> None:
    lanewise.write("killed.yaml", SWEEP.replace("nap: 0.02", "nap: 600"))
    process = lanewise.start("run", "killed.yaml", "--executor", "inline")
    wait_until(lambda: records(lanewise.home) >= 3, process)
    resumed, run = lanewise.run("resume", "killed"), lanewise.run("run", "killed.yaml")
    kill(process)
    assert (resumed.returncode, run.returncode) == (4, 2)
    assert "in use by another process" in resumed.stderr
    assert "is running: resume it" in run.stderr
    assert [len(refused.stderr.splitlines()) for refused in (resumed, run)] == [1, 1]


@pytest.mark.long
def test_of_two_launches_at_the_same_time_exactly_one_wins(lanewise: Lanewise) -> None:
    """The same command twice, as an impatient person or a retrying scheduler sends it."""
    lanewise.write("killed.yaml", SWEEP)
    errors = [(lanewise.folder / f"stderr-{place}").open("w+") for place in range(2)]
    processes = [
        subprocess.Popen(
            command("run", "killed.yaml", "--executor", "inline", "--quiet"),
            cwd=lanewise.folder,
            env=environment(lanewise.home),
            stdout=subprocess.DEVNULL,
            stderr=error,
        )
        for error in errors
    ]
    codes = [process.wait(timeout=120) for process in processes]
    assert sorted(codes) == [0, 2]
    for code, error in zip(codes, errors, strict=True):
        error.seek(0)
        said = error.read()
        error.close()
        assert code == 0 or ("or begin another one with --new" in said and said.count("\n") == 1)
    check_all(lanewise, "killed", None, TRIALS)
    assert len(lanewise.json("ls")) == 1


@pytest.mark.long
def test_a_report_that_a_kill_prevented_comes_with_the_resume(lanewise: Lanewise) -> None:
    """All is decided and drained; the kill falls between that and the report."""
    lanewise.write("killed.yaml", sweep_file("killed", 2, epochs=3))
    sweep = lanewise.json("run", "killed.yaml", "--executor", "inline")["sweep"]
    home = Home(lanewise.home)
    write_cursor(home, sweep, replace(read_cursor(home, sweep), report=DUE))
    assert lanewise.json("resume", "killed")["status"] == "done"
    assert read_cursor(home, sweep).report not in (DUE, None)


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


@pytest.mark.long
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
