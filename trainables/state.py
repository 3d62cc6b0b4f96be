"""What a model's checkpoint says about itself in JSON, so that it can be opened on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from trainables.dataset import Info
from trainables.preprocess import Preprocess

if TYPE_CHECKING:
    from trainables.trial import Recipe


def describe(
    recipe: Recipe, given: Mapping[str, Any], config: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """Model, configuration, data's shape and preprocessing of a trial."""
    prepared = recipe.prepared
    folds = prepared.folds if prepared else ()
    return {
        "model": recipe.model,
        "given": dict(given),
        "config": dict(config),
        "loss": recipe.loss and dict(recipe.loss),
        "seed": seed,
        "seeds": recipe.seeds,
        "replicas": len(folds) * recipe.seeds,
        "info": asdict(prepared.info) if prepared else None,
        "preprocess": [fold.preprocess.to_json() for fold in folds],
        "data": prepared.identity if prepared else None,
    }


def read_info(state: Mapping[str, Any]) -> Info:
    """The Info that a checkpoint's model was built with."""
    info = state["info"]
    classes = None if info["classes"] is None else tuple(info["classes"])
    shape = tuple(info["input_shape"])
    return Info(info["task"], shape, info["outputs"], classes, info["vocabulary"])


def read_preprocess(state: Mapping[str, Any]) -> list[Preprocess]:
    """One per fold."""
    return [Preprocess.from_json(text) for text in state["preprocess"]]
