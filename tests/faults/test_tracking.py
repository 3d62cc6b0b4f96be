"""MLflow killed beside, down, slow or silent: the sweep goes on as if it were not, and all of it is
shown in the end. A real server, real processes."""

from __future__ import annotations

import threading
import time

import psutil
import pytest
from commandline import Lanewise, mlflow_runs, run_python
from harness import (
    check_mlflow,
    check_replay,
    events_of,
    kill,
    records,
    sweep_file,
    view_of,
    wait_until,
)
from tracking import Proxy, Server

pytestmark = pytest.mark.timeout(400)

TRIALS = 8
SWEEP = sweep_file("tracked", TRIALS, epochs=9, executor="inline")
CREATE = "/api/2.0/mlflow/runs/create"


def projectors(lanewise: Lanewise) -> list[psutil.Process]:
    """Those that serve this home; a spare one's command line does not name it."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if "lanewise.dashboards.projector" in (process.info["cmdline"] or [])
        and process.info["cwd"] == str(lanewise.folder)
    ]


@pytest.mark.long
def test_a_run_that_was_made_and_not_recorded_is_found_again(
    lanewise: Lanewise, server: Server, proxy: Proxy
) -> None:
    """Projectors are killed when the server has made a run and before they hear of it: the
    sweep's own (1), the first trial's (2), another one's."""
    made: list[int] = []
    killed: list[int] = []

    def after(path: str) -> None:
        if path == CREATE:
            made.append(len(made))
            if len(made) in (1, 2, TRIALS):
                for process in projectors(lanewise):
                    process.kill()
                    killed.append(len(made))

    proxy.after = after
    lanewise.write("tracked.yaml", SWEEP)
    summary = lanewise.json("run", "tracked.yaml", "--tracking-uri", proxy.uri)
    assert killed == [1, 2, TRIALS]
    assert summary["mlflow"]["pending"] == 0
    view = view_of(lanewise, "tracked")
    check_mlflow(view, mlflow_runs(server.database, "tracked"))
    assert len(made) == TRIALS + 1  # none was made anew


@pytest.mark.parametrize(
    ("nap", "at_least"),
    [
        pytest.param(0.1, 2, marks=pytest.mark.long),
        pytest.param(1.5, 30, marks=pytest.mark.night, id="a minute"),
    ],
)
def test_an_outage_delays_nothing_and_loses_nothing(
    nap: float, at_least: float, lanewise: Lanewise, server: Server
) -> None:
    lanewise.write("tracked.yaml", SWEEP.replace("nap: 0.02", f"nap: {nap}"))
    process = lanewise.start("run", "tracked.yaml", "--tracking-uri", server.uri)
    wait_until(lambda: records(lanewise.home) >= 4, process)
    server.stop()
    down_at = time.monotonic()
    # Nothing in the sweep waits for MLflow: it comes to its end during the outage.
    wait_until(lambda: view_of(lanewise, "tracked").history.closed is not None, process)
    assert time.monotonic() - down_at > at_least
    assert process.poll() is None  # it waits for the projection, which goes on trying
    server.start()
    assert process.wait(timeout=150) == 0
    view = view_of(lanewise, "tracked")
    assert len(view.history) == TRIALS
    check_mlflow(view, mlflow_runs(server.database, "tracked"))
    check_replay(events_of(lanewise, "tracked"))


@pytest.mark.long
def test_a_slow_server_holds_up_nothing_but_itself(
    lanewise: Lanewise, server: Server, proxy: Proxy
) -> None:
    calls: list[str] = []
    proxy.before = calls.append
    proxy.delay = 1.0
    lanewise.write("tracked.yaml", SWEEP)
    process = lanewise.start("run", "tracked.yaml", "--tracking-uri", proxy.uri)
    wait_until(lambda: records(lanewise.home) >= 1, process)
    wait_until(lambda: view_of(lanewise, "tracked").history.closed is not None, process)
    assert len(calls) < TRIALS  # so far: most of the sweep's own runs are still to be made
    proxy.delay = 0.0  # the rest is no longer of interest
    assert process.wait(timeout=120) == 0
    check_mlflow(view_of(lanewise, "tracked"), mlflow_runs(server.database, "tracked"))


