"""The sweep's data in MLflow's "Datasets": what they are, and never twice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lanewise.dashboards.datasets import datasets
from lanewise.search.core.events import Launched

CUT = {
    "source": "sklearn:digits",
    "rows": 1797,
    "dropped": 0,
    "columns": 64,
    "target": "target",
    "hash": "a" * 64,
    "split": [0.7, 0.15, 0.15],
    "parts": {"train": 1257, "val": 270, "test": 270},
}
OWN = CUT | {
    "source": "csv:train.csv",
    "group": "patient",
    "split": [0.8, 0.2, 0.0],
    "test": {"source": "csv:/far/test.csv", "rows": 50, "dropped": 1, "hash": "b" * 64},
    "parts": {"train": 1438, "val": 359, "test": 50},
}
WHOLE = OWN | {
    "split": [1.0, 0.0, 0.0],
    "validation": {"source": "val.csv", "rows": 40, "dropped": 0, "hash": "c" * 64},
    "parts": {"train": 1797, "val": 40, "test": 50},
}


def test_the_parts_of_one_source_are_datasets_of_their_own():
    found = datasets(CUT, "/base", seed=3)
    assert [d.context for d in found] == ["training", "validation", "test"]
    assert {d.name for d in found} == {"digits"}
    assert len({d.digest for d in found}) == 3
    profiles = [json.loads(d.profile) for d in found]
    assert [p["rows"] for p in profiles] == [1257, 270, 270]
    assert profiles[0]["hash"] == "a" * 64
    assert profiles[0]["split"] == [0.7, 0.15, 0.15]
    assert all(len(d.digest) <= 36 for d in found)  # MLflow's limit


@pytest.mark.parametrize(
    "other",
    [
        {"hash": "f" * 64},
        {"split": [0.6, 0.2, 0.2]},
        {"group": "patient"},
        {"folds": 3},
        {"anomaly": [8]},
        {"stratify": "city"},
    ],
)
def test_other_rows_have_another_digest(other):
    before = {d.digest for d in datasets(CUT, "", 3)}
    assert before == {d.digest for d in datasets(CUT, "/elsewhere", 3)}
    assert not before & {d.digest for d in datasets(CUT | other, "", 3)}
    assert not before & {d.digest for d in datasets(CUT, "", 4)}


def test_rows_without_a_target_have_none():
    for dataset in datasets(CUT | {"target": ""}, "/base", seed=3):
        assert not {"target", "rows_without_target"} & set(json.loads(dataset.profile))


def test_folds_train_and_validate_on_one_set():
    found = datasets(CUT | {"folds": 3}, "", 0)
    rows = {d.context: json.loads(d.profile)["rows"] for d in found}
    assert rows == {"training": 1527, "test": 270}


def test_windows_of_series_show_how_they_are_cut_and_what_to_beat():
    series = {"time": "hour", "values": ["load"], "window": 48, "horizon": 6, "season": 24}
    beat = {"naive_mae": 7.9, "seasonal_naive_mae": 5.7}
    found = datasets(CUT | {"series": series, "baselines": beat}, "/base", seed=3)
    profiles = [json.loads(d.profile) for d in found]
    assert [p["series"] for p in profiles] == [series] * 3
    assert [p.get("baselines") for p in profiles] == [None, beat, None]


def test_sources_of_their_own_are_named():
    found = {d.context: d for d in datasets(OWN, "/base", 0)}
    assert json.loads(found["training"].source) == {"uri": "/base/train.csv"}
    assert json.loads(found["test"].source) == {"uri": "/far/test.csv"}
    assert found["test"].digest == "b" * 8
    assert json.loads(found["validation"].profile)["group"] == "patient"
    whole = {d.context: (d.name, d.digest) for d in datasets(WHOLE, "/base", 0)}
    assert whole == {
        "training": ("train.csv", "a" * 8),
        "validation": ("val.csv", "c" * 8),
        "test": ("test.csv", "b" * 8),
    }


def test_sweeps_without_data_and_of_older_releases():
    assert datasets({}, "", 0) == ()
    old = {"source": "npz:/x/y.npz", "rows": 10, "columns": 2, "hash": "d" * 64}
    (found,) = datasets(old, "", 0)
    assert (found.name, found.digest, found.context) == ("y.npz", "d" * 8, "training")


def with_data(events, data):
    first, *rest = events
    assert isinstance(first, Launched)
    details = {**first.details, "data": data, "base": "/base"}
    return [replace(first, details=details), *rest]


def inputs(lab):
    parent, children = lab.runs()
    # Nothing on the trials: it would cost a call for each.
    assert not any(child.inputs.dataset_inputs for child in children.values())
    return [
        (i.dataset.name, i.dataset.digest, i.tags[0].key, i.tags[0].value)
        for i in parent.inputs.dataset_inputs
    ]


@pytest.mark.usefixtures("new_database")
@pytest.mark.parametrize("data", [CUT, OWN])
def test_mlflow_has_each_dataset_once(lab, data, monkeypatch):
    from mlflow import MlflowClient

    events = with_data(lab.simulated(3), data)
    lab.write(events[:6])
    lab.drain()
    expected = [
        (d.name, d.digest, "mlflow.data.context", d.context) for d in datasets(data, "/base", 7)
    ]
    assert sorted(inputs(lab)) == sorted(expected)
    parent, _ = lab.runs()
    (kept,) = [
        i.dataset for i in parent.inputs.dataset_inputs if i.dataset.digest == expected[0][1]
    ]
    assert json.loads(kept.profile)["columns"] == 64
    told = ("test csv:/far/test.csv", "whole groups of patient") if data is OWN else ("64 columns",)
    assert all(words in parent.data.tags["mlflow.note.content"] for words in told)

    calls = []
    log = MlflowClient.log_inputs
    monkeypatch.setattr(MlflowClient, "log_inputs", lambda *a, **k: calls.append(1) or log(*a, **k))
    lab.write(events[6:])
    lab.drain()
    lab.drain(rebuild=True)
    lab.drain(rebuild=True)
    assert sorted(inputs(lab)) == sorted(expected)
    assert calls == []  # what MLflow has is not sent again


@pytest.mark.usefixtures("new_database")
def test_a_kill_before_the_datasets_were_recorded(lab, monkeypatch):
    from mlflow import MlflowClient

    lab.write(with_data(lab.simulated(3), CUT))
    log = MlflowClient.log_inputs

    def kill_now(*args, **kwargs):
        log(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(MlflowClient, "log_inputs", kill_now)
    with pytest.raises(KeyboardInterrupt):
        lab.drain()
    monkeypatch.undo()
    lab.drain()
    assert len(inputs(lab)) == 3


@pytest.mark.usefixtures("new_database")
def test_two_sweeps_on_the_same_data_share_their_datasets(lab):
    for sweep in ("s1", "s2"):
        lab.write(with_data(lab.simulated(2, sweep), CUT), sweep)
        lab.drain(sweep)
    first, second = (lab.runs(sweep)[0].inputs.dataset_inputs for sweep in ("s1", "s2"))
    assert {i.dataset.digest for i in first} == {i.dataset.digest for i in second}
    assert len(first) == 3
