"""A bundle predicts without the data, the sweep and the home that its model is from."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import lanewise as lw
from lanewise.cli import run
from lanewise.plan import make_plan
from lanewise.sweepfile import parse
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.errors import CheckpointError, ModelError
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

OWN = """
from torch import nn

def build(config, info):
    return nn.Sequential(nn.Linear(info.input_shape[0], config["width"]), nn.Tanh(),
                         nn.Linear(config["width"], info.outputs))
"""


def table(folder: Path) -> None:
    rng = np.random.default_rng(0)
    city = np.array(["Bern", "Rome", "Oslo"])[np.arange(60) % 3]
    frame = pd.DataFrame({"age": rng.normal(40, 9, 60), "city": city, "zip": ["08001", "9"] * 30})
    frame["y"] = np.where(frame["age"] > 40, "old", "young")
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_csv(folder / "new.csv", index=False)


def texts(folder: Path) -> None:
    frame = pd.DataFrame({"text": ["good film", "bad film", "so bad"] * 20, "y": [1, 0, 0] * 20})
    frame.to_csv(folder / "rows.csv", index=False)
    frame[["text"]].to_csv(folder / "new.csv", index=False)


def series(folder: Path) -> None:
    hours = np.arange(80)
    frame = pd.DataFrame({"t": hours, "a": np.sin(hours), "b": hours % 4})
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_csv(folder / "new.csv", index=False)


def pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / "photos" / label).mkdir(parents=True)
        for n in range(12):
            pixels = rng.integers(0, 255, (6, 6), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / label / f"{n}.png")
    shutil.copytree(folder / "photos", folder / "new.photos")


def ids(folder: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"user": rng.integers(0, 9, 90), "item": rng.integers(0, 9, 90)})
    frame["y"] = (frame["user"] + frame["item"]).astype(float)
    frame.to_csv(folder / "rows.csv", index=False)
    frame[["user", "item"]].to_csv(folder / "new.csv", index=False)


ROWS = {"source": "rows.csv", "target": "y"}
SERIES = {"time": "t", "window": 6, "horizon": 2}
FAMILIES: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    "mlp": (table, {"model": "mlp", "data": ROWS}),
    "folds": (table, {"model": "mlp", "data": ROWS, "folds": 2, "seeds": 2}),
    "text": (texts, {"model": "text", "data": ROWS}),
    "cnn": (pictures, {"model": {"cnn": {"channels": [2]}}, "data": {"source": "images:photos"}}),
    "lstm": (series, {"model": "lstm", "data": {"source": "rows.csv", "series": SERIES}}),
    "recommender": (ids, {"model": "recommender", "data": ROWS | {"user": "user", "item": "item"}}),
    "reconstruction": (
        table,
        {"model": "autoencoder", "task": "reconstruction", "data": {"source": "rows.csv"}},
    ),
    "anomaly": (table, {"model": "autoencoder", "data": ROWS | {"anomaly": "old"}}),
    "gan": (table, {"model": "gan", "data": {"source": "rows.csv"}}),
    "own": (table, {"model": "own.py:build", "data": ROWS, "space": {"width": 5}}),
}


def trained(name: str, folder: Path) -> TrainedModel:
    """A model after two epochs, its data gone."""
    make, body = FAMILIES[name]
    make(folder)
    (folder / "own.py").write_text(OWN)
    rest = {"space": {"lr": 0.01}, "objective": {"minimize": "val_loss"}}
    rest |= {"budget": {"trials": 1, "epochs": 2}, "name": name}
    recipe = make_plan(parse(rest | body, name), folder).recipe()
    trial = open_trial(recipe, body.get("space", {"lr": 0.01}), 3)
    trial.advance(2)
    trial.save(folder / "checkpoint")
    (folder / "rows.csv").unlink(missing_ok=True)
    shutil.rmtree(folder / "photos", ignore_errors=True)
    return TrainedModel.load(folder / "checkpoint", recipe)


def told(model: Any, folder: Path) -> Any:
    """What a model makes, of the rows in ``new.*`` where it predicts."""
    if model.info.task == "generation":
        return model.sample(7)
    if model.info.form == "image":
        return model.predict_proba(np.arange(72.0).reshape(2, 1, 6, 6))
    X = pd.read_csv(folder / "new.csv", dtype={"zip": str})
    classes = model.info.classes is not None
    return model.predict_proba(X) if classes else model.predict(X)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_bundle_is_the_model(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = trained(name, tmp_path)
    model.save(tmp_path / "bundle")
    (tmp_path / "checkpoint").unlink()
    again = lw.load(tmp_path / "bundle")
    found, right = told(again, tmp_path), told(model, tmp_path)
    assert np.array_equal(np.asarray(found), np.asarray(right))
    assert (again.metrics, again.epoch, again.info) == (model.metrics, model.epoch, model.info)
    assert len(again.modules) == len(model.modules)
    if name == "gan":
        return
    new = tmp_path / ("new.photos" if name == "cnn" else "new.csv")
    assert run(["predict", str(tmp_path / "bundle"), str(new), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == ""
    rows = pd.read_csv(tmp_path / "out")
    columns = {"lstm": ["step", "a", "b"], "anomaly": ["anomaly", "score"]}
    columns |= {"cnn": ["file", "prediction"], "reconstruction": ["age", "city", "zip", "y"]}
    assert list(rows.columns) == columns.get(name, ["prediction"])
    assert len(rows) == {"lstm": 2, "cnn": 24, "recommender": 90}.get(name, 60)
    if list(rows.columns) == ["prediction"]:
        X = pd.read_csv(new, dtype={"zip": str})
        assert rows["prediction"].tolist() == model.predict(X).tolist()


ELSEWHERE = """
import sys
import numpy as np, pandas as pd
import lanewise as lw
model = lw.load(sys.argv[1])
X = pd.read_csv(sys.argv[2], dtype={"zip": str})
np.save("found.npy", model.predict_proba(X))
"""


@pytest.mark.parametrize("name", ["mlp", "own"])
def test_another_process_in_another_folder_predicts_the_same(name: str, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    model = trained(name, home)
    model.save(elsewhere / "bundle")
    shutil.copy(home / "new.csv", elsewhere)
    right = told(model, home)
    for left in home.iterdir():
        if left.name != "own.py":
            left.unlink()
    arguments = [str(elsewhere / "bundle"), str(elsewhere / "new.csv")]
    subprocess.run([sys.executable, "-c", ELSEWHERE, *arguments], cwd=elsewhere, check=True)
    assert np.array_equal(np.load(elsewhere / "found.npy"), right)


# -- a bundle's files ------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    trained("own", tmp_path).save(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_bundle_says_what_it_is(bundle: Path) -> None:
    said = json.loads((bundle / "bundle.json").read_text())
    assert said["model"] == "own.py:build"
    assert said["given"] == {"width": 5}
    assert said["code"]["base"] == str(bundle.parent)
    assert (bundle / "code" / "own.py").read_text() == OWN
    assert said["versions"]["torch"]
    assert said["data"]["rows"] == 60
    assert {*said["files"]} == {"preprocessing.json", "weights.safetensors", "code/own.py"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("weights.safetensors", None, "weights.safetensors is missing"),
        ("weights.safetensors", "x", "weights.safetensors is damaged: its hash is not the one in"),
        ("preprocessing.json", "[]", "preprocessing.json is damaged"),
        ("bundle.json", "{", "bundle.json is damaged"),
        ("bundle.json", None, "is no bundle: it has no bundle.json"),
        ("bundle.json", '{"format": 2}', r"newer release \(format 2, this one reads 1\); upgrade"),
    ],
)
def test_a_damaged_bundle_is_one_line(
    bundle: Path, name: str, text: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is None:
        (bundle / name).unlink()
    else:
        (bundle / name).write_text(text)
    with pytest.raises(CheckpointError, match=words):
        lw.load(bundle)
    assert run(["predict", str(bundle), "new.csv"]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_changed_word_of_a_bundle_is_damage(bundle: Path) -> None:
    text = (bundle / "bundle.json").read_text()
    (bundle / "bundle.json").write_text(text.replace('"width": 5', '"width": 6'))
    with pytest.raises(CheckpointError, match="is damaged: its hash differs"):
        lw.load(bundle)


def test_a_bundle_replaces_a_bundle_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    model = lw.load(bundle)
    model.save(bundle)
    assert told(lw.load(bundle), tmp_path).tolist() == told(model, tmp_path).tolist()
    assert {path.name for path in tmp_path.iterdir()} >= {"bundle", "own.py"}
    assert not list(tmp_path.glob(".bundle*"))
    with pytest.raises(ModelError, match=r"save: .* holds other things than a bundle"):
        model.save(tmp_path)
    with pytest.raises(ModelError, match=r"save: .*own.py is a file; give a folder"):
        model.save(tmp_path / "own.py")


def test_code_that_is_gone_has_to_be_given(bundle: Path, tmp_path: Path) -> None:
    right = told(lw.load(bundle), tmp_path)
    (tmp_path / "own.py").rename(tmp_path / "other.py")
    with pytest.raises(ModelError, match=r"no file .*own.py; give its code: lw.load\('"):
        lw.load(bundle)
    given = lw.load(bundle, model=f"{tmp_path / 'other.py'}:build")
    assert told(given, tmp_path).tolist() == right.tolist()
    given.save(tmp_path / "again")
    assert (tmp_path / "again/code/own.py").read_text() == OWN


def test_code_that_has_changed_is_told(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(OWN + "\n# another line\n")
    with pytest.warns(UserWarning, match=r"own.py has changed since this model was stored"):
        lw.load(bundle)
    assert run(["predict", str(bundle), str(tmp_path / "new.csv"), "--proba"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "prediction,proba_old,proba_young"
    assert "lanewise: " in err
    assert "has changed" in err


@pytest.mark.parametrize(
    ("source", "more", "words"),
    [
        ("digits@champion", {"trial": 3}, "is a registered model, which is of one trial alone"),
        ("bundle", {"trial": 3}, "bundle is a bundle, which is of one trial alone"),
        ("bundle", {"model": 3}, "model: a int was given"),
    ],
)
def test_what_is_no_model_is_one_line(
    source: str, more: dict[str, Any], words: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle.parent)
    with pytest.raises(ModelError, match=words):
        lw.load(source, **more)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.csv", "there is no file"),
        ("own.py", "own.py is no file of rows (.csv, .csv.gz, .parquet, .npy, or a folder"),
        ("bundle", "is a folder, and the model takes no pictures"),
        ("wrong.csv", "column 'age' is missing"),
    ],
)
def test_rows_that_cannot_be_read_are_one_line(
    name: str, words: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle.parent / "wrong.csv").write_text("a,b\n1,2\n")
    assert run(["predict", str(bundle), str(bundle.parent / name)]) == 2
    assert words in capsys.readouterr().err
