"""What MLflow shows: real MLflow on SQLite, written by the projector, read by MLflow's client."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from lanewise.dashboards import tail as tails
from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.service import Service
from lanewise.dashboards.state import Cursor, cursor_path, mask, pending, read_cursor
from lanewise.search.core.events import BY_A_PERSON, Failure
from lanewise.search.core.seeds import trial_seed
from lanewise.search.core.sweep import Run
from lanewise.search.store.view import open_view
from lanewise.spaces import Constant, Float, Space

pytestmark = pytest.mark.usefixtures("new_database")


def test_every_trial_of_a_finished_sweep_is_shown_whole(lab):
    lab.write(lab.simulated(8))
    assert lab.drain() == 0
    history, client = open_view(lab.journal, "s1").history, lab.client()
    _, children = lab.runs()
    assert children.keys() == history.trials.keys()
    for trial in history:
        run = children[trial.number]
        tags, metrics = run.data.tags, run.data.metrics
        assert (run.info.status, run.info.run_name) == ("FINISHED", f"trial {trial.number}")
        ended = "completed" if trial.status == "completed" else f"stopped: {trial.reason}"
        assert tags["lanewise.outcome"] == ended
        assert tags["lanewise.rung"] == str(trial.epoch)
        assert tags["lanewise.seed"] == str(trial_seed(7, trial.number))
        assert tags["lanewise.executor"] == "inline"
        assert tags["lanewise.attempt"] == "1"
        assert run.data.params["optimizer"] == trial.params["optimizer"]["name"]
        assert run.data.params["hidden.0"] == str(trial.params["hidden"][0])
        points = client.get_metric_history(run.info.run_id, "val_accuracy")
        reported = [(epoch, row["val_accuracy"]) for epoch, row in trial.rows]
        assert [(point.step, point.value) for point in points] == reported
        assert metrics["best_val_accuracy"] == trial.best[1]
        assert metrics["best_loss"] == trial.best_metrics["loss"]
        assert metrics["best_epoch"] == trial.best[0]
        assert json.loads(lab.artifact(run, "config.json")) == trial.params


def test_the_parent_tells_the_sweep(lab):
    lab.write(lab.simulated(8))
    lab.drain()
    view = open_view(lab.journal, "s1")
    best, (parent, _) = view.history.best, lab.runs()
    metrics, tags = parent.data.metrics, parent.data.tags
    assert (parent.info.status, parent.info.run_name) == ("FINISHED", "digits")
    experiment = lab.client().get_experiment_by_name("exp")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert experiment.artifact_location == (lab.home.root / "artifacts" / "exp").as_uri()
    assert parent.info.start_time == int(view.launched_at * 1000)
    assert parent.info.end_time == int(view.last_at * 1000)
    assert metrics["best_val_accuracy"] == best.best[1]
    assert metrics["best_loss"] == best.best_metrics["loss"]
    assert (metrics["n_trials"], metrics["n_failed"]) == (8, 0)
    assert parent.data.params["sampler"] == "random"
    assert parent.data.params["budget.trials"] == "8"
    assert tags["lanewise.data.hash"] == "abc123"
    assert f"trial {best.number}, epoch {best.best[0]}" in tags["mlflow.note.content"]
    assert lab.artifact(parent, "sweep.yaml") == "name: digits\n"
    told = json.loads(lab.artifact(parent, "best.json"))
    assert told == {
        "trial": best.number,
        "params": best.params,
        "metrics": best.best_metrics,
        "epoch": best.best[0],
    }
    steps = lab.client().get_metric_history(parent.info.run_id, "best_val_accuracy")
    assert {point.step for point in steps} == set(range(1, 9))


def listed(lab, sweep="s1"):
    """What MLflow's table shows by a sweep's link: (settings, the same for older releases)."""
    tags = lab.client().get_experiment_by_name("exp").tags
    whole = json.loads(tags[f"mlflow.sharedViewState.{sweep}"])
    return json.loads(whole["state"]), whole


def test_the_link_lists_the_trials_with_their_scores(lab):
    lab.write(lab.simulated(8))
    lab.write(lab.simulated(4, sweep="s2"), "s2")
    lab.drain("s1")
    lab.drain("s2")
    client, best = lab.client(), open_view(lab.journal, "s1").history.best
    experiment = client.get_experiment_by_name("exp").experiment_id
    for sweep, trials in (("s1", 8), ("s2", 4)):
        state, older = listed(lab, sweep)
        assert state.items() <= older.items()
        assert state["orderByAsc"] is True
        found = client.search_runs(
            [experiment], state["searchFilter"], order_by=[f"{state['orderByKey']} ASC"]
        )
        assert len(found) == trials
        columns = state["selectedColumns"]
        assert columns[:2] == ["metrics.`best_val_accuracy`", "metrics.`best_loss`"]
        assert {"params.`lr`", "params.`optimizer`", "tags.`lanewise.outcome`"} <= {*columns}
        assert "params.`batch_size`" not in columns  # the same in all trials
        for column in columns:
            kind, _, name = column.partition(".")
            assert any(name.strip("`") in getattr(run.data, kind) for run in found), column
        if sweep == "s1":
            assert found[0].data.tags["lanewise.trial"] == str(best.number)
        assert read_cursor(lab.home, sweep).has_view


def test_the_columns_are_few_and_fit(lab):
    names = [letter * 240 for letter in "abcdefghij"]
    space = Space({name: Float(0.0, 1.0) for name in names})
    sweep = lab.begun(lab.spec(2, space=space))
    noise = {f"train_{n}": 0.5 for n in range(9)} | {"val_f1": 0.5}
    for value in (0.5, 0.6):
        trial = sweep.ask()
        sweep.report(trial.number, [(1, noise | {"val_accuracy": value})])
        sweep.complete(trial.number)
    lab.take(sweep)
    lab.drain()
    columns = listed(lab)[0]["selectedColumns"]
    assert columns[:3] == [
        "metrics.`best_val_accuracy`",
        "metrics.`best_val_f1`",
        "metrics.`best_train_0`",
    ]
    assert [column.partition(".")[0] for column in columns].count("metrics") == 6
    assert "params.`" + names[0] + "`" in columns
    assert "params.`" + names[6] + "`" not in columns
    tags = lab.client().get_experiment_by_name("exp").tags
    assert max(map(len, tags.values())) <= 5000


def test_the_view_is_written_once_and_again_where_it_is_missing(lab, new_database, monkeypatch):
    from mlflow import MlflowClient

    calls, real = [], MlflowClient.set_experiment_tag

    def counted(client, *args):
        calls.append(args)
        return real(client, *args)

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", counted)
    events = lab.simulated(4)
    lab.write(events[:2])
    lab.drain()
    assert (calls, read_cursor(lab.home, "s1").has_view) == ([], False)  # no scores yet
    lab.write(events[2:])
    lab.drain()
    lab.drain(rebuild=True)
    assert len(calls) == 1
    new_database()
    lab.drain(rebuild=True)
    assert len(calls) == 2
    assert listed(lab)


@pytest.mark.parametrize(
    ("code", "goes_on"), [("PERMISSION_DENIED", True), ("INTERNAL_ERROR", False)]
)
def test_a_server_that_refuses_the_view_gets_all_else(lab, monkeypatch, code, goes_on):
    from mlflow import MlflowClient
    from mlflow.exceptions import RestException

    lab.write(lab.simulated(4))

    def refused(client, *args):
        raise RestException({"error_code": code, "message": "no"})

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refused)
    if goes_on:
        assert lab.drain() == 0
        assert not read_cursor(lab.home, "s1").has_view
        monkeypatch.undo()
    else:
        with pytest.raises(ProjectionError, match="no"):
            lab.drain(attempts=1)
        monkeypatch.undo()
        assert lab.drain() == 0
        assert listed(lab)
    assert len(lab.runs()[1]) == 4


def test_one_trial_is_tagged_as_the_best_at_any_time(lab):
    """And each says in its description what came out, with which configuration."""
    events = lab.simulated(8)
    for upto in range(4, len(events), 5):
        lab.write(events[lab.journal.last("s1") + 1 : upto])
        with lab.home.controller_lock("s1"):
            lab.drain()
        best, (_, children) = open_view(lab.journal, "s1").history.best, lab.runs()
        tagged = [n for n, run in children.items() if run.data.tags.get("lanewise.best")]
        assert tagged == ([] if best is None else [best.number])
    trial = open_view(lab.journal, "s1").history.best
    text = children[trial.number].data.tags["mlflow.note.content"]
    assert f"at epoch {trial.best[0]}" in text
    assert "val_accuracy" in text
    assert "| batch_size | 64 |" in text


def test_projecting_again_changes_nothing(lab):
    events = lab.simulated(6)
    lab.write(events[:9])
    lab.drain()
    lab.write(events[9:])
    lab.drain()
    before = lab.lengths()
    lab.drain(rebuild=True)
    assert lab.lengths() == before
    cursor_path(lab.home, "s1").unlink()  # the cursor is lost
    lab.drain()
    assert lab.lengths() == before


@pytest.mark.parametrize("kills", [1, 2, 7])
def test_a_kill_behind_create_run_makes_no_run_twice(lab, monkeypatch, kills):
    from mlflow import MlflowClient

    lab.write(lab.simulated(6))
    create, calls = MlflowClient.create_run, []

    def kill_now(client, *args, **kwargs):
        made = create(client, *args, **kwargs)
        calls.append(1)
        if len(calls) == kills:
            raise KeyboardInterrupt
        return made

    monkeypatch.setattr(MlflowClient, "create_run", kill_now)
    with pytest.raises(KeyboardInterrupt):
        lab.drain()
    monkeypatch.undo()
    lab.drain()
    _, children = lab.runs()
    assert len(children) == 6
    assert {run.info.status for run in children.values()} == {"FINISHED"}


def test_everything_comes_back_after_the_database_is_gone(lab, new_database):
    lab.write(lab.simulated(5))
    lab.drain()
    new_database()
    lab.drain(rebuild=True)
    _, children = lab.runs()
    assert len(children) == 5
    assert all(run.data.metrics["best_epoch"] >= 1 for run in children.values())


def test_an_outage_is_noted_and_made_good(lab, monkeypatch):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    lab.write(lab.simulated(4))
    log, calls = MlflowClient.log_batch, []

    def down(*args, **kwargs):
        calls.append(1)
        if len(calls) in (2, 3):
            raise MlflowException("no connection")
        return log(*args, **kwargs)

    monkeypatch.setattr(MlflowClient, "log_batch", down)
    monkeypatch.setattr(tails, "FIRST_RETRY", 0.01)
    with pytest.raises(ProjectionError, match="no connection"):
        lab.drain(attempts=1)
    assert "no connection" in read_cursor(lab.home, "s1").error
    assert pending(lab.home, "s1", lab.journal) > 0
    assert lab.drain(attempts=3) == 0
    assert read_cursor(lab.home, "s1").error is None
    assert read_cursor(lab.home, "s1").drained_at is not None
    assert len(lab.runs()[1]) == 4


def test_an_interrupted_sweep_waits_as_scheduled_and_goes_on(lab):
    sweep = lab.begun(lab.spec(trials=2, scheduler="none"))
    run = sweep.ask()
    sweep.report(run.number, [(1, lab.curve(run.params, 1))])
    sweep.interrupt("Ctrl-C")
    lab.take(sweep)
    lab.drain()
    parent, children = lab.runs()
    assert (parent.info.status, children[0].info.status) == ("SCHEDULED", "SCHEDULED")
    assert children[0].data.tags["lanewise.outcome"] == "interrupted"
    assert parent.data.tags["lanewise.status"] == "interrupted"
    assert "lanewise resume s1" in parent.data.tags["mlflow.note.content"]

    with lab.home.controller_lock("s1"):
        sweep.opened("tune", "asked for", {})
        sweep.lost(0)
        sweep.ask()
        lab.take(sweep)
        lab.drain()
        parent, children = lab.runs()
        assert (parent.info.status, children[0].info.status) == ("RUNNING", "RUNNING")
        tags = children[0].data.tags
        assert (tags["lanewise.outcome"], tags["lanewise.attempt"]) == ("running", "2")
        assert tags["lanewise.executor"] == "tune"
        sweep.report(0, [(epoch, lab.curve(run.params, epoch)) for epoch in range(2, 10)])
        sweep.close("trials")
        lab.take(sweep)
        lab.drain()
    parent, children = lab.runs()
    assert (parent.info.status, children[0].info.status) == ("FINISHED", "FINISHED")
    points = lab.client().get_metric_history(children[0].info.run_id, "loss")
    assert [point.step for point in points] == list(range(1, 10))


def test_a_killed_controller_leaves_nothing_running(lab):
    sweep = lab.begun(lab.spec(trials=2))
    sweep.ask()
    lab.take(sweep)
    with lab.home.controller_lock("s1"):
        lab.drain()
        assert lab.runs()[1][0].info.status == "RUNNING"
    lab.write([])
    tail = tails.Tail(lab.home, lab.journal, lab.journal.launches()[0][0], lab.uri)
    tail.step()
    tail.close()
    parent, children = lab.runs()
    assert (parent.info.status, children[0].info.status) == ("SCHEDULED", "SCHEDULED")


def test_failures_are_shown_with_their_whole_traceback(lab):
    sweep = lab.begun(lab.spec(trials=3))
    text = "Traceback (most recent call last):\n" + "  line\n" * 3000 + "ValueError: [boom] `x`"
    lab.failing(sweep, "out_of_memory", "first: out of memory")
    lab.failing(sweep, "bug", text)
    run = sweep.ask()
    sweep.report(run.number, [(1, {"val_accuracy": float("nan"), "loss": 1.0})])
    sweep.close("trials")
    lab.take(sweep)
    lab.drain()
    parent, children = lab.runs()
    tags = children[0].data.tags
    assert [children[n].info.status for n in (0, 1)] == ["FAILED", "FAILED"]
    assert tags["lanewise.outcome"] == "failed: bug"
    assert tags["lanewise.failure"] == "ValueError: [boom] `x`"
    assert "ValueError: [boom] `x`\n```" in tags["mlflow.note.content"]
    whole = lab.artifact(children[0], "failure.txt")
    assert text in whole
    assert "first: out of memory" in whole
    assert children[1].data.tags["lanewise.outcome"] == "failed: bad_value"
    assert parent.info.status == "FAILED"
    assert parent.data.metrics["n_failed"] == 2


def test_what_a_person_ends_is_killed(lab):
    sweep = lab.begun(lab.spec(trials=3))
    run = sweep.ask()
    sweep.report(run.number, [(1, lab.curve(run.params, 1))])
    sweep.ask()
    sweep.close(BY_A_PERSON)
    lab.take(sweep)
    lab.drain()
    parent, children = lab.runs()
    assert parent.info.status == "KILLED"
    killed = [run for run in children.values() if run.info.status == "KILLED"]
    assert killed
    assert {run.data.tags["lanewise.outcome"] for run in killed} == {"cancelled"}


def test_many_params_long_values_and_many_rows(lab):
    space = Space({f"p{i}": Constant(i) for i in range(150)} | {"lr": Float(0.0, 1.0)})
    long = space.to_json() | {"text": "x" * 20_000}
    asked = lab.spec(trials=1, epochs=1500, scheduler="none", space=Space(long))
    sweep = lab.begun(asked)
    run = sweep.ask()
    assert isinstance(run, Run)
    sweep.report(0, [(epoch, {"val_accuracy": 0.5, "loss": 1.0}) for epoch in range(1, 1501)])
    sweep.close("trials")
    lab.take(sweep)
    lab.drain()
    _, children = lab.runs()
    params = children[0].data.params
    assert len(params) == 152
    assert len(params["text"]) == 6000
    assert json.loads(lab.artifact(children[0], "config.json"))["text"] == "x" * 20_000
    points = lab.client().get_metric_history(children[0].info.run_id, "loss")
    assert len(points) == 1500


def test_values_that_are_not_finite_are_not_sent(lab):
    sweep = lab.begun(lab.spec(trials=1, scheduler="none"))
    run = sweep.ask()
    odd = {"train/loss (x)": 2.0, "../up": 3.0, "loss": float("inf")}
    sweep.report(run.number, [(1, {"val_accuracy": 0.5, **odd})])
    sweep.report(run.number, [(2, {"val_accuracy": 0.6, "loss": float("nan")})])
    sweep.close("trials")
    lab.take(sweep)
    lab.drain()
    metrics = lab.runs()[1][0].data.metrics
    assert "loss" not in metrics
    assert "best_loss" not in metrics
    assert metrics["val_accuracy"] == 0.6
    assert metrics["train/loss _x_"] == 2.0
    assert metrics["_up"] == 3.0


def test_a_run_that_a_person_deleted_stays_deleted_until_a_rebuild(lab):
    events = lab.simulated(4)
    lab.write(events[:-3])
    lab.drain()
    _, children = lab.runs()
    lab.client().delete_run(children[1].info.run_id)
    lab.write(events[-3:])
    cursor_path(lab.home, "s1").unlink()
    lab.drain()
    assert 1 not in lab.runs()[1]
    lab.drain(rebuild=True)
    assert len(lab.runs()[1]) == 4


def test_a_run_that_was_made_twice_stays_once(lab):
    lab.write(lab.simulated(3))
    lab.drain()
    _, children = lab.runs()
    twin = children[2]
    tags = dict(twin.data.tags)
    client = lab.client()
    client.create_run(twin.info.experiment_id, start_time=twin.info.start_time + 1, tags=tags)
    lab.drain(rebuild=True)
    assert lab.runs()[1][2].info.run_id == twin.info.run_id


def test_a_deleted_experiment_is_one_clear_error(lab):
    lab.write(lab.simulated(2))
    lab.drain()
    client = lab.client()
    client.delete_experiment(client.get_experiment_by_name("exp").experiment_id)
    with pytest.raises(ProjectionError, match=r"experiment 'exp' was deleted .*restore"):
        lab.drain(rebuild=True, attempts=1)


def test_more_than_a_thousand_runs_are_found(lab, monkeypatch):
    """Paging, without a thousand trials: MLflow's client with pages of ten."""
    from mlflow import MlflowClient

    search = MlflowClient.search_runs

    def small_pages(*args, **kwargs):
        assert kwargs.pop("max_results") == 1000
        return search(*args, max_results=10, **kwargs)

    lab.write(lab.simulated(25))
    lab.drain()
    monkeypatch.setattr(MlflowClient, "search_runs", small_pages)
    cursor_path(lab.home, "s1").unlink()
    lab.drain()
    monkeypatch.undo()
    assert len(lab.runs()[1]) == 25


