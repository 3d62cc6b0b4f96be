"""MLflow is a projection: real MLflow on SQLite, written by the projector, read by its client."""

from __future__ import annotations

import json

from search.history import History
from search.seeds import trial_seed


def folded(lab, sweep="s1"):
    from search.view import open_view

    return open_view(lab.journal, sweep).history


def test_a_finished_sweep_is_shown_whole(lab):
    lab.write(lab.simulated(8))
    lab.drain()
    history: History = folded(lab)
    parent, children = lab.runs()
    assert parent.info.status == "FINISHED"
    assert len(children) == 8
    client = lab.client()
    for trial in history:
        run = children[trial.number]
        tags, metrics = run.data.tags, run.data.metrics
        assert run.info.status == "FINISHED"
        assert run.info.run_name == f"trial {trial.number}"
        expected = "completed" if trial.status == "completed" else f"stopped: {trial.reason}"
        assert tags["lanewise.outcome"] == expected
        assert tags["lanewise.rung"] == str(trial.epoch)
        assert tags["lanewise.seed"] == str(trial_seed(7, trial.number))
        assert tags["lanewise.executor"] == "inline"
        assert run.data.params["optimizer"] == trial.params["optimizer"]["name"]
        assert run.data.params["hidden.0"] == str(trial.params["hidden"][0])
        points = client.get_metric_history(run.info.run_id, "val_accuracy")
        assert [(p.step, p.value) for p in points] == [(e, m["val_accuracy"]) for e, m in trial.rows]
        assert metrics["best_val_accuracy"] == trial.best[1]
        assert metrics["best_loss"] == trial.best_metrics["loss"]
        assert metrics["best_epoch"] == trial.best[0]
        assert json.loads(lab.artifact(run, "config.json")) == trial.params
    assert parent.data.metrics["best_val_accuracy"] == history.best.best[1]
    assert parent.data.metrics["n_trials"] == 8
    assert json.loads(lab.artifact(parent, "best.json"))["trial"] == history.best.number
    assert lab.artifact(parent, "sweep.yaml") == "name: digits\n"
