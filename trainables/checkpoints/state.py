"""What a model's checkpoint says about itself in JSON, so that it can be opened on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from lanewise.trainables.data.dataset import Prepared
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Inputs, from_json

if TYPE_CHECKING:
    from lanewise.trainables.recipe import Recipe


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
        **_describe_data(prepared),
    }


# Of data that stay the same, the description does, too: every checkpoint of every trial has it.
_DATA: WeakKeyDictionary[Prepared, dict[str, Any]] = WeakKeyDictionary()


def _describe_data(prepared: Prepared | None) -> dict[str, Any]:
    if prepared is None:
        return {"info": None, "preprocess": [], "data": None}
    if prepared not in _DATA:
        _DATA[prepared] = {
            "info": asdict(prepared.info),
            "preprocess": [fold.preprocess.to_json() for fold in prepared.folds],
            "data": prepared.identity,
        }
    return _DATA[prepared]


def read_info(state: Mapping[str, Any]) -> Info:
    """The Info that a checkpoint's model was built with."""
    # An older release's lacks the newer fields, which then are at their defaults.
    return Info(**{key: _tuple(value) for key, value in state["info"].items()})


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


def read_preprocess(state: Mapping[str, Any]) -> list[Inputs]:
    """One per fold."""
    return [from_json(text) for text in state["preprocess"]]