def test_two_sweeps_share_an_experiment(lab):
    lab.write(lab.simulated(3))
    lab.write(lab.simulated(4, sweep="s2"), "s2")
    lab.drain("s1")
    lab.drain("s2")
    assert (len(lab.runs("s1")[1]), len(lab.runs("s2")[1])) == (3, 4)


def test_a_secret_stays_secret(lab, monkeypatch):
    uri = f"sqlite:///file:{lab.home.root}/mlflow.db?uri=true&token=hunter2"
    lab.write(lab.simulated(2, tracking_uri=mask(uri)))
    with pytest.raises(ProjectionError, match="password"):
        lab.drain()
    tail = tails.Tail(lab.home, lab.journal, lab.journal.launches()[0][0], uri)
    error = tail.explained(OSError("cannot reach hunter2 at " + uri))
    assert "hunter2" not in error
    service = Service(lab.home, lab.journal)
    service.step()
    assert not service.tails  # another process knows the password
    service = Service(lab.home, lab.journal, secret=uri)
    service._look()
    assert service.tails.keys() == {"s1"}
    monkeypatch.setenv("LANEWISE_TRACKING_URI", "http://elsewhere")
    with pytest.raises(ProjectionError, match="password"):
        lab.drain()
    assert lab.drain(uri=lab.uri) == 0
    assert read_cursor(lab.home, "s1") != Cursor()
    for file in [*lab.home.root.rglob("*.json"), *lab.home.root.rglob("*.lock")]:
        assert "hunter2" not in file.read_text()


