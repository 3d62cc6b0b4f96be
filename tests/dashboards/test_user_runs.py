"""What a person's code logs with MLflow is in its trial's run, made by a real projector."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import types
from contextlib import suppress

import pytest

from lanewise.dashboards import launcher, user_runs, wishes
from lanewise.dashboards.state import Cursor, local_uri, read_cursor, write_cursor
from lanewise.dashboards.user_runs import TrialRuns
from lanewise.search.core.events import Launched, Opened
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.store.home import Home
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Choice, Float, Space

TRIALS = 24
OURS = {"lanewise.sweep": "s1", "lanewise.kind": "trial"}


@pytest.fixture(scope="module")
def sweep(template, tmp_path_factory):
    """A home whose sweep runs many trials that have told nothing yet, and its projector."""
    home = Home(tmp_path_factory.mktemp("user runs") / "home")
    home.root.mkdir()
    shutil.copy(template, home.root / "mlflow.db")
    space = Space(
        {"lr": Float(0.1, 1.0), "optimizer": Choice([{"sgd": {"momentum": Float(0, 1)}}])}
    )
    asked = Spec(space, (Objective("loss", "min"),), Budget(9, TRIALS), Plugin("random"))
    details = {"mlflow": {"tracking_uri": None, "experiment": "exp"}, "sweep_file": {}}
    journal, made = home.journal(create=True), make_sweep(asked)
    trials = [made.ask() for _ in range(TRIALS)]
    events = [Launched("s1", "digits", asked.to_json(), details), Opened("tune", "", {})]
    with home.controller_lock("s1"):
        journal.append("s1", -1, [*events, *made.drain()])
        process = launcher.start(home)
        yield types.SimpleNamespace(
            home=home, free=iter(trials), runs=TrialRuns(local_uri(home), "exp", "s1", home)
        )
        process.kill()
        process.wait()
    journal.close()


@pytest.fixture
def trial(sweep):
    """A trial of which MLflow may know nothing yet."""
    return next(sweep.free)


@pytest.fixture
def client(sweep):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=sweep.runs.uri)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where nothing may be left behind; and a process that MLflow has not been told anything in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield tmp_path
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("ml")] == []


def run_of(client, trial):
    """The trial's run, which is there once."""
    exp = client.get_experiment_by_name("exp").experiment_id
    wanted = f"tags.`lanewise.trial` = '{trial.number}'"
    (run,) = client.search_runs([exp], wanted)
    return run


def strays(client):
    """Runs of none of our trials, and experiments beside the sweep's."""
    found = client.search_experiments()
    runs = [run for each in found for run in client.search_runs([each.experiment_id])]
    names = {each.name for each in found} - {"Default", "exp"}
    return names | {run.info.run_id for run in runs if "lanewise.sweep" not in run.data.tags}


def plain(mlflow):
    mlflow.log_metric("mine", 1.0)


def with_plain_run(mlflow):
    with mlflow.start_run() as run:
        assert run.info.run_id == mlflow.active_run().info.run_id
        mlflow.log_metric("mine", 1.0)


def with_nested_run(mlflow):
    with mlflow.start_run(nested=True, run_name="of the person"):
        mlflow.log_metric("mine", 1.0)


def logged_before(mlflow):
    mlflow.log_metric("more", 1.0)
    with mlflow.start_run():
        mlflow.log_metric("mine", 1.0)
    mlflow.log_metric("more", 1.0)
    with mlflow.start_run(nested=True):
        mlflow.log_metric("more", 1.0)


def one_run_after_another(mlflow):
    for step in range(3):
        with mlflow.start_run(tags={"step": str(step)}):
            mlflow.log_metric("mine", 1.0, step=step)


def without_with(mlflow):
    mlflow.start_run()
    mlflow.log_metric("mine", 1.0)
    mlflow.end_run("KILLED")
    mlflow.log_metric("more", 1.0)


def shown_first(mlflow):
    shown = mlflow.active_run()
    assert shown is not None
    with mlflow.start_run():
        mlflow.log_metric("mine", 1.0)
    with mlflow.start_run(run_id=shown.info.run_id):
        mlflow.log_metric("more", 1.0)


