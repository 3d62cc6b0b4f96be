"""The recommender's hyperparameters."""

from __future__ import annotations

from lanewise.trainables.kinds.kind import Kind
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

RECOMMENDER = Kind(
    {
        "factors": Knob(
            16, WHOLE, "of a user's and an item's vector, whose dot product is added; 0 for none"
        ),
        "tower": Knob([], WIDTHS, "the width of each layer above both embeddings; [] for none"),
        "user_embedding": Knob(16, COUNT, "size of a user's embedding below the tower"),
        "item_embedding": Knob(16, COUNT, "size of an item's embedding below the tower"),
        "activation": ACTIVATION,
        "dropout": Knob(0.0, BELOW_ONE, "share of factors and of the tower's units dropped"),
        "l2_user": Knob(
            0.0, NOT_NEGATIVE, "adds l2_user/2·Σw² over the users' rows, mean over a batch"
        ),
        "l2_item": Knob(0.0, NOT_NEGATIVE, "the same of the items' rows"),
        "embedding_std": Knob(
            0.05, POSITIVE, "standard deviation of the first values of factors and embeddings"
        ),
        "init": INIT,
    },
    forms=("ids",),
    tasks=("regression", "binary"),
)
