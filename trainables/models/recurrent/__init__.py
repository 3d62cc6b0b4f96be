"""`rnn`, `gru` and `lstm`: their hyperparameters, and what they train on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lanewise.trainables.errors import ConfigError
from lanewise.trainables.knobs import (
    ACTIVATIONS,
    BELOW_ONE,
    COUNT,
    FLAG,
    INITS,
    WIDTHS,
    Knob,
    Rule,
    is_count,
    is_real,
    one_of,
    or_null,
)
from lanewise.trainables.metrics.names import SUPERVISED
from lanewise.trainables.models.model_type import ModelType

if TYPE_CHECKING:
    from lanewise.trainables.data.info import Info

POOLINGS = ("last", "mean", "max")
_LAYERS = Rule(
    "a list of whole numbers ≥ 1 with at least one, such as [64, 32]",
    lambda v: isinstance(v, list | tuple) and len(v) > 0 and all(map(is_count, v)),
)
_KNOBS = {
    "hidden": Knob([64], _LAYERS, "the size of each recurrent layer's state"),
    "bidirectional": Knob(False, FLAG, "each layer reads the sequence from both ends"),
    "window": Knob(None, or_null(COUNT), "how many of the last steps are read; null for all"),
    "pooling": Knob(
        "last",
        one_of(POOLINGS),
        "what becomes of the last layer's states: the final one, their mean or their maximum",
    ),
    "dropout": Knob(
        0.0, BELOW_ONE, "share of values dropped behind each layer, dense ones too", adjustable=True
    ),
    "recurrent_dropout": Knob(
        0.0,
        BELOW_ONE,
        "share of the weights from state to state dropped, anew for each batch",
        adjustable=True,
    ),
    "norm": Knob(None, or_null(one_of(("layer",))), "normalisation of each layer's states"),
    "dense": Knob([], WIDTHS, "the width of each layer between the states and the output"),
    "activation": Knob("relu", one_of(ACTIVATIONS), "behind the dense layers"),
    "init": Knob(
        None,
        or_null(one_of(INITS)),
        "initial weights of the dense layers; null for torch's own. Recurrent ones are orthogonal",
    ),
    "from_last": Knob(
        False, FLAG, "forecasting: predict the change since the last step, which suits a trend"
    ),
}


def _check(full: Mapping[str, Any]) -> None:
    if full["norm"] and 1 in full["hidden"] and not full["bidirectional"]:
        message = "a layer norm of a single value is always 0; give sizes of 2 or more"
        raise ConfigError("hidden", message)


def _fits(full: Mapping[str, Any], info: Info) -> None:
    steps = info.input_shape[0]
    if full["window"] is not None and full["window"] > steps:
        message = f"{full['window']} steps are more than the {steps} of a sequence"
        raise ConfigError("window", message)
    if full["from_last"] and info.task != "forecasting":
        message = f"true is for forecasting; this task is {info.task}"
        raise ConfigError("from_last", message)


# Sizes, and what keeps gradients in bounds.
_SPACE = {
    "hidden": {"repeat": {"times": [1, 2], "of": {"int": [16, 128], "log": True}}},
    "bidirectional": {"choice": [False, True]},
    "pooling": {"choice": ["last", "mean", "max"]},
    "dropout": {"float": [0.0, 0.4]},
    "recurrent_dropout": {"float": [0.0, 0.4]},
    "norm": {"choice": [None, "layer"]},
    "clip_norm": {"float": [0.3, 10.0], "log": True},
    "lr": {"float": [3e-4, 3e-2], "log": True},
    "optimizer": {"choice": ["adam", "adamw", "rmsprop"]},
    "schedule": {"choice": ["constant", "cosine"]},
    "batch_size": {"choice": [32, 64, 128]},
}


def _recurrent(
    function: str, knobs: Mapping[str, Knob], space: Mapping[str, Any] | None = None
) -> ModelType:
    return ModelType(
        build=f"lanewise.trainables.models.recurrent.module:{function}",
        knobs={**_KNOBS, **knobs},
        forms=("sequence",),
        tasks=(*SUPERVISED, "forecasting"),
        check=_check,
        fits=_fits,
        linked=("hidden", "bidirectional", "norm", "window", "from_last"),
        space={**_SPACE, **(space or {})},
    )


RNN = _recurrent(
    "rnn",
    {"nonlinearity": Knob("tanh", one_of(("tanh", "relu")), "of the state")},
    {"nonlinearity": {"choice": ["tanh", "relu"]}},
)
GRU = _recurrent("gru", {})
LSTM = _recurrent(
    "lstm",
    {
        "forget_bias": Knob(
            1.0,
            Rule("a number", is_real),
            "first bias of the forget gate: above 0 it remembers at first",
            adjustable=True,
        )
    },
    {"forget_bias": {"choice": [0.0, 1.0, 2.0]}},
)
