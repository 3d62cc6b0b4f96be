"""What both Ray Tune programs share: space, search, scheduler, tracking.

Sources: docs.ray.io, "Running Tune experiments with Optuna", "Using MLflow with Tune",
"Training in Tune".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from digits_mlp.arguments import Arguments
from digits_mlp.workload import EPOCHS, ETA, METRIC, OPTIMIZERS, SLOTS, WIDTHS


def space() -> dict[str, Any]:
    return {
        "width": tune.choice(WIDTHS),
        "lr": tune.loguniform(1e-4, 1e-1),
        "l2": tune.loguniform(1e-6, 1e-2),
        "dropout": tune.uniform(0.0, 0.5),
        "optimizer": tune.choice(OPTIMIZERS),
    }


def fit(
    trainable: Callable[..., Any] | type[tune.Trainable],
    asked: Arguments,
    *,
    reuse_actors: bool | None = None,
    checkpoints: tune.CheckpointConfig | None = None,
) -> None:
    """Run the experiment; what is not named keeps Ray's defaults."""
    ray.init(num_cpus=SLOTS)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=space(),
        tune_config=tune.TuneConfig(
            metric=METRIC,
            mode="max",
            search_alg=OptunaSearch(seed=asked.seed),
            scheduler=ASHAScheduler(max_t=EPOCHS, grace_period=1, reduction_factor=ETA),
            num_samples=asked.trials,
            max_concurrent_trials=SLOTS,
            reuse_actors=reuse_actors,
        ),
        run_config=tune.RunConfig(
            name="digits-mlp",
            storage_path=str(asked.home / "ray"),
            checkpoint_config=checkpoints,
            callbacks=[
                MLflowLoggerCallback(tracking_uri=asked.tracking_uri, experiment_name="digits-mlp")
            ],
        ),
    )
    results = tuner.fit()
    print("best:", results.get_best_result().config)
