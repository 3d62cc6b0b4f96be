"""The recommender: its hyperparameters, and what it trains on. No torch."""

from __future__ import annotations

from lanewise.trainables.knobs import (
    ACTIVATION,
    BELOW_ONE,
    COUNT,
    INIT,
    NOT_NEGATIVE,
    POSITIVE,
    WHOLE,
    WIDTHS,
    Knob,
)
from lanewise.trainables.models.model_type import ModelType

RECOMMENDER = ModelType(
    build="lanewise.trainables.models.recommender.module:recommender",
    knobs={
        "factors": Knob(
            16, WHOLE, "of a user's and an item's vector, whose dot product is added; 0 for none"
        ),
        "tower": Knob([], WIDTHS, "the width of each layer above both embeddings; [] for none"),
        "user_embedding": Knob(16, COUNT, "size of a user's embedding below the tower"),
        "item_embedding": Knob(16, COUNT, "size of an item's embedding below the tower"),
        "activation": ACTIVATION,
        "dropout": Knob(
            0.0, BELOW_ONE, "share of factors and of the tower's units dropped", adjustable=True
        ),
        "l2_user": Knob(
            0.0,
            NOT_NEGATIVE,
            "adds l2_user/2·Σw² over the users' rows, mean over a batch",
            adjustable=True,
        ),
        "l2_item": Knob(0.0, NOT_NEGATIVE, "the same of the items' rows", adjustable=True),
        "embedding_std": Knob(
            0.05,
            POSITIVE,
            "standard deviation of the first values of factors and embeddings",
            adjustable=True,
        ),
        "init": INIT,
    },
    forms=("ids",),
    tasks=("regression", "binary"),
    # Factorisation, a tower beside it or not, and each table's decay.
    space={
        "factors": {"int": [4, 64], "log": True},
        "tower": {"choice": [[], [32], [64, 32]]},
        "user_embedding": {"int": [8, 32], "log": True},
        "item_embedding": {"int": [8, 32], "log": True},
        "dropout": {"float": [0.0, 0.4]},
        "l2_user": {"float": [1e-4, 1.0], "log": True},
        "l2_item": {"float": [1e-4, 1.0], "log": True},
        "embedding_std": {"float": [0.01, 0.3], "log": True},
        "lr": {"float": [1e-3, 3e-2], "log": True},
        "optimizer": {"choice": ["adam", "adagrad"]},
        "batch_size": {"choice": [128, 256, 512]},
    },
)
