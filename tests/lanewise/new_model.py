"""CONTRIBUTING's "how to add" a model: this file is all of it, beside a row in MODELS.

Maxout, Goodfellow et al. 2013, "Maxout Networks". The conformance suite runs over it as over our
own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lanewise.trainables.knobs import BELOW_ONE, COUNT, Knob
from lanewise.trainables.models.model_type import ModelType

if TYPE_CHECKING:
    from torch import nn

    from lanewise.trainables.data.info import Info


def maxout(config: Mapping[str, Any], info: Info) -> nn.Module:
    """Each unit is the largest of `pieces` linear functions, and a linear layer sees the units.

    Inputs [B, F]; outputs [B, C]. Packs.
    """
    from torch import nn

    units, pieces = config["units"], config["pieces"]
    return nn.Sequential(
        nn.Linear(*info.input_shape, units * pieces),
        nn.Unflatten(1, (units, pieces)),
        nn.MaxPool1d(pieces),
        nn.Flatten(),
        nn.Dropout(config["dropout"]),
        nn.Linear(units, info.outputs),
    )


MAXOUT = ModelType(
    build=f"{__name__}:maxout",
    knobs={
        "units": Knob(32, COUNT, "of the hidden layer"),
        "pieces": Knob(3, COUNT, "linear functions that a unit is the largest of"),
        "dropout": Knob(0.0, BELOW_ONE, "share of units dropped", adjustable=True),
    },
    space={
        "units": {"int": [8, 64], "log": True},
        "pieces": {"int": [2, 4]},
        "dropout": {"float": [0.0, 0.5]},
        "lr": {"float": [1e-4, 1e-1], "log": True},
    },
)
SWEEP = {
    "name": "maxout",
    "data": {"source": "sklearn:digits", "split": [0.7, 0.15, 0.15]},
    "model": "maxout",
    "objective": {"maximize": "val_accuracy"},
    "budget": {"trials": 8},
}
