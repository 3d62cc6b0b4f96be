"""Which task a sweep file means where no target is learned; its mistakes, a line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lanewise import sweepfile
from lanewise.errors import SweepFileError
from lanewise.plan import Plan, make_plan
from lanewise.trainables.errors import TrainableError

OWN = """
from torch import nn

def build(config, info):
    return nn.Linear(info.outputs, info.outputs)
"""


@pytest.fixture
def plan(tmp_path: Path) -> Any:
    """plan(objective metric, more of the sweep file) on a CSV file of 60 rows: a, b, kind."""
    lines = [f"{i % 7},{i * i % 11},{('good', 'odd')[i % 5 == 0]}" for i in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,kind", *lines]) + "\n")
    (tmp_path / "own.py").write_text(OWN)
    np.savez(tmp_path / "alone.npz", X=np.random.default_rng(0).normal(size=(40, 3)))
    np.savez(tmp_path / "windows.npz", X=np.random.default_rng(0).normal(size=(40, 5, 2)))

    def make(metric: str = "val_loss", **body: Any) -> Plan:
        mode = "maximize" if metric in ("val_roc_auc", "val_f1") else "minimize"
        data = {"source": "rows.csv", **body.pop("data", {})}
        whole = {
            "name": "x",
            "model": "autoencoder",
            "objective": {mode: metric},
            "space": {"lr": 0.01},
            "sampler": "grid",
            "budget": {"trials": 1},
            **body,
            "data": data,
        }
        return make_plan(sweepfile.parse(whole, "x.yaml"), tmp_path)

    return make


LABELLED = {"target": "kind", "anomaly": "odd"}


@pytest.mark.parametrize(
    ("body", "task", "shape"),
    [
        ({}, "reconstruction", (4,)),
        ({"data": {"target": "kind"}}, "reconstruction", (2,)),
        ({"data": LABELLED}, "anomaly", (2,)),
        ({"data": LABELLED, "task": "anomaly", "metric": "val_f1"}, "anomaly", (2,)),
        ({"loss": {"huber": {"delta": 2}}}, "reconstruction", (4,)),
        ({"loss": "mae", "data": LABELLED}, "anomaly", (2,)),
        ({"data": {"source": "npz:alone.npz"}}, "reconstruction", (3,)),
        ({"data": {"source": "npz:windows.npz"}}, "reconstruction", (5, 2)),
        ({"model": "own.py:build", "task": "reconstruction"}, "reconstruction", (4,)),
        ({"model": "own.py:build", "data": LABELLED, "metric": "val_roc_auc"}, "anomaly", (2,)),
    ],
)
def test_the_task_is_known(plan: Any, body: dict[str, Any], task: str, shape: Any) -> None:
    info = plan(**body).prepared.info
    assert (info.task, info.input_shape) == (task, shape)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"metric": "val_roc_auc"}, "data.anomaly: name the label, or labels, of the anomalies"),
        ({"data": {"anomaly": "odd"}}, "data.target: name the target column of rows.csv"),
        (
            {"data": {"target": "kind", "anomaly": ["odd", "none"]}},
            "data.anomaly: no row has the label 'none' in 'kind' (good, odd)",
        ),
        (
            {"data": LABELLED, "task": "reconstruction"},
            "data.anomaly: 'odd' is for the task anomaly; this task is reconstruction",
        ),
        (
            {"data": LABELLED, "model": "mlp"},
            "data.anomaly: 'odd' is for the task anomaly, not one of mlp's",
        ),
        ({"task": "regression"}, "task: 'regression' is not a task of this model"),
        ({"loss": "cross_entropy"}, "loss: 'cross_entropy' is a loss of"),
        ({"metric": "val_f1"}, "data.anomaly: name the label"),
        ({"data": LABELLED, "metrics": ["train_f1"]}, "metrics: 'train_f1' is a metric of binary"),
        ({"metrics": ["val_threshold"]}, "metrics: 'val_threshold' is a metric of anomaly tasks"),
        (
            {"model": {"autoencoder": {"channels": [4]}}},
            "model.autoencoder.channels: [4] are for images, and the data are a table",
        ),
        (
            {"space": {"lr": 0.01, "norm": {"choice": [None, "batch"]}, "batch_size": 1}},
            "space.batch_size: 1 is too few",
        ),
        ({"space": {"code": {"int": [0, 4]}}}, "space.code: 0 is not allowed"),
    ],
)
def test_a_mistake_is_one_line(plan: Any, body: dict[str, Any], message: str) -> None:
    with pytest.raises((TrainableError, SweepFileError)) as caught:
        plan(**body)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