def an_experiment_of_its_own(mlflow):
    made = mlflow.set_experiment("of the person")
    assert made.name == "exp"
    with mlflow.start_run():
        mlflow.log_metric("mine", 1.0)


def in_a_thread(mlflow):
    thread = threading.Thread(target=mlflow.log_metric, args=("mine", 1.0))
    thread.start()
    thread.join()


def an_error_inside(mlflow):
    with suppress(ZeroDivisionError), mlflow.start_run():
        mlflow.log_metric("mine", 1 / 1)
        mlflow.log_metric("never", 1 / 0)


def left_open(mlflow):
    mlflow.start_run()
    mlflow.log_metric("mine", 1.0)


@pytest.mark.parametrize(
    "code",
    [
        plain,
        with_plain_run,
        with_nested_run,
        logged_before,
        one_run_after_another,
        without_with,
        shown_first,
        an_experiment_of_its_own,
        in_a_thread,
        an_error_inside,
        left_open,
    ],
)
def test_however_it_is_begun_the_run_is_the_trials_own(sweep, trial, client, code):
    """No second run, no other experiment, and its status is none of the code's business."""
    import mlflow

    before = strays(client)
    with sweep.runs(trial.number, trial.params):
        code(mlflow)
    run = run_of(client, trial)
    assert run.data.metrics["mine"] == 1.0
    assert (run.info.status, run.info.end_time) == ("RUNNING", None)
    assert run.info.run_name == f"trial {trial.number}"
    assert {key: run.data.tags[key] for key in OURS} == OURS
    assert strays(client) == before
    assert mlflow.active_run() is None


def test_parameters_artifacts_and_runs_within_it(sweep, trial, client, folder):
    """What Lanewise logs of the configuration stays; the rest is the code's.

    Within the trial's run, a nested one is a run of its own.
    """
    import mlflow

    (folder / "notes.txt").write_text("mine")
    with sweep.runs(trial.number, trial.params):
        mlflow.log_params({**trial.params, "mine": 7})
        assert mlflow.log_param("lr", round(trial.params["lr"], 2)) is not None
        mlflow.log_artifact("notes.txt")
        with mlflow.start_run(), mlflow.start_run(nested=True, run_name="within") as inner:
            mlflow.log_metric("mine", 2.0)
    run = run_of(client, trial)
    assert run.data.params == {
        "lr": str(trial.params["lr"]),
        "optimizer": "sgd",
        "optimizer.momentum": str(trial.params["optimizer"]["momentum"]),
        "mine": "7",
    }
    names = [file.path for file in client.list_artifacts(run.info.run_id)]
    assert sorted(names) == ["config.json", "notes.txt"]
    within = client.get_run(inner.info.run_id)
    assert within.data.tags["mlflow.parentRunId"] == run.info.run_id
    assert within.info.experiment_id == run.info.experiment_id
    assert within.info.status == "FINISHED"
    assert "mine" not in run.data.metrics


def test_another_attempt_goes_on_in_the_same_run(sweep, trial, client):
    """In this process, or in another one that has never looked for it."""
    import mlflow

    for attempt in range(3):
        with sweep.runs(trial.number, trial.params):
            mlflow.log_metric("attempts", attempt, step=attempt)
        if attempt == 1:
            user_runs._FOUND.clear()
    run = run_of(client, trial)
    history = client.get_metric_history(run.info.run_id, "attempts")
    assert [point.value for point in history] == [0, 1, 2]


def test_two_trials_in_two_threads_of_a_process(sweep, client):
    """As a pack worker trains functions: their turns alternate, each in a thread of its own."""
    import mlflow

    turns, trials = threading.Barrier(2, timeout=120), [next(sweep.free), next(sweep.free)]

    def train(trial):
        with sweep.runs(trial.number, trial.params):
            for step in range(3):
                turns.wait()
                mlflow.log_metric("number", trial.number, step=step)

    threads = [threading.Thread(target=train, args=(trial,)) for trial in trials]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for trial in trials:
        history = client.get_metric_history(run_of(client, trial).info.run_id, "number")
        assert [point.value for point in history] == [trial.number] * 3


