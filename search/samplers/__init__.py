"""Samplers: which configuration next. One algorithm a file, and ``SAMPLERS`` names them."""

from __future__ import annotations

import math
from typing import Any

from lanewise.search.core.spec import Spec
from lanewise.search.errors import SearchError
from lanewise.search.plugins import construct
from lanewise.search.samplers import optuna
from lanewise.search.samplers.base import Sampler as Sampler
from lanewise.search.samplers.cmaes import cmaes
from lanewise.search.samplers.gp import gp
from lanewise.search.samplers.grid import Grid
from lanewise.search.samplers.nsga2 import nsga2
from lanewise.search.samplers.random import Random
from lanewise.search.samplers.sobol import Sobol
from lanewise.search.samplers.tpe import TPE
from lanewise.search.samplers.wrapped import Checked, Deduplicated, StartingWith

# name -> what makes it, with the signature (space, seed, **options)
SAMPLERS: dict[str, Any] = {
    "grid": Grid,
    "random": Random,
    "sobol": Sobol,
    "tpe": TPE,
    "gp": gp,
    "cmaes": cmaes,
    "nsga2": nsga2,
}


def make_sampler(spec: Spec) -> Sampler:
    """The sampler of a sweep: start configurations first, then the named one, never a repeat."""
    made = _named(spec)
    if len(spec.objectives) > 1 and getattr(made, "takes_one_objective", False):
        raise SearchError(
            f"sampler: {spec.sampler.name} takes one objective, not {len(spec.objectives)}"
        )
    return wrapped(made, spec)


def wrapped(sampler: Sampler, spec: Spec) -> Sampler:
    """The sampler under the rules that hold for all, those of a user's own among them."""
    # What the registered ones propose is covered by tests; a user's may propose anything.
    ruled = sampler if spec.sampler.name in SAMPLERS else Checked(sampler, spec.space)
    if not spec.repeats:
        ruled = Deduplicated(ruled, spec.space, spec.seed)
    return StartingWith(spec.start, ruled) if spec.start else ruled


def _named(spec: Spec) -> Sampler:
    name, registry = spec.sampler.name, SAMPLERS
    prefix, colon, rest = name.partition(":")
    if colon and prefix == "optuna":
        try:
            registry = {**SAMPLERS, name: optuna.named(rest)}
        except SearchError as error:
            raise SearchError(f"sampler: {error}") from None
    made: Sampler = construct(
        "sampler",
        registry,
        name,
        spec.sampler.options,
        spec.space,
        spec.seed,
        adapt=optuna.adapted,
        more=("optuna:NAME",),
    )
    return made


def check_sampler(spec: Spec) -> None:
    """Raises SearchError where the sampler cannot work on this space or with these options."""
    sampler = make_sampler(spec)
    ends = sampler.is_finite or (not spec.repeats and not math.isinf(spec.space.size))
    if not ends and not spec.budget.is_finite:
        raise SearchError(
            "budget: give trials, total_epochs or time; the space is infinite and nothing else "
            "would end the sweep"
        )
