"""Looks a sampler or scheduler up by registered or dotted name and constructs it with options."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from lanewise.search.errors import SearchError
from lanewise.spaces.errors import nearest


def construct(
    role: str, registry: Mapping[str, Any], name: str, options: Mapping[str, Any], *args: Any
) -> Any:
    """``registry[name](*args, **options)``; ``name`` may be ``package.module:Class``.

    Raises:
        SearchError: for an unknown name, option or option value, naming what is allowed.
    """
    factory = _find(role, registry, name)
    try:
        _check_options(factory, options, args)
        return factory(*args, **options)
    except SearchError as error:
        raise SearchError(f"{role}.{name}: {error}") from None


def _find(role: str, registry: Mapping[str, Any], name: str) -> Any:
    if name in registry:
        return registry[name]
    module, colon, attribute = name.partition(":")
    if colon:
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:  # a user's module may raise anything
            why = " ".join(str(error).split())
            hint = nearest(name, registry)
            raise SearchError(f"{role}: cannot load '{name}': {why}{hint}") from error
    raise SearchError(
        f"{role}: unknown {role} '{name}'{nearest(name, registry)} "
        f"(allowed: {', '.join(registry)}, package.module:Class)"
    )


def _check_options(factory: Any, options: Mapping[str, Any], args: tuple[Any, ...]) -> None:
    if not callable(factory):
        raise SearchError(f"{factory!r} is not a class")
    signature = inspect.signature(factory)
    parameters = list(signature.parameters.values())
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        _check_names(options, {p.name: p for p in parameters[len(args) :]})
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        raise SearchError(str(error)) from None


def _check_names(options: Mapping[str, Any], allowed: Mapping[str, Any]) -> None:
    for key in options:
        if key not in allowed:
            names = ", ".join(allowed) or "none"
            hint = nearest(key, allowed)
            raise SearchError(f"unknown option '{key}'{hint} (allowed: {names})")
