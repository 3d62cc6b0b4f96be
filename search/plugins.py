"""Looks a sampler or scheduler up by registered or dotted name and constructs it with options."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lanewise.search.errors import SearchError
from lanewise.spaces.errors import nearest


def construct(
    role: str,
    registry: Mapping[str, Any],
    name: str,
    options: Mapping[str, Any],
    *args: Any,
    adapt: Callable[[Any], Any] = lambda factory: factory,
    more: tuple[str, ...] = (),
) -> Any:
    """``registry[name](*args, **options)``; ``name`` may be ``package.module:Class``.

    Args:
        adapt: makes ours of a class of another library's kind.
        more: forms of names, for the error, beside those of the registry.

    Raises:
        SearchError: for an unknown name, option or option value, naming what is allowed.
    """
    factory = adapt(_find(role, registry, name, more))
    try:
        _check_options(factory, options, args)
        return factory(*args, **options)
    except SearchError as error:
        raise SearchError(f"{role}.{name}: {error}") from None


def _find(role: str, registry: Mapping[str, Any], name: str, more: tuple[str, ...]) -> Any:
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
    allowed = ", ".join([*registry, *more, "package.module:Class"])
    raise SearchError(
        f"{role}: unknown {role} '{name}'{nearest(name, registry)} (allowed: {allowed})"
    )


def _check_options(factory: Any, options: Mapping[str, Any], args: tuple[Any, ...]) -> None:
    if not callable(factory):
        raise SearchError(f"{factory!r} is not a class")
    signature = inspect.signature(factory)
    parameters = list(signature.parameters.values())
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        check_names(options, {p.name: p for p in parameters[len(args) :]})
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        raise SearchError(str(error)) from None


def check_names(options: Mapping[str, Any], allowed: Mapping[str, Any]) -> None:
    """Raise SearchError for an option that is not among the allowed ones."""
    for key in options:
        if key not in allowed:
            names = ", ".join(allowed) or "none"
            hint = nearest(key, allowed)
            raise SearchError(f"unknown option '{key}'{hint} (allowed: {names})")
