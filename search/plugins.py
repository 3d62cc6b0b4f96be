"""Looks a sampler or scheduler up by registered or dotted name and constructs it with options."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from search.errors import SearchError


def construct(
    role: str, registry: Mapping[str, Any], name: str, options: Mapping[str, Any], *args: Any
) -> Any:
    """``registry[name](*args, **options)``; ``name`` may be ``package.module:Class``.

    Raises:
        SearchError: for an unknown name, option or option value, naming what is allowed.
    """
    factory = _find(role, registry, name)
    _check_options(f"{role}.{name}", factory, options, len(args))
    try:
        return factory(*args, **options)
    except SearchError as error:
        raise SearchError(f"{role}.{name}: {error}") from None


def _find(role: str, registry: Mapping[str, Any], name: str) -> Any:
    if name in registry:
        return registry[name]
    module, colon, attribute = name.partition(":")
    if colon and "." in f"{module}.":
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise SearchError(f"{role}: cannot load '{name}': {error}") from error
    raise SearchError(
        f"{role}: unknown {role} '{name}'{nearest(name, registry)} "
        f"(allowed: {', '.join(registry)}, package.module:Class)"
    )


def nearest(word: str, words: Mapping[str, Any]) -> str:
    """``", did you mean 'x'?"`` or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1)
    return f", did you mean '{close[0]}'?" if close else ""


def _check_options(path: str, factory: Any, options: Mapping[str, Any], given: int) -> None:
    parameters = list(inspect.signature(factory).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    allowed = {p.name: p for p in parameters[given:]}
    for key in options:
        if key not in allowed:
            names = ", ".join(allowed) or "none"
            hint = nearest(key, allowed)
            raise SearchError(f"{path}: unknown option '{key}'{hint} (allowed: {names})")
