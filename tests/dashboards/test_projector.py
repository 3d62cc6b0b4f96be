"""What MLflow shows: real MLflow on SQLite, written by the projector, read by MLflow's client."""

from __future__ import annotations

import json

import pytest

from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.state import read_cursor
from lanewise.search.core.events import BY_A_PERSON
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
        "corrected": None,
        "tied": [],
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


def test_two_sweeps_share_an_experiment(lab):
    lab.write(lab.simulated(3))
    lab.write(lab.simulated(4, sweep="s2"), "s2")
    lab.drain("s1")
    lab.drain("s2")
    assert (len(lab.runs("s1")[1]), len(lab.runs("s2")[1])) == (3, 4)
