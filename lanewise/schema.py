"""The JSON schema of the sweep file, with the forms of the search space spelled out."""

from __future__ import annotations

import json
from typing import Any

from lanewise.search.samplers import SAMPLERS, optuna
from lanewise.search.schedulers import SCHEDULERS
from lanewise.sweepfile import SweepFile
from lanewise.trainables.config import TRAINING
from lanewise.trainables.knobs import Knob
from lanewise.trainables.metrics.names import LOSSES
from lanewise.trainables.models import MODELS

_NUMBER = {"type": "number"}
_POINTS = {"description": "how many points of a grid, or the points themselves"}


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) that editors complete and check sweep files with."""
    schema = SweepFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Lanewise sweep file"
    schema["$defs"]["Domain"] = _domain()
    schema["properties"]["space"] = {
        "description": "what may vary: name -> domain, or a bare value for a constant",
        "type": "object",
        "minProperties": 1,
        "properties": _hyperparameters(),  # ours, for completion; a user's model has its own
        "additionalProperties": {"$ref": "#/$defs/Domain"},
    }
    schema["required"] = [key for key in schema["required"] if key != "name"]  # the file's name
    registered = {
        "model": list(MODELS),
        "sampler": [*SAMPLERS, *(f"optuna:{name}" for name in optuna.NAMES)],
        "scheduler": list(SCHEDULERS),
        "loss": list(LOSSES),
    }
    for key, names in registered.items():
        # Names that editors complete; others are the user's own.
        schema["properties"][key]["anyOf"].insert(0, {"enum": names})
    return schema


def _hyperparameters() -> dict[str, Any]:
    knobs = dict(TRAINING)
    for model in MODELS.values():  # some say what a key of training is for in them
        knobs |= {name: knob for name, knob in model.knobs.items() if name not in TRAINING}
    return {
        name: {"description": _words(knob), "$ref": "#/$defs/Domain"}
        for name, knob in knobs.items()
    }


def _words(knob: Knob) -> str:
    return f"{knob.about}: {knob.rule.allowed}; by default {json.dumps(knob.default)}"


def _domain() -> dict[str, Any]:
    child = {"$ref": "#/$defs/Domain"}
    bounds = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}
    scaled = {"log": {"type": "boolean"}, "step": _NUMBER, "grid": _POINTS}
    repeat = {
        "type": "object",
        "properties": {"times": {}, "of": child},
        "required": ["times", "of"],
    }
    return {
        "anyOf": [
            _keyed("float", bounds, scaled),
            _keyed("int", bounds, scaled),
            _keyed("choice", {"type": "array", "minItems": 1}, {}),
            _keyed("repeat", repeat, {}),
            _keyed("constant", {}, {}),
            {"type": "object", "minProperties": 1, "maxProperties": 1},  # a branch: {sgd: {...}}
            {"type": ["number", "string", "boolean", "array", "null"]},
        ]
    }


def _keyed(name: str, value: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: value, **more},
        "required": [name],
        "additionalProperties": False,
    }
