"""Optuna with two threads: in memory without any tracking, or on SQLite with trials in MLflow.

    python -m digits_mlp.optuna_study {memory,sqlite} --trials N --seed S --home FOLDER

Sources: optuna.readthedocs.io, "Efficient Optimization Algorithms" (pruning) and "Saving/Resuming
Study with RDB Backend"; mlflow.org, "Hyperparameter tuning" (a nested run per trial).
optuna-integration's MLflowCallback is deprecated, and logs epochs only under a lock that lets one
trial train at a time; so the objective logs by MLflow's own API, an epoch at once.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlflow
import optuna
import torch

from digits_mlp.arguments import Arguments, parse
from digits_mlp.training import Training, tensors
from digits_mlp.workload import EPOCHS, ETA, METRIC, OPTIMIZERS, SLOTS, WIDTHS, parts


class Objective:
    """One trial, epoch by epoch. `parent`: MLflow's run of the study, None for no tracking."""

    def __init__(self, parent: str | None) -> None:
        self.parent = parent
        self.data = tensors(parts())
        self.first_report = math.inf  # time of the first finished epoch

    def __call__(self, trial: optuna.Trial) -> float:
        config = {
            "width": trial.suggest_categorical("width", WIDTHS),
            "lr": trial.suggest_float("lr", 1e-4, 1e-1, log=True),
            "l2": trial.suggest_float("l2", 1e-6, 1e-2, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "optimizer": trial.suggest_categorical("optimizer", OPTIMIZERS),
        }
        with self._tracked(trial, config):
            pruned, value = self._train(trial, Training(config, self.data))
        if pruned:  # raised out here, or MLflow would show a pruned trial as FAILED
            raise optuna.TrialPruned
        return value

    def _train(self, trial: optuna.Trial, training: Training) -> tuple[bool, float]:
        for epoch in range(1, EPOCHS + 1):
            metrics = training.epoch()
            self.first_report = min(self.first_report, time.time())
            if self.parent:
                mlflow.log_metrics(metrics, step=epoch)
            trial.report(metrics[METRIC], epoch)
            if trial.should_prune():
                return True, metrics[METRIC]
        return False, metrics[METRIC]

    @contextmanager
    def _tracked(self, trial: optuna.Trial, config: dict[str, Any]) -> Iterator[None]:
        if self.parent is None:
            yield
            return
        name = f"trial-{trial.number}"
        with mlflow.start_run(run_name=name, nested=True, parent_run_id=self.parent):
            mlflow.log_params(config)
            yield


def optimize(asked: Arguments, storage: str | None, objective: Objective) -> optuna.Study:
    study = optuna.create_study(
        storage=storage,
        study_name="digits-mlp",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=asked.seed),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=ETA),
    )
    study.optimize(objective, n_trials=asked.trials, n_jobs=SLOTS)
    return study


def in_memory(asked: Arguments) -> None:
    """Leaves facts.json, since there is no MLflow to count in afterwards."""
    objective = Objective(parent=None)
    study = optimize(asked, None, objective)
    values = [list(trial.intermediate_values.values()) for trial in study.trials]
    states = [trial.state.name for trial in study.trials]
    facts = {
        "statuses": {name: states.count(name) for name in sorted(set(states))},
        "epochs": sum(map(len, values)),
        "best": max(max(each, default=0.0) for each in values),
        "first_report": objective.first_report,
    }
    (asked.home / "facts.json").write_text(json.dumps(facts))


def on_sqlite(asked: Arguments) -> None:
    mlflow.set_tracking_uri(asked.tracking_uri)
    mlflow.set_experiment("digits-mlp")
    with mlflow.start_run(run_name="study") as parent:
        storage = f"sqlite:///{asked.home / 'study.db'}"
        optimize(asked, storage, Objective(parent.info.run_id))


if __name__ == "__main__":
    asked = parse(extra=("memory", "sqlite"))
    torch.manual_seed(asked.seed)
    {"memory": in_memory, "sqlite": on_sqlite}[asked.extra](asked)
