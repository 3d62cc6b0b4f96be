"""The model of texts: its hyperparameters, and what it trains on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanewise.trainables.knobs import BELOW_ONE, COUNT, FLAG, Family, Knob, one_of, or_null
from lanewise.trainables.models.model_type import ModelType
from lanewise.trainables.models.transformer import ENCODER, check_heads

_RECURRENT = {
    "hidden": Knob(64, COUNT, "width of each layer's state"),
    "layers": Knob(1, COUNT, "on top of each other"),
    "bidirectional": Knob(True, FLAG, "a layer reads the text from its end, too"),
}
ENCODERS: dict[str, dict[str, Knob]] = {
    "bag": {},
    "gru": _RECURRENT,
    "lstm": _RECURRENT,
    "transformer": ENCODER,
}

_SIZES = {"hidden": {"choice": [32, 64, 128]}, "layers": {"int": [1, 2]}}


def _check(full: Mapping[str, Any]) -> None:
    encoder = full["encoder"]
    if encoder["name"] == "transformer":
        check_heads(full["embedding"], encoder["heads"], "embedding")


TEXT = ModelType(
    build="lanewise.trainables.models.text.module:text",
    knobs={
        "encoder": Knob("gru", Family("encoder", ENCODERS), "what sees the tokens in their order"),
        "embedding": Knob(64, COUNT, "width of a token's vector, and of a transformer"),
        "vocabulary": Knob(
            None, or_null(COUNT), "the most frequent tokens that it knows; null for all"
        ),
        "length": Knob(None, or_null(COUNT), "the first tokens that it reads; null for all"),
        "dropout": Knob(
            0.1, BELOW_ONE, "share of values dropped of vectors, and behind layers", adjustable=True
        ),
        "pooling": Knob(
            "mean", one_of(("mean", "max", "last")), "of the states of all tokens, padding left out"
        ),
    },
    forms=("text",),
    check=_check,
    linked=("embedding", "encoder"),
    # Recurrent, a Transformer, or the words without order.
    space={
        "encoder": {
            "choice": [
                "bag",
                {"gru": _SIZES},
                {"lstm": _SIZES},
                {"transformer": {"layers": {"int": [1, 3]}}},
            ]
        },
        "embedding": {"choice": [32, 64, 128]},
        "vocabulary": {"choice": [None, 5000, 1000]},
        "length": {"choice": [None, 64]},
        "pooling": {"choice": ["mean", "max"]},
        "dropout": {"float": [0.0, 0.5]},
        "lr": {"float": [3e-4, 1e-2], "log": True},
        "optimizer": {
            "choice": ["adam", {"adamw": {"weight_decay": {"float": [1e-4, 1e-1], "log": True}}}]
        },
        "batch_size": {"choice": [32, 64]},
    },
)
