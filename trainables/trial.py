"""Opening a trial, of a model or of a user's training function: what executors use."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lanewise.trainables.config import check, check_together
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.protocol import Inside, Trial, check_adopt
from lanewise.trainables.user_code.contract import check_call
from lanewise.trainables.user_code.references import resolve


def open_trial(
    recipe: Recipe,
    config: Mapping[str, Any],
    seed: int,
    checkpoint: Path | None = None,
    inside: Inside = nullcontext,
    adopt: Path | None = None,
) -> Trial:
    """A trial of `config`, new or continued from a checkpoint.

    Args:
        inside: makes what a train function runs in, in its thread.
        adopt: another trial's checkpoint, of the same epoch: it goes on with that one's weights
            and optimizer's state (a function: from that one's folder). Its rows, best epoch, best
            weights, patience and random streams stay its own, so it needs `checkpoint`, too. Where
            `checkpoint` was written after that, it simply goes on from there.

    Raises:
        ConfigError, ModelError: the config or the model is wrong.
        CheckpointError: open it again without the checkpoint; or `adopt` cannot be taken over.
    """
    check_adopt(checkpoint, adopt)
    merged = {**recipe.fixed, **config}
    if recipe.train is not None:
        from lanewise.trainables.training.function import FunctionTrial

        train = recipe.callable or resolve(recipe.train, recipe.base, "train")
        check_call(train, "train")
        return FunctionTrial(recipe, merged, seed, checkpoint, train, inside, adopt)
    check(recipe.model, merged)
    check_together(recipe.model, merged)
    from lanewise.trainables.training.model_trial import ModelTrial

    return ModelTrial(recipe.of_trial(seed), merged, seed, checkpoint, adopt)
