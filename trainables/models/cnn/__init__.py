"""The convolutional network: its hyperparameters, and what it trains on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanewise.trainables.data.info import Info
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.knobs import (
    ACTIVATION,
    BELOW_ONE,
    FLAG,
    INIT,
    WHOLE,
    WIDTHS,
    Knob,
    Rule,
    is_count,
    one_of,
    or_null,
    real,
)
from lanewise.trainables.models.model_type import ModelType, check_batch_norm

DOWN = ("stride", "max", "avg")
POOLS = ("avg", "max")
IMAGE_NORMS = ("batch", "group")

_CHANNELS = Rule(
    "a list of whole numbers ≥ 1, one for each block, such as [16, 32]",
    lambda v: isinstance(v, list | tuple) and len(v) > 0 and all(map(is_count, v)),
)
_CONVOLUTIONS = Rule("1 or 2", lambda v: is_count(v) and v <= 2)
_KERNEL = Rule("an odd whole number from 1 to 11", lambda v: is_count(v) and v % 2 and v <= 11)
_CROP = real("a number > 0 and ≤ 1", lambda v: 0 < v <= 1)


def _check(full: Mapping[str, Any]) -> None:
    check_batch_norm(full)
    if full["norm"] == "group" and 1 in full["channels"]:
        message = "a group norm of a single channel may be always 0; give 2 channels or more"
        raise ConfigError("channels", message)


def _fits(full: Mapping[str, Any], info: Info) -> None:
    _, height, width = info.input_shape
    side, pixels = min(height, width), f"{height} × {width} pixels"
    blocks, most = len(full["channels"]), side.bit_length() - 1
    if full["down"] is not None and blocks > most:
        message = f"{blocks} blocks halve pictures of {pixels}, which is possible {most} times"
        raise ConfigError("channels", f"{message}; give fewer, or down: null")
    if full["shift"] >= side:
        message = f"{full['shift']} pixels lead out of pictures of {pixels}"
        raise ConfigError("shift", message)


CNN = ModelType(
    build="lanewise.trainables.models.cnn.module:cnn",
    knobs={
        "channels": Knob([16, 32], _CHANNELS, "of each block of convolutions"),
        "convolutions": Knob(1, _CONVOLUTIONS, "in each block"),
        "kernel": Knob(3, _KERNEL, "height and width of what a convolution sees"),
        "down": Knob(
            "max",
            or_null(one_of(DOWN)),
            "what halves height and width in each block: a stride of 2, or pooling",
        ),
        "norm": Knob(
            "batch", or_null(one_of(IMAGE_NORMS)), "normalisation behind each convolution"
        ),
        "activation": ACTIVATION,
        "residual": Knob(False, FLAG, "a skip past the convolutions of each block"),
        "spatial_dropout": Knob(
            0.0, BELOW_ONE, "share of channels dropped after each block", adjustable=True
        ),
        "global_pool": Knob(
            "avg", or_null(one_of(POOLS)), "of all pixels, before the head; null flattens them"
        ),
        "hidden": Knob([], WIDTHS, "the width of each layer of the head, before the last"),
        "dropout": Knob(
            0.0, BELOW_ONE, "share of units dropped before each layer of the head", adjustable=True
        ),
        "init": INIT,
        "shift": Knob(
            0, WHOLE, "pixels that training pictures move each way, at most", adjustable=True
        ),
        "flip": Knob(
            False,
            FLAG,
            "half of the training pictures are mirrored, left to right",
            adjustable=True,
        ),
        "crop": Knob(
            1.0,
            _CROP,
            "least share of height and width that is cut out and scaled up",
            adjustable=True,
        ),
    },
    forms=("image",),
    check=_check,
    fits=_fits,
    linked=("batch_size", "channels", "down", "norm", "shift"),
    space={
        # A few shapes rather than any: networks of one shape train together.
        "channels": {"choice": [[16, 32], [32, 64], [16, 32, 64]]},
        "convolutions": {"choice": [1, 2]},
        "down": {"choice": ["max", "stride"]},
        "global_pool": {"choice": ["avg", None]},
        "dropout": {"float": [0.0, 0.5]},
        "spatial_dropout": {"float": [0.0, 0.3]},
        "shift": {"int": [0, 2]},
        "lr": {"float": [3e-4, 3e-2], "log": True},
        "optimizer": {
            "choice": [
                {"sgd": {"momentum": {"float": [0.8, 0.99]}}},
                "adam",
                {"adamw": {"weight_decay": {"float": [1e-4, 1e-1], "log": True}}},
            ]
        },
        "schedule": {"choice": ["constant", "cosine"]},
        "batch_size": {"choice": [32, 64, 128]},
    },
)
