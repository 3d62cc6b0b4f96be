"""What pydantic finds wrong in a sweep file, as one line in the file's own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from lanewise.spaces.errors import did_you_mean, fold, meant, nearest
from lanewise.trainables.config import TRAINING
from lanewise.trainables.errors import meant as meant_in_training
from lanewise.trainables.models import MODELS

Model = type[BaseModel]
Location = tuple[int | str, ...]

# Where pydantic's own words are about Python rather than about the file.
_ALLOWED = {
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "list_type": "must be a list",
    "string_type": "must be text",
    "invalid_key": "a key must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "string_pattern_mismatch": "must be one line without slashes",
}


def first_mistake(error: ValidationError, model: Model) -> tuple[list[str], str]:
    """The keys that lead to the mistake that counts most, and what is wrong, with its path."""
    # Unknown keys first: a misspelled key is mostly the cause of the missing one.
    mistakes = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    mistake = mistakes[0]
    location, given = mistake["loc"], mistake["input"]
    keys = [str(part) for part in location if not _is_branch(part)]
    path = ".".join(keys)
    match mistake["type"]:
        case "extra_forbidden":
            return keys, _unknown_key(model, location)
        case "missing":
            return [], f"{path}: is missing"
        case "value_error":
            text = str(mistake["ctx"]["error"])
            value = f", got {given!r}" if path and _is_short(given) else ""
            return keys, f"{path}: {text}{value}" if path else text
        case "literal_error":
            words = mistake["ctx"]["expected"]
            hint = nearest(given, re.findall(r"'(.*?)'", words))
            return keys, f"{path}: must be {words}, got {_shown(given)}{hint}"
        case kind:
            allowed = _ALLOWED.get(kind) or re.sub(r"^\w+ should", "must", mistake["msg"])
            if kind == "model_type":
                allowed += f" ({', '.join(_model_at(model, location).model_fields)})"
            return keys, f"{path}: {allowed}, got {_shown(given)}"


def meant_key(model: Model, location: Location, more: Iterable[str] = ()) -> list[str]:
    """The paths that are meant by an unknown key, if any.

    Args:
        more: names that are allowed beside the model's own.
    """
    key, names = str(location[-1]), [*_model_at(model, location[:-1]).model_fields, *more]
    if fold(key) not in map(fold, names) and (elsewhere := list(_elsewhere(model, key, names))):
        return elsewhere
    return meant(key, names) or [f"space.{name}" for name in meant_in_training(key, TRAINING)]


def kind_of(value: object) -> str:
    """What a value is, in words."""
    names = {list: "a list", str: "text", dict: "a mapping", type(None): "nothing"}
    return names.get(type(value), f"{value!r}")


def _unknown_key(model: Model, location: Location) -> str:
    *above, key = location
    path = ".".join(map(str, above))
    where = f"{path}: " if path else ""
    names = ", ".join(_model_at(model, location[:-1]).model_fields)
    hint = did_you_mean(meant_key(model, location))
    return f"{where}unknown key '{key}'{hint} (allowed: {names})"


def _elsewhere(model: Model, key: str, names: Iterable[str]) -> Iterator[str]:
    """Where a key belongs that stands in another place: a hyperparameter outside of the space."""
    for name, section in _sections(model):
        if name not in names and key in model.model_fields:
            yield key
            return
        if key in section.model_fields:
            yield f"{name}.{key}"
            return
    if key in TRAINING or any(key in model.knobs for model in MODELS.values()):
        yield f"space.{key}"


def _sections(model: Model) -> Iterator[tuple[str, Model]]:
    for name in model.model_fields:
        if (section := _model_at(model, (name,))) is not model:
            yield name, section


def _model_at(model: Model, location: Location) -> Model:
    """The section that a location leads to, or the last one on the way."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            annotation: Any = model.model_fields[part].annotation
            candidates = [annotation, *getattr(annotation, "__args__", ())]
            model = next((c for c in candidates if hasattr(c, "model_fields")), model)
    return model


def _is_branch(part: int | str) -> bool:
    """Whether a part of pydantic's location names a branch of a union rather than a key."""
    return isinstance(part, str) and (part in ("str", "int", "float") or "[" in part)


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
