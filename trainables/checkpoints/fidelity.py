"""Whether a sweep's best model, as it is stored, gives the metrics that were reported of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from lanewise.trainables.checkpoints.bundle import Origin, of_checkpoint
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.model_trial import pick_device

# A lane is evaluated in a stack, and a GPU adds in another order each time: the rest is rounding.
_RELATIVE = {"cpu": 1e-3, "cuda": 1e-2}
_ROWS = 2  # that rounding may move from one class to another


def stored_best(
    paths: Iterable[Path],
    recipe: Recipe,
    number: int,
    epoch: int,
    origin: Origin | None = None,
) -> TrainedModel:
    """The weights of a trial at its best epoch, from the first of its files that has them.

    Raises:
        CheckpointError: none has, or one is damaged.
    """
    for path in paths:
        if path.exists():
            bundle = of_checkpoint(path, recipe, origin)
            if bundle.epoch == epoch:
                return TrainedModel.of(bundle, recipe)
    raise CheckpointError(f"the weights of trial {number} at epoch {epoch} are in no checkpoint")


def difference(
    paths: Iterable[Path],
    recipe: Recipe,
    number: int,
    epoch: int,
    reported: Mapping[str, float],
) -> str:
    """What a person should know of the stored best model of a trial, in a sentence; "" if it is
    what was reported. Evaluates it on the validation part.
    """
    try:
        model = stored_best(paths, recipe, number, epoch)
        measured = model.evaluate(parts=("val",))
    except Exception as error:  # of a user's own code, too
        why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return f"trial {number} as it is stored cannot be evaluated: {why}"
    rows = len(recipe.prepared.folds[0].y_val) if recipe.prepared else 0
    device = pick_device(recipe.device).partition(":")[0]
    unlike = [
        f"{name} {value:.6g} where {reported[name]:.6g} was reported"
        for name, value in measured.items()
        if name in reported and not is_alike(name, value, reported[name], rows, device)
    ]
    if not unlike:
        return ""
    return f"trial {number} as it is stored is not what was trained: {', '.join(unlike)}"


def is_alike(name: str, value: float, reported: float, rows: int, device: str) -> bool:
    """Whether a metric of so many rows is what was reported but for rounding."""
    tolerance = _RELATIVE.get(device, 1e-2) * max(1e-3, abs(reported))
    if not name.endswith(("_loss", "_mse", "_mae", "_rmse")):
        tolerance += _ROWS / max(1, rows)
    return math.isnan(value) or abs(value - reported) <= tolerance
