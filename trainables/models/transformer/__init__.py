"""The Transformer's encoder: its hyperparameters, and what it trains on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lanewise.trainables.errors import ConfigError
from lanewise.trainables.knobs import BELOW_ONE, COUNT, FLAG, POSITIVE, Knob, one_of, or_null
from lanewise.trainables.metrics.names import SUPERVISED
from lanewise.trainables.models.model_type import ModelType

if TYPE_CHECKING:
    from lanewise.trainables.data.info import Info

# Of an encoder, beside its width; also of the model `text`.
ENCODER: dict[str, Knob] = {
    "layers": Knob(2, COUNT, "of attention and a feed-forward part each"),
    "heads": Knob(4, COUNT, "of each attention; the width is a multiple of it"),
    "ratio": Knob(2.0, POSITIVE, "of the width within the feed-forward part to that outside"),
    "activation": Knob("gelu", one_of(("relu", "gelu")), "within the feed-forward part"),
    "pre_norm": Knob(True, FLAG, "layer norms in front of both parts instead of behind them"),
    "positions": Knob("sinusoidal", one_of(("sinusoidal", "learned")), "encoding of the positions"),
}


def check_heads(width: int, heads: int, path: str) -> None:
    """Raise ConfigError at `path` unless the heads part the width evenly."""
    if width % heads:
        raise ConfigError(path, f"{width} is not a multiple of heads, {heads}")


def _check(full: Mapping[str, Any]) -> None:
    check_heads(full["width"], full["heads"], "width")


def _fits(full: Mapping[str, Any], info: Info) -> None:
    if info.form != "text":
        for key in ("vocabulary", "length"):
            if full[key] is not None:
                words = "a table" if info.form == "table" else "sequences"
                raise ConfigError(key, f"{full[key]} is for text; the data are {words}")


TRANSFORMER = ModelType(
    build="lanewise.trainables.models.transformer.module:transformer",
    knobs={
        "width": Knob(64, COUNT, "of a step's state, all heads together"),
        **ENCODER,
        "dropout": Knob(
            0.1,
            BELOW_ONE,
            "share of values dropped behind each part and within it",
            adjustable=True,
        ),
        "pooling": Knob(
            "mean",
            one_of(("mean", "cls", "last")),
            "of the states: their mean, that of a token of its own, that of the last step",
        ),
        "vocabulary": Knob(
            None, or_null(COUNT), "of text: the most frequent tokens that it knows; null for all"
        ),
        "length": Knob(
            None, or_null(COUNT), "of text: the first tokens that it reads; null for all"
        ),
    },
    forms=("sequence", "table", "text"),
    tasks=(*SUPERVISED, "forecasting"),
    check=_check,
    fits=_fits,
    linked=("width", "heads", "vocabulary", "length"),
    space={
        "layers": {"int": [1, 3]},
        # Widths and heads of which all go together.
        "width": {"choice": [32, 64, 128]},
        "heads": {"choice": [2, 4, 8]},
        "ratio": {"choice": [2, 4]},
        "dropout": {"float": [0.0, 0.3]},
        "pooling": {"choice": ["mean", "cls"]},
        "lr": {"float": [1e-4, 1e-2], "log": True},
        "schedule": {"choice": [{"cosine": {"warmup": {"int": [0, 5]}}}]},
        "optimizer": {
            "choice": [{"adamw": {"weight_decay": {"float": [1e-4, 1e-1], "log": True}}}]
        },
        "batch_size": {"choice": [32, 64, 128]},
    },
)
