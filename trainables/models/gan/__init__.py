"""The generative adversarial network: its hyperparameters, and what it trains on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lanewise.trainables.errors import ConfigError
from lanewise.trainables.knobs import (
    ACTIVATION,
    ACTIVATIONS,
    BELOW_ONE,
    COUNT,
    INIT,
    NORMS,
    NOT_NEGATIVE,
    POSITIVE,
    WIDTHS,
    Family,
    Knob,
    Maybe,
    one_of,
    or_null,
)
from lanewise.trainables.models.model_type import ModelType, check_batch_norm
from lanewise.trainables.optim import OPTIMIZER

if TYPE_CHECKING:
    from lanewise.trainables.data.info import Info

_R1 = {"r1": Knob(0.0, NOT_NEGATIVE, "weight of half the squared gradient norm at real rows")}

# Defined in `replica.py`.
GAMES: dict[str, dict[str, Knob]] = {
    "standard": _R1,
    "hinge": _R1,
    "wasserstein": {"penalty": Knob(10.0, NOT_NEGATIVE, "weight of (gradient norm − 1)²")},
}


def _check(full: Mapping[str, Any]) -> None:
    if full["label_smoothing"] and full["game"]["name"] != "standard":
        message = f"the game {full['game']['name']} has no labels to smooth, only standard has"
        raise ConfigError("label_smoothing", message)
    check_batch_norm(full)
    if full["norm"] == "layer" and full["network"] == "dense" and 1 in full["hidden"]:
        message = "a layer norm of a single value is always 0; give widths of 2 or more"
        raise ConfigError("hidden", message)
    if full["activity_l1"]:
        raise ConfigError("activity_l1", "a gan has no penalty on activations; leave it at 0")
    if full["network"] == "conv" and not (full["hidden"] and full["critic_hidden"]):
        raise ConfigError("hidden", "network conv needs at least one layer in both networks")


def _fits(full: Mapping[str, Any], info: Info) -> None:
    if full["network"] == "conv" and info.form != "image":
        message = f"conv is for images, not for a {info.form}; use dense, or give data.shape"
        raise ConfigError("network", message)


GAN = ModelType(
    build="lanewise.trainables.models.gan.module:gan",
    knobs={
        "latent": Knob(16, COUNT, "how many random numbers a row is made of"),
        "network": Knob(
            "dense", one_of(("dense", "conv")), "kind of both networks; conv is for images"
        ),
        "hidden": Knob(
            [64, 64],
            WIDTHS,
            "the width of each of the generator's hidden layers; with conv its channels, each "
            "twice the height and width of the one before",
        ),
        "critic_hidden": Knob(
            [64, 64],
            WIDTHS,
            "the same of the critic; with conv each half the height and width of the one before",
        ),
        "activation": ACTIVATION,
        "critic_activation": Knob("leaky_relu", one_of(ACTIVATIONS), "between the critic's layers"),
        "norm": Knob(None, or_null(one_of(NORMS)), "normalisation in the generator"),
        "dropout": Knob(
            0.0, BELOW_ONE, "share of units dropped after each layer of the critic", adjustable=True
        ),
        "init": INIT,
        "game": Knob(
            "standard", Family("game", GAMES), "what the two networks play for", adjustable=True
        ),
        "critic_lr": Knob(
            None,
            or_null(POSITIVE),
            "the critic's learning rate; null for `lr`, the generator's",
            adjustable=True,
        ),
        "critic_optimizer": Knob(
            None,
            Maybe(OPTIMIZER),
            "the critic's; null for one like the generator's `optimizer`",
            adjustable=True,
        ),
        "critic_steps": Knob(
            1, COUNT, "steps of the critic for each of the generator", adjustable=True
        ),
        "label_smoothing": Knob(
            0.0,
            BELOW_ONE,
            "what the label of real rows lacks to 1, in the game standard",
            adjustable=True,
        ),
        "noise": Knob(
            0.0,
            NOT_NEGATIVE,
            "standard deviation of noise on all that the critic sees",
            adjustable=True,
        ),
        "precision": Knob(
            "float32",
            one_of(("float32", "bfloat16")),
            "of the forward passes; the critic's gradients are too large for float16",
        ),
        "average": Knob(
            0.99,
            BELOW_ONE,
            "what rows are generated with is a running mean of the generator's weights, which "
            "keeps this share at each of its steps; 0 for its last weights",
            adjustable=True,
        ),
    },
    forms=("table", "image"),
    tasks=("generation",),
    check=_check,
    fits=_fits,
    linked=(
        "label_smoothing",
        "game",
        "norm",
        "batch_size",
        "activity_l1",
        "network",
        "hidden",
        "critic_hidden",
    ),
    replica="lanewise.trainables.models.gan.replica:GanReplica",
    alone="two networks are trained in turn, each by an optimizer of its own",
    # The game, both networks and both learning rates.
    space={
        "latent": {"int": [4, 64], "log": True},
        "hidden": {"repeat": {"times": [2, 3], "of": {"int": [64, 256], "log": True}}},
        "critic_hidden": {"repeat": {"times": [2, 3], "of": {"int": [64, 256], "log": True}}},
        "game": {
            "choice": [
                {"standard": {"r1": {"float": [0.01, 1.0], "log": True}}},
                {"wasserstein": {"penalty": {"float": [0.1, 10.0], "log": True}}},
                {"hinge": {"r1": {"float": [0.01, 1.0], "log": True}}},
            ]
        },
        "critic_steps": {"int": [1, 3]},
        "lr": {"float": [1e-4, 3e-3], "log": True},
        "critic_lr": {"float": [1e-4, 3e-3], "log": True},
        # Little momentum: the other player's last step has changed what is descended.
        "optimizer": {"choice": [{"adam": {"beta1": {"float": [0.0, 0.9]}}}, "rmsprop"]},
        "batch_size": {"choice": [64, 128, 256]},
    },
)
