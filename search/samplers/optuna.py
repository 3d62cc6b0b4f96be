"""Optuna's samplers, by ask and tell on a study that mirrors the history.

For every trial a fresh sampler is made and seeded for that trial alone: a suggestion depends on
(history, number, seed). Running trials repel new ones where the sampler knows how (TPE, GP).
Those that model a fixed set of parameters (GP, CMA-ES, NSGA-II, QMC) see the ones that are active
in all trials so far; Optuna draws the others, those of conditional spaces, independently.
"""

from __future__ import annotations

import inspect
import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from lanewise.search.core.events import Params
from lanewise.search.core.history import History
from lanewise.search.core.seeds import derive
from lanewise.search.errors import SearchError
from lanewise.search.plugins import check_names
from lanewise.search.samplers.random import draw
from lanewise.spaces import Space
from lanewise.spaces.errors import fold, nearest

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from lanewise.search.samplers.optuna_study import MirroredStudy

# name in a sweep file -> class of optuna.samplers
NAMES = {
    "tpe": "TPESampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
    "nsgaii": "NSGAIISampler",
    "nsgaiii": "NSGAIIISampler",
    "qmc": "QMCSampler",
    "random": "RandomSampler",
    "bruteforce": "BruteForceSampler",
    "partialfixed": "PartialFixedSampler",
}
_ALIASES = {"nsga2": "nsgaii", "nsga3": "nsgaiii"}
_STARTUP = {"tpe": 10, "gp": 10, "cmaes": 1}  # what Optuna's n_startup_trials is by default
_NOT_ADAPTIVE = ("qmc", "random", "bruteforce")
_RENAMED = {"startup": "n_startup_trials", "candidates": "n_ei_candidates"}  # as ours are called


