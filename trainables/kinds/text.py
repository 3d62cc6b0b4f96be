"""The hyperparameters of the model of texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanewise.trainables.kinds.kind import Kind
from lanewise.trainables.kinds.transformer import ENCODER, check_heads
from lanewise.trainables.knobs import BELOW_ONE, COUNT, FLAG, Family, Knob, one_of, or_null

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


def _check(full: Mapping[str, Any]) -> None:
    encoder = full["encoder"]
    if encoder["name"] == "transformer":
        check_heads(full["embedding"], encoder["heads"], "embedding")


TEXT = Kind(
    {
        "encoder": Knob("gru", Family("encoder", ENCODERS), "what sees the tokens in their order"),
        "embedding": Knob(64, COUNT, "width of a token's vector, and of a transformer"),
        "vocabulary": Knob(
            None, or_null(COUNT), "the most frequent tokens that it knows; null for all"
        ),
        "length": Knob(None, or_null(COUNT), "the first tokens that it reads; null for all"),
        "dropout": Knob(0.1, BELOW_ONE, "share of values dropped of vectors, and behind layers"),
        "pooling": Knob(
            "mean", one_of(("mean", "max", "last")), "of the states of all tokens, padding left out"
        ),
    },
    forms=("text",),
    check=_check,
    linked=("embedding", "encoder"),
)
