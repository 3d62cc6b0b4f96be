"""A configuration as flat names and scalars, the form of MLflow's parameters."""

from collections.abc import Mapping
from typing import Any

from lanewise.spaces.canonical import NAME

Scalar = str | int | float | bool | None


def flatten(config: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return dotted names and scalars: {"optimizer": "sgd", "optimizer.momentum": 0.9}.

    The "name" in a mapping becomes the value under the mapping's own key; list items are
    numbered from 0; an empty list is the text "[]", an empty mapping "{}". There is no way back:
    "[]" may also be a word.
    """
    flat: dict[str, Scalar] = {}
    for key, value in config.items():
        flat |= _flat(key, value)
    return flat


def _flat(name: str, value: Any) -> dict[str, Scalar]:
    if isinstance(value, Mapping):
        parts = {(name if k == NAME else f"{name}.{k}"): v for k, v in value.items()}
    elif isinstance(value, list | tuple):
        parts = {f"{name}.{i}": v for i, v in enumerate(value)}
    else:
        return {name: value}
    if not parts:
        return {name: "{}" if isinstance(value, Mapping) else "[]"}
    return {flat: leaf for part, v in parts.items() for flat, leaf in _flat(part, v).items()}
