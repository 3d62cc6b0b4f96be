"""The sweep's data in MLflow's "Datasets": what they are, and never twice."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from lanewise.dashboards.datasets import datasets
from lanewise.search.core.events import Asked, Launched

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


def inputs_of(run):
    """As MLflow's client reads them: everything that it says of them."""
    return sorted((i.to_dictionary() for i in run.inputs.dataset_inputs), key=repr)


def inputs(lab, trials=3):
    """Those of the sweep's run, which are those of each trial's."""
    parent, children = lab.runs()
    assert len(children) == trials
    for child in children.values():
        assert inputs_of(child) == inputs_of(parent)
    return [
        (i.dataset.name, i.dataset.digest, i.tags[0].key, i.tags[0].value)
        for i in parent.inputs.dataset_inputs
    ]


@pytest.fixture
def calls(monkeypatch):
    """The runs that MLflow's client was told the datasets of."""
    from mlflow import MlflowClient

    made, log = [], MlflowClient.log_inputs

    def log_inputs(client, run_id, *args, **kwargs):
        made.append(run_id)
        return log(client, run_id, *args, **kwargs)

    monkeypatch.setattr(MlflowClient, "log_inputs", log_inputs)
    return made


@pytest.mark.usefixtures("new_database")
@pytest.mark.parametrize("data", [CUT, OWN])
def test_mlflow_has_each_dataset_once(lab, data, calls):
    events = with_data(lab.simulated(3), data)
    trials = sum(isinstance(event, Asked) for event in events[:6])
    lab.write(events[:6])
    lab.drain()
    expected = [
        (d.name, d.digest, "mlflow.data.context", d.context) for d in datasets(data, "/base", 7)
    ]
    assert sorted(inputs(lab, trials)) == sorted(expected)
    parent, _ = lab.runs()
    (kept,) = [
        i.dataset for i in parent.inputs.dataset_inputs if i.dataset.digest == expected[0][1]
    ]
    assert json.loads(kept.profile)["columns"] == 64
    told = ("test csv:/far/test.csv", "whole groups of patient") if data is OWN else ("64 columns",)
    assert all(words in parent.data.tags["mlflow.note.content"] for words in told)

    lab.write(events[6:])
    lab.drain()
    calls.clear()
    lab.drain(rebuild=True)
    lab.drain(rebuild=True)
    assert sorted(inputs(lab)) == sorted(expected)
    assert calls == []  # what MLflow has is not sent again


def rows(lab):
    """(links, tags of links) in MLflow's database."""
    with closing(sqlite3.connect(lab.home.root / "mlflow.db")) as connection:
        (links,) = connection.execute("select count(*) from inputs").fetchone()
        (tags,) = connection.execute("select count(*) from input_tags").fetchone()
    return links, tags


@pytest.mark.usefixtures("new_database")
def test_the_client_is_asked_for_one_run_and_the_others_get_the_same_rows(lab, calls):
    lab.write(with_data(lab.simulated(8), CUT))
    lab.drain()
    assert len(inputs(lab, 8)) == 3
    parent, _ = lab.runs()
    assert calls == [parent.info.run_id]
    assert rows(lab) == (27, 27)
    with closing(sqlite3.connect(lab.home.root / "mlflow.db")) as connection:
        stored = "select source_type, destination_type, step, count(*), count(distinct input_uuid)"
        found = connection.execute(f"{stored} from inputs group by 1, 2, 3").fetchall()
    assert found == [("DATASET", "RUN", 0, 27, 27)]


@pytest.mark.usefixtures("new_database")
def test_a_sweep_of_an_older_release_gets_them_with_a_rebuild(lab, calls):
    """It had told MLflow of the sweep's run alone."""
    lab.write(with_data(lab.simulated(3), CUT))
    lab.drain()
    parent, _ = lab.runs()
    with closing(sqlite3.connect(lab.home.root / "mlflow.db")) as connection, connection:
        connection.execute("delete from inputs where destination_id != ?", [parent.info.run_id])
    lab.drain(rebuild=True)
    assert len(inputs(lab)) == 3
    assert len(calls) == 2


