"""The exported folder where nothing but its requirements is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import small

import lanewise as lw
from lanewise.cli import run
from lanewise.trainables.checkpoints.trained import TrainedModel

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

LARGEST = 150 * 10**6  # bytes of the environment


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    """Of a raw CSV with gaps and categories."""
    base = tmp_path_factory.mktemp("trained")
    draws = np.random.default_rng(0)
    lines = ["size,town,garden,kind"]
    for number in range(120):
        size = "" if number % 7 == 0 else f"{draws.normal(100, 30):.1f}"
        town, garden = draws.choice(["Ulm", "Bonn", "Jena"]), draws.choice(["yes", "no", ""])
        lines.append(f"{size},{town},{garden},{'abc'[number % 3]}")
    (base / "houses.csv").write_text("\n".join(lines))
    result = lw.tune(
        model="mlp",
        data={"source": str(base / "houses.csv"), "target": "kind"},
        space={"lr": lw.Float(1e-3, 1e-1)},
        maximize="val_accuracy",
        trials=2,
        epochs=3,
        executor="inline",
        home=base / "home",
        progress=False,
    )
    found: TrainedModel = result.best.model
    return found


@pytest.fixture(scope="module")
def folder(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("exported")
    model.save(base / "bundle")
    assert run(["export", str(base / "bundle"), str(base / "folder")]) == 0
    return base / "folder"


@pytest.fixture(scope="module")
def packages(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the folder's requirements install, as its Dockerfile installs it."""
    target = tmp_path_factory.mktemp("packages")
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-q"]
    where = ["--no-compile", "--target", str(target), "-r", str(folder / "requirements.txt")]
    done = subprocess.run([*pip, *where], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no packages to install from an index: {done.stderr.strip()[-200:]}")
    return target


def test_it_is_small(packages: Path) -> None:
    size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file())
    print(f"\n{size / 1e6:.0f} MB")
    assert size < LARGEST


def test_it_answers_over_http_as_the_trained_model(
    model: TrainedModel, folder: Path, packages: Path
) -> None:
    bare = [sys._base_executable, "-S", "-B"]  # type: ignore[attr-defined]
    rows: list[dict[str, Any]] = [
        {"size": 90.5, "town": "Bonn", "garden": "yes"},
        {"size": None, "town": None, "garden": None},
        {"size": "120", "town": " Ulm ", "garden": "unheard of"},
    ]
    with small.started(
        [*bare, str(folder / "serve.py"), "--port", "0"], PYTHONPATH=str(packages)
    ) as (_, url):
        answered = httpx.post(f"{url}/predict", json={"rows": rows}, timeout=30)
    assert answered.status_code == 200, answered.text
    predictions = answered.json()["predictions"]
    assert [each["label"] for each in predictions] == model.predict(rows).tolist()
    shares = [[*each["probabilities"].values()] for each in predictions]
    assert np.allclose(shares, model.predict_proba(rows), atol=1e-4)
    assert json.loads((folder / "model.json").read_text())["origin"]["trial"] in (0, 1)
