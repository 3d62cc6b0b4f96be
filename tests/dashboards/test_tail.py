"""The way to MLflow: kills, outages, what people do meanwhile, and the order of what is sent."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from lanewise.dashboards import tail as tails
from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.service import Service
from lanewise.dashboards.state import Cursor, cursor_path, mask, pending, read_cursor
from lanewise.search.core.events import Failure

pytestmark = pytest.mark.usefixtures("new_database")


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