def coded(code):
    """As MLflow's client raises it."""
    error = OSError("refused")
    error.error_code = code
    return error


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (coded("PERMISSION_DENIED"), True),
        (coded("UNAUTHENTICATED"), True),
        (OSError("Detected out-of-date database schema (found version 1"), True),
        (OSError('FATAL:  database "tracking" does not exist'), True),
        (OSError("(sqlite3.OperationalError) attempt to write a readonly database"), True),
        (ModuleNotFoundError("No module named 'psycopg2'"), True),
        (coded("INTERNAL_ERROR"), False),
        (OSError("(sqlite3.OperationalError) database is locked"), False),
        (OSError("database or disk is full"), False),
    ],
)
def test_a_reason_that_no_waiting_helps_against_is_known_as_one(lab, monkeypatch, error, permanent):
    from mlflow import MlflowClient

    def fail(*args, **kwargs):
        raise error

    lab.write(lab.simulated(1))
    monkeypatch.setattr(MlflowClient, "search_runs", fail)
    tail = tails.Tail(lab.home, lab.journal, lab.journal.launches()[0][0], lab.uri)
    tail.attempt()
    assert (read_cursor(lab.home, "s1").hopeless_at is not None) == permanent
    assert tail.is_hopeless == permanent
    monkeypatch.undo()
    tail.retry_at = 0.0
    while tail.attempt() or not tail.is_idle:
        pass
    assert read_cursor(lab.home, "s1").hopeless_at is None
    tail.close()