class OptunaSampler:
    """One of Optuna's samplers.

    Args:
        sampler: its name, as ``NAMES`` has it (in any case, with or without underscores), or its
            class.
        options: of its constructor. A sampler among them is a name, or a mapping of a name to
            options of its own; ``startup`` stands for ``n_startup_trials``.

    Raises:
        SearchError: for another name, option or option value.
    """

    is_finite = False

    def __init__(
        self,
        space: Space,
        seed: int,
        sampler: str | type[BaseSampler],
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.space = space
        self.seed = seed
        self.sampler = canonical_name(sampler) if isinstance(sampler, str) else sampler
        self.options = dict(options or {})
        if self.sampler == "bruteforce" and space.size == math.inf:
            raise SearchError("it tries everything, and the space is infinite")
        self.is_adaptive = self.sampler not in _NOT_ADAPTIVE
        self.takes_one_objective = self.sampler == "cmaes"
        startup = _STARTUP.get(self.sampler, 0) if isinstance(self.sampler, str) else 0
        self.startup: int = _renamed(self.options).get("n_startup_trials", startup)
        # A memo: the mirror of a history can always be built again from that history.
        self._mirrors: WeakKeyDictionary[History, MirroredStudy] = WeakKeyDictionary()

    def check(self) -> None:
        """Raises SearchError where Optuna refuses the options."""
        self._make(0)

    def ask(self, history: History, numbers: Sequence[int]) -> list[Params]:
        startup = self.startup - len(history.prior)
        if numbers[-1] < startup or not self.space.axes:
            return [draw(self.space, self.seed, number) for number in numbers]
        mirror = self._mirror(history)
        mirror.follow(history)
        proposals: list[Params] = []
        try:
            for number in numbers:
                if mirror.has_stopped:
                    break
                if number < startup:  # these are what `random` draws for the same seed
                    proposals.append(draw(self.space, self.seed, number))
                    mirror.assume(proposals[-1])
                else:
                    proposals.append(mirror.ask())
        except (ValueError, ImportError) as error:
            raise SearchError(f"sampler: {self._title}: {_line(error)}") from error
        return proposals

    def _mirror(self, history: History) -> MirroredStudy:
        if history not in self._mirrors:
            from lanewise.search.samplers.optuna_study import MirroredStudy

            self._mirrors[history] = MirroredStudy(self.space, history, self._make)
        return self._mirrors[history]

    @property
    def _title(self) -> str:
        return f"Optuna's {NAMES.get(str(self.sampler), getattr(self.sampler, '__name__', ''))}"

    def _make(self, number: int) -> BaseSampler:
        return _construct(self.sampler, self.options, self.space, self.seed, number)


def named(name: str) -> Callable[..., OptunaSampler]:
    """What makes the sampler that is called ``optuna:NAME`` in a sweep file."""
    sampler = canonical_name(name)

    def make(space: Space, seed: int, **options: Any) -> OptunaSampler:
        made = OptunaSampler(space, seed, sampler, options)
        if options or sampler not in _STARTUP:  # else Optuna is needed only after random draws
            made.check()
        return made

    return make


def adapted(factory: Any) -> Any:
    """A sampler class of Optuna's kind (Optuna's, OptunaHub's, anyone's) as one of ours."""
    if not is_optunas(factory):
        return factory

    def make(space: Space, seed: int, **options: Any) -> OptunaSampler:
        made = OptunaSampler(space, seed, factory, options)
        made.check()
        return made

    return make


def canonical_name(name: str) -> str:
    """The name in ``NAMES`` that is meant; SearchError where none is."""
    folded = fold(name).removesuffix("sampler")
    folded = _ALIASES.get(folded, folded)
    if folded == "grid":
        raise SearchError("a grid is our own sampler: 'grid'")
    if folded not in NAMES:
        hint = nearest(folded, NAMES)
        raise SearchError(f"Optuna has no sampler '{name}'{hint} (allowed: {', '.join(NAMES)})")
    return folded


def is_optunas(factory: object) -> bool:
    """Whether it is a sampler class of Optuna's kind: one that exists has imported Optuna."""
    module = sys.modules.get("optuna.samplers")
    return (
        module is not None and isinstance(factory, type) and issubclass(factory, module.BaseSampler)
    )


def _construct(
    sampler: str | type[BaseSampler],
    options: Mapping[str, Any],
    space: Space,
    seed: int,
    number: int,
) -> BaseSampler:
    """A fresh sampler for one trial."""
    import optuna

    cls = getattr(optuna.samplers, NAMES[sampler]) if isinstance(sampler, str) else sampler
    options = _renamed(options)
    signature = inspect.signature(cls)
    parameters = dict(signature.parameters)
    # What was tried before the sweep has numbers below 0.
    own = derive(seed, number) if number >= 0 else derive(seed, 0, -number)
    defaults: dict[str, Any] = {"seed": own, "warn_independent_sampling": False}
    if sampler == "tpe":
        defaults["group"] = space.is_conditional
    if sampler == "qmc":  # one sequence for the sweep, of which a trial is one point
        random = optuna.samplers.RandomSampler(seed=own)
        defaults |= {"seed": derive(seed), "scramble": True, "independent_sampler": random}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        check_names(options, {key: p for key, p in parameters.items() if _is_option(p)})
    chosen = {key: value for key, value in defaults.items() if key in parameters}
    for key, value in options.items():
        types = str(parameters[key].annotation).split(" | ") if key in parameters else []
        if "BaseSampler" in types and isinstance(value, str | Mapping):
            chosen[key] = _nested(value, space, seed, number)
        elif types and all(name in _TYPES for name in types):
            _check_type(key, value, types)
            chosen[key] = value
        else:
            chosen[key] = value
    try:
        signature.bind(**chosen)
    except TypeError as error:
        raise SearchError(str(error)) from None
    with warnings.catch_warnings():
        # Which of Optuna's options are experimental or going away is told in its documentation.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return cls(**chosen)
        except (TypeError, ValueError) as error:
            raise SearchError(_line(error)) from error


_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}


def _renamed(options: Mapping[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(key, key): value for key, value in options.items()}


def _is_option(parameter: inspect.Parameter) -> bool:
    """Whether a sweep file can give it: no function, no trials of another study."""
    words = str(parameter.annotation)
    return parameter.name != "seed" and "Callable" not in words and "FrozenTrial" not in words


def _check_type(key: str, value: object, names: Sequence[str]) -> None:
    is_flag = isinstance(value, bool)
    if not any(isinstance(value, _TYPES[n]) and is_flag == (n == "bool") for n in names):
        shown = {new: old for old, new in _RENAMED.items()}.get(key, key)
        raise SearchError(f"{shown} must be {' or '.join(names)}, got {value!r}")


def _nested(value: str | Mapping[str, Any], space: Space, seed: int, number: int) -> BaseSampler:
    """A sampler that is an option of another one: a name, or a name with its options."""
    ((name, options),) = {value: {}}.items() if isinstance(value, str) else value.items()
    return _construct(canonical_name(name), options or {}, space, seed, number)


def _line(error: Exception) -> str:
    """What Optuna says, in one line."""
    return " ".join(str(error).split())