@pytest.mark.night
def test_a_silent_server_is_left_after_a_minute_and_made_good_by_sync(
    lanewise: Lanewise, server: Server, proxy: Proxy
) -> None:
    """It takes calls and never answers."""
    may_answer = threading.Event()

    def silent(path: str) -> None:
        may_answer.wait(300)

    proxy.before = silent
    lanewise.write("tracked.yaml", SWEEP)
    process = lanewise.start("run", "tracked.yaml", "--tracking-uri", proxy.uri)
    assert process.wait(timeout=200) == 0
    said = (lanewise.folder / "stderr").read_text()
    assert view_of(lanewise, "tracked").history.closed is not None
    shown = lanewise.json("show", "tracked")
    assert shown["status"] == "done"
    assert shown["mlflow"]["pending"] > 0, said
    (projector,) = projectors(lanewise)  # it holds the lock, and would try for minutes more
    may_answer.set()
    assert lanewise.run("sync", "tracked").returncode == 0
    check_mlflow(view_of(lanewise, "tracked"), mlflow_runs(server.database, "tracked"))
    assert not projector.is_running() or projector.status() == psutil.STATUS_ZOMBIE


@pytest.mark.long
def test_a_projector_that_dies_is_started_again_while_the_sweep_runs(lanewise: Lanewise) -> None:
    lanewise.write("tracked.yaml", SWEEP.replace("nap: 0.02", "nap: 0.5"))
    process = lanewise.start("run", "tracked.yaml")
    killed: set[int] = set()
    for _ in range(2):
        wait_until(lambda: {one.pid for one in projectors(lanewise)} - killed, process)
        for one in projectors(lanewise):
            killed.add(one.pid)
            one.kill()
    wait_until(lambda: {one.pid for one in projectors(lanewise)} - killed, process)
    assert view_of(lanewise, "tracked").history.closed is None
    assert process.wait(timeout=200) == 0
    runs = mlflow_runs(f"sqlite:///{lanewise.home / 'mlflow.db'}", "tracked")
    check_mlflow(view_of(lanewise, "tracked"), runs)


@pytest.mark.long
def test_a_deleted_experiment_is_said_at_once(lanewise: Lanewise) -> None:
    """And who restores it need not do more: ``sync`` writes the rest."""
    quick = sweep_file("tracked", 2, epochs=1, executor="inline")
    lanewise.write("tracked.yaml", quick)
    uri = f"sqlite:///{lanewise.home / 'mlflow.db'}"
    code = "import sys, mlflow; c = mlflow.MlflowClient(sys.argv[1])\n"
    found = "c.search_experiments(view_type=3, filter_string=\"name = 'tracked'\")[0].experiment_id"
    there = "import os, sys; os.chdir(sys.argv[2])\n"  # MLflow makes ./mlruns
    gone = "c.delete_experiment(c.create_experiment('tracked'))"
    run_python(f"{there}{code}{gone}", uri, str(lanewise.home.parent))
    done = lanewise.run("run", "tracked.yaml")
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "was deleted" in line]
    assert "restore" in line
    assert "lanewise sync" in line
    assert "Traceback" not in done.stderr
    assert lanewise.run("sync", "tracked").returncode != 0
    run_python(f"{code}c.restore_experiment({found})", uri)
    assert lanewise.run("sync", "tracked").returncode == 0
    check_mlflow(view_of(lanewise, "tracked"), mlflow_runs(uri, "tracked"))


@pytest.mark.night
def test_a_sweep_killed_during_an_outage_is_shown_whole_after_its_resume(
    lanewise: Lanewise, server: Server
) -> None:
    lanewise.write("tracked.yaml", SWEEP)
    process = lanewise.start("run", "tracked.yaml", "--tracking-uri", server.uri)
    wait_until(lambda: records(lanewise.home) >= 4, process)
    server.stop()
    wait_until(lambda: records(lanewise.home) >= 12, process)
    kill(process)
    server.start()
    assert lanewise.json("resume", "tracked")["mlflow"]["pending"] == 0
    check_mlflow(view_of(lanewise, "tracked"), mlflow_runs(server.database, "tracked"))
