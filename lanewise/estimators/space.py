"""What may vary, as scikit-learn's searches are told: lists, SciPy's distributions, our domains."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from lanewise.spaces import Choice, Constant, Float, Int, Space, SpaceError
from lanewise.spaces.domain import Domain
from lanewise.spaces.errors import at, show
from lanewise.trainables.models import MODELS

_LISTS = (list, tuple, range, np.ndarray)


def read_space(given: Any, *, model: Any, fixed: Collection[str], own: Collection[str]) -> Space:
    """The space of a search.

    Args:
        given: a mapping of names to lists of options (a grid), frozen distributions of
            ``scipy.stats`` (uniform, loguniform, randint), domains such as ``lw.Float``, their
            forms in a sweep file, or single values; a ``Space``; None for the model's own.
        model: a built-in name, or anything for a person's own.
        fixed: hyperparameters that the estimator sets, which a model's own space leaves out.
        own: the estimator's parameters, which no trial can vary.

    Raises:
        SpaceError: one line, with the path of the mistake.
    """
    if given is None:
        if not isinstance(model, str) or model not in MODELS:
            raise SpaceError(f"is missing (only {', '.join(MODELS)} come with one)")
        ready = MODELS[model].space
        return Space({name: form for name, form in ready.items() if name not in fixed})
    space = given if isinstance(given, Space) else Space(_domains(given))
    for name in space.names:
        if name in own:
            raise SpaceError("is the same for all trials; set it in the estimator").under(name)
    return space


def grids_of(given: Any) -> list[Any]:
    """The spaces of a search: one, or those of a list of grids, as ``GridSearchCV`` takes it.

    Raises:
        SpaceError: a list of something else.
    """
    if not isinstance(given, list | tuple):
        return [given]
    if not given:
        raise SpaceError("is an empty list; give grids, or one mapping of names to options")
    for place, each in enumerate(given):
        if not is_grid(each):
            raise SpaceError("is no grid; a list is of mappings of names to lists").under(
                str(place)
            )
    return list(given)


def is_grid(given: Any) -> bool:
    """Whether a space is what ``GridSearchCV`` takes: lists, or single values."""
    return isinstance(given, Mapping) and not any(
        isinstance(each, Mapping | Domain) or hasattr(each, "rvs") for each in given.values()
    )


def _domains(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given  # which Space refuses
    found = {}
    for name, each in given.items():
        with at(str(name)):
            found[name] = _domain(each)
    return found


def _domain(given: Any) -> Any:
    if hasattr(given, "rvs") and not isinstance(given, Domain):
        return _of_distribution(given)
    if isinstance(given, _LISTS):
        options = [_option(each) for each in given]
        return (
            Constant(options[0])
            if len(options) == 1 and not _has_name(options[0])
            else Choice(options)
        )
    return given.item() if isinstance(given, np.generic) else given


def _option(value: Any) -> Any:
    """An option as domains have it: {"name": "sgd", "momentum": 0.9} is {"sgd": {…}} there."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_option(each) for each in value]
    if _has_name(value):
        return {value["name"]: {key: each for key, each in value.items() if key != "name"}}
    return value


def _has_name(value: Any) -> bool:
    return isinstance(value, Mapping) and "name" in value


def _of_distribution(given: Any) -> Domain:
    kind = getattr(getattr(given, "dist", None), "name", type(given).__name__)
    if kind in ("uniform", "loguniform", "reciprocal", "randint"):
        low, high = given.support()
        if kind == "randint":
            return Int(int(low), int(high))
        return Float(float(low), float(high), log=kind != "uniform")
    allowed = "uniform, loguniform, randint, or lw.Float, lw.Int, a list"
    raise SpaceError(f"the distribution {show(kind)} has no domain ({allowed})")