def test_the_cursor_moves_while_trials_are_sent(lab, monkeypatch):
    """A launcher that waits must see progress before the last trial is through."""
    seen = []
    write = tails.write_cursor
    monkeypatch.setattr(tails, "CURSOR_EVERY", 0.0)
    monkeypatch.setattr(
        tails, "write_cursor", lambda *args: (seen.append(args[2].seq), write(*args))
    )
    lab.write(lab.simulated(8))
    lab.drain()
    assert seen == sorted(seen)
    assert len(set(seen)) > 4


def test_a_retried_trial_keeps_its_run(lab):
    sweep = lab.begun(lab.spec(trials=1, scheduler="none"))
    run = sweep.ask()
    sweep.fail(run.number, Failure("out_of_memory", "no memory"))
    lab.take(sweep)
    with lab.home.controller_lock("s1"):
        lab.drain()
    assert lab.runs()[1][0].data.tags["lanewise.outcome"] == "waiting"
    run = sweep.ask()
    sweep.report(0, [(epoch, lab.curve(run.params, epoch)) for epoch in range(1, 10)])
    sweep.close("trials")
    lab.take(sweep)
    lab.drain()
    tags = lab.runs()[1][0].data.tags
    assert (tags["lanewise.outcome"], tags["lanewise.attempt"]) == ("completed", "2")


