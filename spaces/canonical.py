"""Plain values and their one text: what makes two configurations the same."""

import hashlib
import json
import math
import numbers
from collections.abc import Mapping
from typing import Any

from lanewise.spaces.errors import SpaceError, show

_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode

NAME = "name"  # the key of a mapping that holds the chosen option's name


def plain(value: object) -> Any:
    """Return a value as plain JSON types (fresh lists and dicts, no numpy scalars, no -0.0).

    Raises:
        SpaceError: a value that JSON cannot hold: NaN, an infinity, an object, a key not text.
    """
    # Exact types first: the checks against abstract numbers cost many times as much.
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return _finite(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Real):
        return int(value) if isinstance(value, numbers.Integral) else _finite(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    raise SpaceError(f"must be a number, a word, true, false, null or a list, got {show(value)}")


def canonical(value: object) -> str:
    """Return the canonical JSON of a value: sorted keys, no spaces; 1, 1.0 and true all differ.

    Raises:
        SpaceError: as `plain`.
    """
    return _encoded(plain(value))


def fingerprint(config: object) -> str:
    """Return the SHA-256 (hex) of a configuration's canonical JSON; key order is irrelevant.

    Raises:
        SpaceError: as `plain`.
    """
    return hashlib.sha256(canonical(config).encode()).hexdigest()


def fixed(raw: object, what: str) -> Any:
    """Return a scalar, or a list of them as a tuple, so that a domain cannot change.

    Raises:
        SpaceError: a mapping, naming `what` was expected; else as `plain`.
    """
    if isinstance(raw, Mapping):
        raise SpaceError(f"{what} must be a number, a word or a list, got {show(raw)}")
    if isinstance(raw, list | tuple):
        return tuple(fixed(item, "an item of a list") for item in raw)
    return plain(raw)


def text_of(value: object) -> str:
    """Return the canonical JSON, or "", which equals none, for what is not a plain value."""
    try:
        return canonical(value)
    except SpaceError:
        return ""


def thawed(value: Any) -> Any:
    """Return a fixed value with fresh lists, so that no two configurations share one."""
    return [thawed(item) for item in value] if isinstance(value, tuple) else value


def _finite(value: float | numbers.Real) -> float:
    if not math.isfinite(value):
        raise SpaceError(f"must be finite, got {show(value)}")
    return float(value) + 0.0  # -0.0 + 0.0 is 0.0


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise SpaceError(f"a key must be text, got {show(key)}")
    return str(key)