@pytest.mark.usefixtures("new_database")
@pytest.mark.parametrize("fault", ["unread", "unwritten", "unknown"])
def test_where_a_copy_does_not_read_as_the_original_the_client_tells_of_every_run(
    lab, calls, fault, monkeypatch
):
    """An MLflow that keeps them in another way."""
    from lanewise.dashboards.inputs import Copies

    def without_role(self, *args):
        ids = make(self, *args)
        with self._engine.begin() as connection:
            connection.exec_driver_sql(
                "update input_tags set value = '?' where input_uuid in "
                f"({', '.join(repr(one) for one in ids)})"
            )
        return ids

    def unknown(self, *args):
        with self._engine.begin() as connection:
            connection.exec_driver_sql("select * from inputs_of_runs")

    make = Copies.make
    faults = {"unread": without_role, "unwritten": lambda *args: [], "unknown": unknown}
    monkeypatch.setattr(Copies, "make", faults[fault])
    lab.write(with_data(lab.simulated(3), CUT))
    lab.drain()
    assert len(inputs(lab)) == 3
    assert len(calls) == 4
    assert rows(lab) == (12, 12)


@pytest.mark.usefixtures("new_database")
def test_a_server_is_told_once_a_trial(lab, calls, monkeypatch, tmp_path):
    from lanewise.dashboards.writer import Writer

    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    shutil.copy(lab.home.root / "mlflow.db", tmp_path / "elsewhere.db")
    monkeypatch.setattr(Writer, "is_served", True)
    monkeypatch.setattr(Writer, "_location", lambda self, name: (tmp_path / "served").as_uri())
    monkeypatch.setattr(type(lab), "uri", uri)
    lab.write(with_data(lab.simulated(3, tracking_uri=uri), CUT))
    lab.drain()
    lab.drain(rebuild=True)
    assert len(inputs(lab)) == 3
    assert len(calls) == len(set(calls)) == 4


@pytest.mark.usefixtures("new_database")
def test_what_the_code_of_a_trial_worked_on_besides_stays(lab):
    from mlflow.entities import Dataset, DatasetInput

    events = with_data(lab.simulated(3), CUT)
    lab.write(events[:-3])
    lab.drain()
    _, children = lab.runs()
    own = DatasetInput(Dataset("own", "1", "local", "{}"), [])
    for child in children.values():
        lab.client().log_inputs(child.info.run_id, [own])
    lab.write(events[-3:])
    lab.drain()
    lab.drain(rebuild=True)
    _, children = lab.runs()
    for child in children.values():
        assert len(inputs_of(child)) == 4


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
@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("moment", ["amid", "behind"])
def test_a_kill_while_the_links_of_a_trial_are_copied(lab, call, moment, monkeypatch):
    """Amid it nothing is there, behind it all: neither is ever there twice."""
    from lanewise.dashboards import inputs as module

    copied, insert, seen = module.Copies.make, module.insert, []

    def killed_behind(self, *args):
        made = copied(self, *args)
        seen.append(1)
        if len(seen) == call:
            raise KeyboardInterrupt
        return made

    def killed_amid(table):
        seen.append(1) if table is module.TAGS else None
        if len(seen) == call:
            raise KeyboardInterrupt
        return insert(table)

    lab.write(with_data(lab.simulated(3), CUT))
    if moment == "amid":
        monkeypatch.setattr(module, "insert", killed_amid)
    else:
        monkeypatch.setattr(module.Copies, "make", killed_behind)
    with pytest.raises(KeyboardInterrupt):
        lab.drain()
    assert rows(lab)[0] == rows(lab)[1] == 3 * (call + (moment == "behind"))
    monkeypatch.undo()
    lab.drain()
    assert len(inputs(lab)) == 3
    assert rows(lab) == (12, 12)


@pytest.mark.usefixtures("new_database")
def test_two_sweeps_on_the_same_data_share_their_datasets(lab):
    for sweep in ("s1", "s2"):
        lab.write(with_data(lab.simulated(2, sweep), CUT), sweep)
        lab.drain(sweep)
    first, second = (lab.runs(sweep)[0].inputs.dataset_inputs for sweep in ("s1", "s2"))
    assert {i.dataset.digest for i in first} == {i.dataset.digest for i in second}
    assert len(first) == 3