def noting(calls, name, call):
    def note(*args, **kwargs):
        calls.append(name)
        return call(*args, **kwargs)

    return note


def test_a_trial_that_ends_soon_is_written_once(lab, monkeypatch):
    from mlflow import MlflowClient

    calls = []
    for name in ("create_run", "log_batch", "set_terminated", "update_run"):
        call = getattr(MlflowClient, name)
        monkeypatch.setattr(MlflowClient, name, noting(calls, name, call))
    sweep = lab.begun(lab.spec(trials=2, scheduler="none"))
    with lab.home.controller_lock("s1"):
        run = sweep.ask()
        lab.take(sweep)
        tail = tails.Tail(lab.home, lab.journal, lab.journal.launches()[0][0], lab.uri)
        monkeypatch.setattr(tails, "PARENT_EVERY", 100.0)
        tail.step()
        assert lab.runs()[1] == {}  # it may end any moment
        sweep.report(0, [(1, lab.curve(run.params, 1))])
        lab.take(sweep)
        tail.step()
        calls.clear()
        sweep.report(0, [(epoch, lab.curve(run.params, epoch)) for epoch in range(2, 10)])
        sweep.ask()
        lab.take(sweep)
        tail.step()
        assert calls == ["create_run", "log_batch", "set_terminated"]
        assert lab.runs()[1].keys() == {0}
        monkeypatch.setattr(tails, "PATIENCE", 0.0)  # the other one goes on
        tail.step()
        assert lab.runs()[1][1].info.status == "RUNNING"
        tail.close()


