"""The feed-forward network: its hyperparameters, and what it trains on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanewise.trainables.errors import ConfigError, listing
from lanewise.trainables.knobs import (
    ACTIVATION,
    BELOW_ONE,
    FLAG,
    INIT,
    NORMS,
    WIDTHS,
    Knob,
    one_of,
    or_null,
)
from lanewise.trainables.metrics.names import SUPERVISED
from lanewise.trainables.models.model_type import ModelType, check_batch_norm


def _check(full: Mapping[str, Any]) -> None:
    if full["pre_norm"] and full["norm"] is None:
        raise ConfigError("pre_norm", f"true needs a norm ({listing(NORMS)})")
    check_batch_norm(full)
    if full["norm"] == "layer" and 1 in full["hidden"]:
        message = "a layer norm of a single value is always 0; give widths of 2 or more"
        raise ConfigError("hidden", message)


MLP = ModelType(
    build="lanewise.trainables.models.mlp.module:mlp",
    knobs={
        "hidden": Knob([64, 64], WIDTHS, "the width of each hidden layer"),
        "activation": ACTIVATION,
        "dropout": Knob(
            0.0, BELOW_ONE, "share of units dropped after each hidden layer", adjustable=True
        ),
        "init": INIT,
        "norm": Knob(None, or_null(one_of(NORMS)), "normalisation in each hidden layer"),
        "residual": Knob(False, FLAG, "each width is two layers and a skip past them"),
        "pre_norm": Knob(False, FLAG, "a norm before each layer instead of behind it"),
    },
    forms=("table", "image", "sequence"),
    tasks=(*SUPERVISED, "forecasting"),
    check=_check,
    linked=("batch_size", "hidden", "norm", "pre_norm"),
    space={
        "hidden": {"repeat": {"times": [1, 3], "of": {"int": [16, 256], "log": True}}},
        "activation": {"choice": ["relu", "gelu", "silu", "tanh"]},
        "dropout": {"float": [0.0, 0.5]},
        "l2": {"float": [1e-6, 1e-2], "log": True},
        "lr": {"float": [1e-4, 1e-1], "log": True},
        "optimizer": {
            "choice": [
                # From 0.5, since torch refuses Nesterov's method without momentum.
                {
                    "sgd": {
                        "momentum": {"float": [0.5, 0.99]},
                        "nesterov": {"choice": [True, False]},
                    }
                },
                "adam",
                {"adamw": {"weight_decay": {"float": [1e-5, 1e-1], "log": True}}},
                "rmsprop",
            ]
        },
        "batch_size": {"choice": [32, 64, 128]},
        # Without pre_norm: it needs a norm, and no norm is worth a try.
        "norm": {"choice": [None, "batch", "layer"]},
        "residual": {"choice": [False, True]},
        "init": {"choice": [None, "he_normal", "orthogonal"]},
    },
)
