"""Data larger than memory: arrays mapped from their files, and Parquet row group by row group."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.block import Block
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.inputs import Reading
from lanewise.trainables.data.mapped import Mapped, map_npy, map_npz
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.data.table import Table
from lanewise.trainables.data.unread import Unread
from lanewise.trainables.errors import DataError
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 6)) * 3 + 5
Y = (X[:, 0] + X[:, 1] > 10).astype(np.int64)
CONFIG = {"hidden": [8], "lr": 0.01, "batch_size": 32, "dropout": 0.2, "noise": 0.1}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    np.savez(tmp_path / "rows.npz", X=X, y=Y, patient=np.arange(400) // 4)
    np.savez_compressed(tmp_path / "small.npz", X=X, y=Y)
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "folder" / "X.npy", X)
    np.save(tmp_path / "folder" / "y.npy", Y)
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(6)]).assign(
        y=Y, day=np.arange(400) % 50, patient=np.arange(400) // 4
    )
    frame.iloc[:250].to_parquet(tmp_path / "part-1.parquet", row_group_size=64)
    frame.iloc[250:].to_parquet(tmp_path / "part-2.parquet", row_group_size=64)
    return tmp_path


def loaded(source, base, memory=1, **columns):
    return load_rows(source, Columns(**columns), base, memory=memory)


@pytest.mark.parametrize("source", ["npz:rows.npz", "npy:folder"])
def test_what_is_too_large_stays_in_its_file(files, source):
    block = loaded(source, files)
    assert isinstance(block, Block)
    assert isinstance(block.x, Mapped)
    assert block.form == "table"
    assert np.array_equal(block.x[:], X)
    assert np.array_equal(block.take(np.array([7, 3])).x[:], X[[7, 3]])
    assert len(pickle.dumps(block.x)) < 1000  # where it lies, not what it holds
    assert isinstance(loaded(source, files, memory=10**9), Table)


def test_a_compressed_array_is_read_whole(files):
    assert isinstance(loaded("npz:small.npz", files), Table)
    assert map_npz(files / "small.npz", "X") is None


def test_parquet_is_streamed_once(files, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked = {"target": "y", "group": "patient", "order": "day"}
    block = loaded("parquet:part-*.parquet", files, **asked)
    assert isinstance(block.x, Mapped)
    assert block.columns == tuple(f"c{k}" for k in range(6))
    assert np.array_equal(block.x[:], X.astype(np.float32))
    assert np.array_equal(block.target, Y)
    assert block.order.first.tolist() == (np.arange(400) % 50).tolist()
    (spooled,) = (tmp_path / "cache" / "lanewise").glob("*.npy")
    made = spooled.stat().st_mtime_ns
    again = loaded("parquet:part-*.parquet", files, **asked)
    assert spooled.stat().st_mtime_ns == made
    assert again.fingerprint() == block.fingerprint()
    pd.read_parquet(files / "part-2.parquet").assign(c0=0.0).to_parquet(files / "part-2.parquet")
    changed = loaded("parquet:part-*.parquet", files, **asked)
    assert changed.fingerprint() != block.fingerprint()
    assert len(list((tmp_path / "cache" / "lanewise").glob("*.npy"))) == 1


def test_rows_without_a_target_are_left_out_of_a_stream(files, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    frame = pd.read_parquet(files / "part-1.parquet")
    frame["y"] = np.where(np.arange(250) < 5, np.nan, frame["y"])
    frame.to_parquet(files / "gaps.parquet")
    block = loaded("parquet:gaps.parquet", files, target="y")
    assert block.dropped == 5
    assert np.array_equal(block.x[:][:, 0], X[5:250, 0].astype(np.float32))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.assign(word="a"), "column 'word' of text.parquet is"),
        (lambda frame: frame[["y"]], "has no column besides y"),
    ],
)
def test_what_cannot_be_streamed_is_one_line(files, monkeypatch, tmp_path, change, words):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    change(pd.read_parquet(files / "part-1.parquet")).to_parquet(files / "text.parquet")
    with pytest.raises(DataError) as caught:
        loaded("parquet:text.parquet", files, target="y")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def prepared(block, **more):
    return prepare(block, source="x", task="binary", reading=Reading("table"), **more)


@pytest.mark.parametrize("folds", [1, 3])
def test_a_trial_trains_the_same_from_a_file(files, folds, tmp_path, one_thread):
    """With standardised inputs in memory, and with those that are read batch by batch."""
    on_disk = prepared(loaded("npz:rows.npz", files), folds=folds)
    assert isinstance(on_disk.folds[0].x_train, Unread)
    x = np.array(loaded("npz:rows.npz", files).x[:])
    in_memory = prepared(Block(x, Y), folds=folds)
    rows = []
    for data in (in_memory, on_disk):
        recipe = Recipe(
            model="mlp", prepared=data.for_trials(), monitor="val_accuracy", mode="max", threads=1
        )
        trial = open_trial(recipe, CONFIG, 1)
        trial.advance(3)
        rows.append(trial.rows)
        pool = Pool(copy.deepcopy(recipe), force_packing=True)
        member = pool.open(CONFIG, 1)
        member.until = 3
        while pool.due():
            pool.turn()
        assert member.error is None
        assert member.alone == ""
        assert [e for e, _ in member.rows] == [1, 2, 3]
        for (_, alone), (_, packed) in zip(trial.rows, member.rows, strict=True):
            assert packed["val_loss"] == pytest.approx(alone["val_loss"], rel=1e-3)
        member.save(tmp_path / "trial")
        model = TrainedModel.load(tmp_path / "trial", recipe)
        assert model.evaluate()["val_accuracy"] == pytest.approx(model.metrics["val_accuracy"])
        assert model.score(data.test, ("accuracy",))["accuracy"] > 0.5
        assert len(model.predict(X[:5])) == 5
    assert rows[0] == rows[1]


def test_a_reconstruction_needs_memory(files):
    with pytest.raises(DataError, match=r"data\.memory: reconstruction needs its rows in memory"):
        prepare(
            loaded("npz:rows.npz", files),
            source="x",
            task="reconstruction",
            reading=Reading("table"),
        )


def test_a_missing_file_on_another_machine_is_one_line(files):
    found = map_npy(files / "folder" / "X.npy")
    moved = copy.deepcopy(found)  # as pickle does it
    (files / "folder" / "X.npy").unlink()
    with pytest.raises(DataError, match="cannot be read on this machine"):
        moved[:3]


def test_several_csv_files_are_one_table(tmp_path):
    for day in (1, 2):
        pd.DataFrame({"a": [day, day], "y": [0, 1]}).to_csv(
            tmp_path / f"day-{day}.csv", index=False
        )
    table = loaded("csv:day-*.csv", tmp_path, target="y")
    assert table.x_ND[:, 0].tolist() == [1, 1, 2, 2]
    pd.DataFrame({"b": [3], "y": [0]}).to_csv(tmp_path / "day-3.csv", index=False)
    with pytest.raises(DataError, match="only one of them has a column 'a'"):
        loaded("csv:day-*.csv", tmp_path, target="y")
    with pytest.raises(DataError, match="no file is like"):
        loaded("csv:night-*.csv", tmp_path, target="y")
