"""What a contender left behind: its trials, counted in MLflow's database after it has ended."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from digits_mlp.workload import METRIC

_PARENT = "mlflow.parentRunId"


@dataclass(frozen=True)
class Facts:
    """statuses: trials by how they ended. epochs: of all trials together. best: the metric's
    highest value at any epoch. first_report: the time of the first epoch that was told of.
    """

    statuses: dict[str, int]
    epochs: int
    best: float
    first_report: float


def audit(home: Path) -> Facts:
    """`facts.json` of a contender without tracking, else what MLflow's own client finds."""
    own = home / "facts.json"
    return Facts(**json.loads(own.read_text())) if own.exists() else count_runs(home / "mlflow.db")


def count_runs(database: Path) -> Facts:
    """Count the runs of all experiments; where some are nested, only these are trials.

    Raises:
        FileNotFoundError: the contender made no such database.
    """
    if not database.exists():
        raise FileNotFoundError(f"no MLflow database {database}")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{database}")
    runs = []
    for experiment in client.search_experiments():
        token = None
        while True:
            page = client.search_runs([experiment.experiment_id], page_token=token)
            runs += page
            token = page.token
            if not token:
                break
    nested = [run for run in runs if _PARENT in run.data.tags]
    trials = nested or runs
    points = [p for t in trials for p in client.get_metric_history(t.info.run_id, METRIC)]
    return Facts(
        statuses=dict(Counter(trial.info.status for trial in trials)),
        epochs=len(points),
        best=max((point.value for point in points), default=0.0),
        first_report=min((point.timestamp for point in points), default=math.inf) / 1000,
    )