def test_the_sweep_has_ended_when_its_trials_have(lab, monkeypatch):
    lab.write(lab.simulated(8))
    monkeypatch.setattr(tails, "LOOK_EVERY", 0.0)  # a look at the journal behind every trial
    tail = tails.Tail(lab.home, lab.journal, lab.journal.launches()[0][0], lab.uri)
    statuses = []
    while not tail.is_drained:
        tail.step()
        parent, children = lab.runs()
        statuses.append((parent.data.tags["lanewise.status"], len(children)))
    tail.close()
    assert len(statuses) > 4
    assert statuses[-1] == ("done", 8)


def test_the_service_says_when_a_sweep_trains(lab):
    said = []
    sweep = lab.begun(lab.spec(trials=1))
    with lab.home.controller_lock("s1"):
        service = Service(lab.home, lab.journal, yield_to=said.append)
        service.step()
        run = sweep.ask()
        sweep.report(0, [(1, lab.curve(run.params, 1))])
        sweep.close("trials")
        lab.take(sweep)
        service.step()
        service.step()
    assert said == [True, False]


def test_a_broken_sweep_holds_up_no_other(lab, new_database):
    for sweep in ("s1", "s2", "s3"):
        lab.write(lab.simulated(2, sweep=sweep), sweep)
    with closing(sqlite3.connect(lab.journal.path)) as connection, connection:
        connection.execute("UPDATE events SET crc = crc + 1 WHERE sweep = 's1' AND seq = 0")
        connection.execute("UPDATE events SET at = at + 1 WHERE sweep = 's2' AND seq = 4")
    service = Service(lab.home, lab.journal)
    for _ in range(5):
        service.step()
    assert pending(lab.home, "s3", lab.journal) == 0
    assert len(lab.runs("s3")[1]) == 2
    error = read_cursor(lab.home, "s2").error
    assert error == f"{lab.journal.path}: record 4 of sweep s2 is broken"
