"""The autoencoder: its hyperparameters, and what it trains on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lanewise.trainables.errors import ConfigError
from lanewise.trainables.knobs import (
    ACTIVATION,
    BELOW_ONE,
    COUNT,
    INIT,
    NORMS,
    NOT_NEGATIVE,
    WIDTHS,
    Knob,
    Rule,
    is_count,
    one_of,
    or_null,
)
from lanewise.trainables.metrics.names import RECONSTRUCTION
from lanewise.trainables.models.model_type import ModelType, check_batch_norm

if TYPE_CHECKING:
    from lanewise.trainables.data.info import Info

_KERNEL = Rule("3, 5, 7, 9 or 11", lambda v: is_count(v) and v in range(3, 12, 2))


def _check(full: Mapping[str, Any]) -> None:
    check_batch_norm(full)
    if full["norm"] == "layer" and 1 in full["hidden"]:
        message = "a layer norm of a single value is always 0; give widths of 2 or more"
        raise ConfigError("hidden", message)
    if full["norm"] == "layer" and 1 in full["channels"]:
        message = "a layer norm of a single channel may be always 0; give 2 channels or more"
        raise ConfigError("channels", message)


def _fits(full: Mapping[str, Any], info: Info) -> None:
    """Convolutions are for pictures, and each halves them."""
    channels, path = list(full["channels"]), "channels"
    if not channels:
        return
    if info.form != "image":
        message = f"{channels} are for images, and the data are a {info.form}"
        raise ConfigError(path, f"{message}; give data.shape: [channels, height, width], or []")
    smaller, halvings = min(info.input_shape[1:]), 0
    while smaller > 1:
        smaller, halvings = (smaller + 1) // 2, halvings + 1
    if len(channels) > halvings:
        height, width = info.input_shape[1:]
        message = f"{len(channels)} convolutions halve {height} × {width} pixels too often"
        raise ConfigError(path, f"{message} (at most {halvings})")


AUTOENCODER = ModelType(
    build="lanewise.trainables.models.autoencoder.module:autoencoder",
    knobs={
        "channels": Knob(
            [], WIDTHS, "of the encoder's convolutions, each of which halves an image; [] for none"
        ),
        "kernel": Knob(3, _KERNEL, "height and width of what a convolution sees"),
        "hidden": Knob(
            [128], WIDTHS, "the width of each hidden layer of the encoder; the decoder mirrors it"
        ),
        "code": Knob(16, COUNT, "the values that an example is described by"),
        "activation": ACTIVATION,
        "norm": Knob(None, or_null(one_of(NORMS)), "normalisation in each hidden layer"),
        "dropout": Knob(
            0.0,
            BELOW_ONE,
            "share of units, or of channels, dropped after each layer",
            adjustable=True,
        ),
        "init": INIT,
        "sparsity": Knob(
            0.0, NOT_NEGATIVE, "adds sparsity·Σ|c| over a row's code to the loss", adjustable=True
        ),
        "kl": Knob(
            0.0,
            NOT_NEGATIVE,
            "> 0 for a variational autoencoder: the weight of the code's divergence from a standard"
            " normal distribution; 1 is the evidence lower bound",
        ),
    },
    forms=("table", "image", "sequence"),
    tasks=RECONSTRUCTION,
    check=_check,
    fits=_fits,
    linked=("batch_size", "channels", "hidden", "norm"),
    # Dense ones, plain or of noised inputs, on tables and images.
    space={
        "hidden": {"repeat": {"times": [1, 2], "of": {"int": [32, 256], "log": True}}},
        "code": {"int": [4, 64], "log": True},
        "activation": {"choice": ["relu", "gelu", "tanh"]},
        "dropout": {"float": [0.0, 0.3]},
        "noise": {"float": [0.0, 0.5]},
        "l2": {"float": [1e-7, 1e-3], "log": True},
        "lr": {"float": [3e-4, 1e-2], "log": True},
        "optimizer": {"choice": ["adam", "adamw"]},
        "batch_size": {"choice": [32, 64, 128]},
        "norm": {"choice": [None, "batch"]},
    },
)
