"""examples/autoencoder.yaml and anomaly.yaml: a few trials, their bars, and rows without labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commandline import Lanewise
from sklearn.decomposition import PCA
from sklearn.metrics import f1_score, roc_auc_score

import lanewise as lw
from lanewise import sweepfile
from lanewise.plan import make_plan

Summary = Callable[..., dict[str, Any]]
EXAMPLES = Path(__file__).parents[2] / "examples"
RECONSTRUCTION, ANOMALY = EXAMPLES / "autoencoder.yaml", EXAMPLES / "anomaly.yaml"
BAR, AREA, COMPONENTS = 0.085, 0.9, 8
FEW = ("budget.trials=4", "budget.epochs=18", "report=false", "executor=inline")


@pytest.mark.long
def test_a_few_trials_of_the_reconstruction(summary_of: Summary) -> None:
    best = summary_of(RECONSTRUCTION, *FEW)["best"]
    assert best["metrics"]["val_loss"] < 0.2  # the mean picture leaves 1
    assert best["metrics"]["val_r2"] > 0.8


@pytest.mark.long
def test_a_few_trials_of_the_anomaly_detection(summary_of: Summary) -> None:
    best = summary_of(ANOMALY, *FEW)["best"]
    assert best["metrics"]["val_roc_auc"] > 0.8
    assert best["metrics"]["val_threshold"] > 0


@pytest.mark.night
@pytest.mark.timeout(900)
def test_the_reconstruction_leaves_half_of_what_principal_components_leave(
    summary_of: Summary,
) -> None:
    text = RECONSTRUCTION.read_text()
    assert f"# {BAR} or less" in text
    prepared = make_plan(sweepfile.read(RECONSTRUCTION), EXAMPLES).prepared
    assert prepared is not None
    fold = prepared.folds[0]
    train, val = (x.reshape(len(x), -1) for x in (fold.x_train, fold.x_val))
    linear = PCA(COMPONENTS, random_state=0).fit(train)
    left = np.square(linear.inverse_transform(linear.transform(val)) - val).mean()
    assert f"{left:.3f}." in text
    best = summary_of(RECONSTRUCTION)["best"]
    assert best["metrics"]["val_loss"] <= BAR <= left / 1.98


@pytest.mark.night
@pytest.mark.timeout(900)
def test_the_anomaly_detection_reaches_its_bar(summary_of: Summary) -> None:
    assert f"ROC AUC of {AREA} or more" in ANOMALY.read_text()
    assert summary_of(ANOMALY)["best"]["metrics"]["val_roc_auc"] >= AREA


def points(rows: int, seed: int) -> np.ndarray[Any, Any]:
    """Rows near a plane in five dimensions."""
    rng = np.random.default_rng(seed)
    plane = np.random.default_rng(0).normal(size=(2, 5))
    return rng.normal(size=(rows, 2)) @ plane + 0.05 * rng.normal(size=(rows, 5))


def csv(path: Path, rows: np.ndarray[Any, Any], words: list[str], labels: list[str]) -> None:
    """Columns a … e, one of words, and one of labels if there are any; some numbers are missing."""
    head = ["a", "b", "c", "d", "e", "word", *(["y"] if labels else [])]
    lines = [",".join(head)]
    for place, row in enumerate(rows):
        cells = ["" if place % 17 == 3 and i == 0 else f"{v:.4f}" for i, v in enumerate(row)]
        lines.append(",".join([*cells, words[place], *labels[place : place + 1]]))
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.long
def test_rows_without_labels(lanewise: Lanewise, summary_of: Summary) -> None:
    """A CSV of which no column is a target."""
    rows = points(300, 1)
    csv(lanewise.folder / "rows.csv", rows, [("x", "z")[i % 2] for i in range(300)], [])
    (lanewise.folder / "rows.yaml").write_text(
        """
data: {source: rows.csv}
model: {autoencoder: {code: 4, hidden: [32], batch_size: 16}}
objective: {minimize: val_loss}
metrics: [val_mae]
loss: {huber: {delta: 2}}
space: {lr: {float: [0.005, 0.02]}, sparsity: {choice: [0.0, 0.001]}}
budget: {trials: 4, epochs: 15}
scheduler: none
"""
    )
    found = lanewise.json("validate", "rows.yaml", "--json")
    assert found["task"] == "reconstruction"
    assert found["data"]["target"] == ""
    assert found["data"]["columns"] == 6
    best = summary_of(lanewise.folder / "rows.yaml")["best"]
    assert best["metrics"]["val_mae"] < 0.5
    assert "val_threshold" not in best["metrics"]


def test_from_python_with_parts_of_their_own(tmp_path: Path) -> None:
    """Trained on what is known to be normal; files of their own have anomalies."""
    strange = points(40, 3)[:, ::-1]
    for name, normal, odd in (("train", 300, 0), ("val", 60, 20), ("test", 60, 20)):
        x = np.concatenate([points(normal, len(name)), strange[20 * (name == "test") :][:odd]])
        labels = ["ok"] * normal + ["odd"] * odd
        csv(tmp_path / f"{name}.csv", x, ["w"] * len(x), labels)
    result = lw.tune(
        model={"autoencoder": {"hidden": [16], "code": 2, "batch_size": 32}},
        data={
            "source": str(tmp_path / "train.csv"),
            "validation": str(tmp_path / "val.csv"),
            "test": str(tmp_path / "test.csv"),
            "target": "y",
            "anomaly": "odd",
        },
        maximize="val_roc_auc",
        space={"lr": lw.Float(0.005, 0.02)},
        trials=3,
        epochs=20,
        executor="inline",
        home=tmp_path / "home",
        report=False,
        progress=False,
    )
    best = result.best
    assert best.metrics["val_roc_auc"] > 0.9
    test = pd.read_csv(tmp_path / "test.csv")
    is_odd = (test.pop("y") == "odd").to_numpy()
    score, called = best.model.score_samples(test), best.model.predict(test)
    assert roc_auc_score(is_odd, score) > 0.9
    assert np.array_equal(called, score > best.metrics["val_threshold"])
    assert f1_score(is_odd, called) > 0.7