def test_code_of_many_trials_at_once_logs_to_the_sweeps_own_run(sweep, client):
    import mlflow

    with sweep.runs(None, {}):
        mlflow.log_metric("of many", 1.0)
    exp = client.get_experiment_by_name("exp").experiment_id
    (parent,) = client.search_runs([exp], "tags.`lanewise.kind` = 'sweep'")
    assert parent.data.metrics["of many"] == 1.0


def test_a_clean_up_behind_the_end_leaves_the_status_as_it_is(sweep, trial, client):
    """A trial that the scheduler has stopped may still close its files and log them."""
    import mlflow

    with sweep.runs(trial.number, trial.params):
        run_id = user_runs.current().find()[0]
    client.set_terminated(run_id, "FAILED", 1234)
    with sweep.runs(trial.number, trial.params):
        mlflow.log_metric("last", 1.0)
    run = client.get_run(run_id)
    assert (run.info.status, run.info.end_time) == ("FAILED", 1234)
    assert run.data.metrics["last"] == 1.0


@pytest.mark.long
def test_autologging_logs_there_too(sweep, trial, client):
    import mlflow
    import numpy as np
    from sklearn.linear_model import LinearRegression

    with sweep.runs(trial.number, trial.params):
        mlflow.pytorch.autolog()
        mlflow.sklearn.autolog(log_models=False, silent=True)
        LinearRegression().fit(np.eye(3), np.arange(3))
        mlflow.sklearn.autolog(disable=True, silent=True)
        mlflow.pytorch.autolog(disable=True)
    run = run_of(client, trial)
    assert run.data.params["fit_intercept"] == "True"
    assert "training_score" in run.data.metrics
    assert run.info.status == "RUNNING"


def test_code_that_names_another_mlflow_is_left_alone(sweep, trial, client, template, tmp_path):
    import mlflow

    shutil.copy(template, tmp_path / "theirs.db")
    with sweep.runs(trial.number, trial.params):
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/theirs.db")
        made = mlflow.create_experiment("theirs", artifact_location=(tmp_path / "a").as_uri())
        with mlflow.start_run(experiment_id=made) as run:
            mlflow.log_metric("mine", 1.0)
        assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"
    with sweep.runs(trial.number, trial.params):  # the next one begins anew
        assert mlflow.get_tracking_uri() == sweep.runs.uri


def test_everything_is_as_before_afterwards(sweep, trial, client, template, tmp_path, monkeypatch):
    """In a person's own process, who has a run of their own: the inline executor."""
    import mlflow

    shutil.copy(template, tmp_path / "own.db")
    monkeypatch.setenv("MLFLOW_RUN_ID", "gone")
    before = dict(os.environ)
    own = f"sqlite:///{tmp_path}/own.db"
    try:
        mlflow.set_tracking_uri(own)
        monkeypatch.delenv("MLFLOW_RUN_ID")
        made = mlflow.create_experiment("own", artifact_location=(tmp_path / "a").as_uri())
        with mlflow.start_run(experiment_id=made) as run:
            environment = dict(os.environ)
            with sweep.runs(trial.number, trial.params):
                mlflow.log_metric("mine", 1.0)
            assert dict(os.environ) == environment
            assert mlflow.get_tracking_uri() == own
            assert mlflow.active_run().info.run_id == run.info.run_id
            mlflow.log_metric("own", 2.0)
            mlflow.log_param("lr", 5)
        own_run = mlflow.get_run(run.info.run_id)
        assert own_run.data.metrics == {"own": 2.0}
        assert own_run.data.params == {"lr": "5"}
        assert own_run.info.status == "FINISHED"
    finally:
        mlflow.tracking._tracking_service.utils._tracking_uri = None
        os.environ.clear()
        os.environ.update(before)
    assert run_of(client, trial).data.metrics["mine"] == 1.0


