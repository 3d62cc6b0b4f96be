"""A person's own MLflow calls, in whole sweeps: every executor, and an MLflow of their own."""

from __future__ import annotations

import shutil

import pytest
from commandline import mlflow_runs

LONG, NIGHT = pytest.mark.long, pytest.mark.night

TRAIN = """
import pathlib

import mlflow

mlflow.set_experiment("of the person")

def train(config, report):
    mlflow.log_params(config)
    first = pathlib.Path(f"tried-{config['x']}")
    with mlflow.start_run(run_name="of the person"):
        for epoch in range(1, 4):
            mlflow.log_metric("mine", config["x"] * epoch, step=epoch)
            if epoch == 2 and config["x"] > 0.5 and not first.exists():
                first.touch()
                raise MemoryError("retried once")
            report(epoch, val_accuracy=config["x"], val_loss=1 / epoch)
"""
BUILD = """
import mlflow
from torch import nn

def build(config, info):
    mlflow.log_metric("built", config["hidden"])
    with mlflow.start_run(nested=True):
        mlflow.log_param("twice", 2 * config["hidden"])
    return nn.Sequential(nn.Linear(info.input_shape[0], config["hidden"]), nn.ReLU(),
                         nn.Linear(config["hidden"], info.outputs))
"""
SWEEP = """
name: theirs
train: own.py:train
objective: {maximize: val_accuracy}
space: {x: {float: [0, 1]}, optimizer: {choice: [{sgd: {momentum: {float: [0, 0.9]}}}]}}
sampler: random
scheduler: none
budget: {trials: 4, epochs: 3}
report: false
"""
MODEL = """
name: theirs
data: {source: "sklearn:iris"}
model: own.py:build
objective: {maximize: val_accuracy}
space: {hidden: {int: [4, 16]}, lr: 0.01}
sampler: random
budget: {trials: 4, epochs: 3}
report: false
"""


def ours(uri):
    """The trials' runs by number, each there once, and nobody else's but the sweep's."""
    runs = mlflow_runs(uri, "theirs")
    trials = {int(r["tags"]["lanewise.trial"]): r for r in runs if "lanewise.trial" in r["tags"]}
    assert len(runs) == len(trials) + 1 == 5
    return trials


@pytest.mark.parametrize(
    ("where", "executor"),
    [
        pytest.param("home", "inline", marks=LONG),
        pytest.param("home", "packed", marks=LONG),
        pytest.param("elsewhere", "tune", marks=LONG),
        pytest.param("home", "tune", marks=NIGHT),
        pytest.param("elsewhere", "inline", marks=NIGHT),
        pytest.param("elsewhere", "packed", marks=NIGHT),
    ],
)
def test_a_training_function(lanewise, migrated, executor, where):
    """Retried attempts go on in the same run; MLflow's own file appears nowhere else."""
    lanewise.write("own.py", TRAIN)
    lanewise.write("sweep.yaml", SWEEP)
    uri = f"sqlite:///{lanewise.home}/mlflow.db"
    asked = []
    if where == "elsewhere":
        shutil.copy(migrated, lanewise.folder / "shared.db")
        uri = f"sqlite:///{lanewise.folder}/shared.db"
        asked = ["--tracking-uri", uri]
    summary = lanewise.json("run", "sweep.yaml", "--executor", executor, "--quiet", *asked)
    assert summary["trials"]["completed"] == 4, summary
    for number, run in ours(uri).items():
        x = float(run["params"]["x"])
        assert run["metrics"]["mine"] == 3 * x
        assert run["params"]["optimizer"] == "sgd"
        assert run["status"] == "FINISHED"
        assert run["tags"]["mlflow.runName"] == f"trial {number}"
        assert run["tags"]["lanewise.attempt"] == ("2" if x > 0.5 else "1")
    left = {path.name for path in lanewise.folder.iterdir() if not path.name.startswith("tried")}
    left -= {"__pycache__", "shared.db", "shared.db-wal", "shared.db-shm"}
    assert left == {"home", "own.py", "sweep.yaml"}


@pytest.mark.parametrize(
    "executor", [pytest.param("packed", marks=LONG), pytest.param("inline", marks=NIGHT)]
)
def test_a_model_that_is_built(lanewise, executor):
    lanewise.write("own.py", BUILD)
    lanewise.write("sweep.yaml", MODEL)
    lanewise.json("run", "sweep.yaml", "--executor", executor, "--quiet")
    for run in ours(f"sqlite:///{lanewise.home}/mlflow.db").values():
        hidden = int(run["params"]["hidden"])
        assert run["metrics"]["built"] == hidden
        assert run["params"]["twice"] == str(2 * hidden)
    assert not (lanewise.folder / "mlflow.db").exists()
    assert not (lanewise.folder / "mlruns").exists()
