"""Runs exactly once: whatever is repeated, lost or late, the one stays that is pointed to."""

from __future__ import annotations

import pytest

from lanewise.dashboards import tail as tails
from lanewise.dashboards.state import cursor_path
from lanewise.dashboards.writer import Writer

pytestmark = pytest.mark.usefixtures("new_database")


@pytest.fixture
def served(monkeypatch, tmp_path):
    """The writer believes that a server stands between it and the database."""
    monkeypatch.setattr(Writer, "is_served", True)
    location = (tmp_path / "served").as_uri()
    monkeypatch.setattr(Writer, "_location", lambda self, name: location)
    monkeypatch.setattr(tails, "FIRST_RETRY", 0.01)
    monkeypatch.setattr(tails, "LATE", 0.3)


def doubled(run, client, **changes):
    """Another run with the tags of one."""
    tags = {**run.data.tags, **changes}
    start = run.info.start_time
    return client.create_run(run.info.experiment_id, start_time=start, tags=tags).info.run_id


@pytest.fixture
def faulty(monkeypatch):
    """Gives the calls of ``create_run`` faults: number of the call -> the fault."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    create, calls, late = MlflowClient.create_run, [], []

    def begin(faults):
        def faulty_create(client, *args, **kwargs):
            calls.append(kwargs["run_name"])
            fault = faults.get(len(calls), "")
            if fault == "late":
                late.append(lambda: create(client, *args, **kwargs))
                raise MlflowException("timeout")
            made = create(client, *args, **kwargs)
            if fault == "repeated":
                made = create(client, *args, **kwargs)
            if fault == "lost":
                raise MlflowException("connection closed")
            return made

        monkeypatch.setattr(MlflowClient, "create_run", faulty_create)
        return calls, late

    return begin


@pytest.mark.parametrize(
    "faults",
    [{1: "lost"}, {2: "lost"}, {1: "repeated"}, {1: "lost", 3: "repeated", 4: "lost"}],
    ids=str,
)
def test_a_lost_answer_or_a_repeated_request_leaves_one_run(lab, served, faulty, faults):
    lab.write(lab.simulated(3))
    calls, _ = faulty(faults)
    assert lab.drain() == 0
    assert len(calls) == 4  # what was made and not heard of is found, not made anew
    _, children = lab.runs()  # one parent, to which all point
    assert children.keys() == {0, 1, 2}
    assert all(run.data.metrics["best_epoch"] >= 1 for run in children.values())


@pytest.mark.parametrize("call", [1, 2, 4])
def test_what_is_carried_out_seconds_later_is_removed(lab, served, faulty, monkeypatch, call):
    """The sweep counts as shown only when nothing can come any more."""
    lab.write(lab.simulated(3))
    _, late = faulty({call: "late"})
    check = Writer.check

    def after_it_came(writer, *, whole=False):
        while whole and late:
            late.pop()()
        check(writer, whole=whole)

    monkeypatch.setattr(Writer, "check", after_it_came)
    assert lab.drain() == 0
    assert not late
    parent, children = lab.runs()
    assert children.keys() == {0, 1, 2}
    assert parent.info.status == "FINISHED"


@pytest.mark.parametrize("rebuild", [True, False])
def test_the_parent_that_is_pointed_to_stays(lab, rebuild):
    """Today's doubles are older than the one that the trials point to."""
    lab.write(lab.simulated(4))
    lab.drain()
    parent, _ = lab.runs()
    client, experiment = lab.client(), parent.info.experiment_id
    early = parent.info.start_time - 5000
    client.create_run(experiment, start_time=early, tags=dict(parent.data.tags))
    cursor_path(lab.home, "s1").unlink()
    lab.drain(rebuild=rebuild)
    again, children = lab.runs()
    assert again.info.run_id == parent.info.run_id
    assert len(children) == 4


@pytest.mark.parametrize("rebuild", [True, False])
def test_trials_that_point_elsewhere_are_repaired_by_any_later_pass(lab, rebuild):
    """As older releases left them: doubled, and parted among two parents."""
    lab.write(lab.simulated(5))
    lab.drain()
    parent, children = lab.runs()
    client = lab.client()
    other = doubled(parent, client)
    for number in (1, 3):
        client.set_tag(children[number].info.run_id, "mlflow.parentRunId", other)
    twin = doubled(children[2], client, **{"mlflow.parentRunId": other})
    lab.drain(rebuild=rebuild)
    again, children = lab.runs()  # all point to the one parent
    assert again.info.run_id == parent.info.run_id
    assert children[2].info.run_id != twin
    assert all("best_epoch" in run.data.metrics for run in children.values())


def test_the_double_that_something_was_written_to_stays_and_is_made_whole(lab):
    lab.write(lab.simulated(3))
    lab.drain()
    _, children = lab.runs()
    client = lab.client()
    twin = doubled(children[1], client)
    for step in range(30):
        client.log_metric(twin, f"own_{step}", 1.0, step=step)  # more than ours has
    client.delete_run(children[1].info.run_id)
    cursor_path(lab.home, "s1").unlink()
    lab.drain()
    _, again = lab.runs()
    assert again[1].info.run_id == twin
    assert again[1].data.metrics.keys() >= children[1].data.metrics.keys() | {"own_3"}


def test_what_a_search_does_not_show_yet_is_remembered(lab, monkeypatch):
    """An index that is late: the runs of this process are fetched by their ids."""
    from mlflow import MlflowClient
    from mlflow.store.entities.paged_list import PagedList

    lab.write(lab.simulated(4)[:-4])
    with lab.home.controller_lock("s1"):
        tail = tails.Tail(lab.home, lab.journal, lab.journal.launches()[0][0], lab.uri)
        tail.at_once = True
        tail.step()
        _, children = lab.runs()
        tail.close()  # as after an error
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "search_runs", lambda *args, **kwargs: PagedList([], None))
            tail.step()
        tail.close()
    _, again = lab.runs()
    assert {n: run.info.run_id for n, run in again.items()} == {
        n: run.info.run_id for n, run in children.items()
    }


def test_another_process_that_makes_the_experiment_first_is_no_error(lab, monkeypatch):
    from mlflow import MlflowClient

    create = MlflowClient.create_experiment

    def twice(client, name, **kwargs):
        create(client, name, **kwargs)
        return create(client, name, **kwargs)

    monkeypatch.setattr(MlflowClient, "create_experiment", twice)
    lab.write(lab.simulated(1))
    assert lab.drain(attempts=1) == 0
    assert len(lab.runs()[1]) == 1