APART = """
import os, sys
from pathlib import Path
from lanewise.dashboards.user_runs import TrialRuns
from lanewise.search.store.home import Home

home = Home(Path(sys.argv[1]))
runs = TrialRuns("sqlite:///" + str(home.root / "mlflow.db"), "exp", "s1", home)
how = sys.argv[3] if len(sys.argv) > 3 else ""
if how == "early":  # a script that then calls lw.tune
    from mlflow import log_metric, start_run
with runs(int(sys.argv[2]), {}):
    assert ("mlflow" in sys.modules) == (how == "early")
    if how:
        from mlflow import log_metric as log, start_run as start
        log, start = (log_metric, start_run) if how == "early" else (log, start)
        with start():
            log("apart", 1.0)
        start()  # ended by nobody: MLflow does it as the process ends
        assert os.environ["MLFLOW_TRACKING_URI"].endswith("/mlflow.db")
        os._exit(0) if how == "killed" else None
assert "MLFLOW_TRACKING_URI" not in os.environ
assert ("mlflow" in sys.modules) == bool(how)
"""


LONG = [pytest.param(how, marks=pytest.mark.long) for how in ("ends", "killed", "early")]


@pytest.mark.parametrize("how", ["", *LONG])
def test_whoever_does_not_import_mlflow_pays_nothing(sweep, trial, client, how):
    """And in a process of its own, as of Ray, it is hooked while the code imports it."""
    words = [sys.executable, "-c", APART, str(sweep.home.root), str(trial.number), *how.split()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    if how:
        run = run_of(client, trial)
        assert run.data.metrics["apart"] == 1.0
        assert (run.info.status, run.info.end_time) == ("RUNNING", None)
    else:
        assert not wishes._path(sweep.home, "s1", trial.number).exists()


def test_a_run_that_a_person_has_deleted(sweep, trial, client):
    import mlflow
    from mlflow.exceptions import MlflowException

    with sweep.runs(trial.number, trial.params):
        client.delete_run(user_runs.current().find()[0])
        user_runs._FOUND.clear()
        with pytest.raises(MlflowException, match=f"trial {trial.number} .* was deleted in MLflow"):
            mlflow.log_metric("mine", 1.0)


@pytest.mark.parametrize(
    ("error", "said"),
    [(None, "nobody has made it (see {home}/projector.log)"), ("no route to host", "{error}")],
)
def test_without_a_run_the_call_says_why(tmp_path, monkeypatch, error, said):
    """No projector, or one that cannot reach MLflow; the password stays out of it."""
    import mlflow
    from mlflow.exceptions import MlflowException

    monkeypatch.setattr(user_runs, "PATIENCE", 0.2)
    monkeypatch.setattr(user_runs, "DOWN", 0.1)
    home = Home(tmp_path / "home")
    if error:
        write_cursor(home, "s9", Cursor(error=error))
    assert read_cursor(home, "s9").error == error
    runs = TrialRuns("https://me:secret@host:1", "exp", "s9", home)
    with runs(4, {}), pytest.raises(MlflowException) as raised:
        mlflow.log_metric("mine", 1.0)
    why = said.format(home=home.root, error=error)
    assert str(raised.value) == (
        f"lanewise: the run of trial 4 (s9 in https://me:***@host:1) is not in MLflow: {why}"
    )
    assert "secret" not in repr(runs)
    assert wishes.wishes(home, "s9") == []


def test_code_that_is_only_tried_logs_nowhere(client, tmp_path, capfd):
    import mlflow

    before, environment = strays(client), dict(os.environ)
    with user_runs.unlogged():
        mlflow.set_experiment("of the person")
        mlflow.log_metric("mine", 1.0)
        mlflow.log_text("mine", "notes.txt")
    assert strays(client) == before
    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == environment
    assert mlflow.active_run() is None


def test_wishes(tmp_path):
    home = Home(tmp_path / "home")
    assert wishes.wishes(home, "s") == []
    waiting = threading.Thread(target=wishes.wait, args=(home, "s", 3, lambda: 60.0))
    waiting.start()
    while wishes.wishes(home, "s") != [3]:
        pass
    (wishes.folder(home, "s") / "sweep").touch()
    (wishes.folder(home, "s") / ".nfs00x").touch()
    assert sorted(wishes.wishes(home, "s"), key=str) == [3, None]
    for number in (3, None, 5):
        wishes.grant(home, "s", number)
    waiting.join(30)
    assert not waiting.is_alive()
    assert wishes.wishes(home, "s") == []
