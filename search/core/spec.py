"""What a sweep is asked to do, as frozen values with a JSON form for the journal's first record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from lanewise.search.core.events import Metrics, Params
from lanewise.spaces import Space

Mode = Literal["max", "min"]
Ties = Literal["loss", "age"]

# How often an attempt may fail with each kind of failure before the trial has failed for good.
RETRIES: Mapping[str, int] = MappingProxyType(
    {
        "bug": 0,
        "bad_value": 0,
        "out_of_memory": 1,
        "timeout": 0,
        "hang": 1,
        "node_lost": 3,
        "preempted": 100,
        "storage": 1,
    }
)
_NUMBER = (int, float)
_LATER = ("timeout", "hang", "preempted")  # kinds that journals of the first release do not name


@dataclass(frozen=True)
class Objective:
    """The metric to be optimised, such as ``val_accuracy``, and its direction.

    ties: what decides among equal values: "loss", as ``core.ranking`` says; or "age", the first
        one is the best, in sweeps from before the journal's format 3.
    """

    metric: str
    mode: Mode
    ties: Ties = "loss"

    def score(self, value: float) -> float:
        """The value with its sign turned so that more is better."""
        return value if self.mode == "max" else -value


@dataclass(frozen=True)
class Constraint:
    """What a configuration must keep to: a metric of at most, or at least, some value."""

    metric: str
    most: float | None = None
    least: float | None = None

    def violation(self, metrics: Metrics) -> float:
        """By how much an epoch's metrics miss it; 0 where it is kept, inf without the metric."""
        value = metrics.get(self.metric)
        if value is None or not is_usable(value):
            return math.inf
        over = 0.0 if self.most is None else value - self.most
        under = 0.0 if self.least is None else self.least - value
        return max(0.0, over, under)


@dataclass(frozen=True)
class Budget:
    """What ends a sweep. ``epochs`` is the maximum per trial.

    Attributes:
        total_epochs: over all trials.
        time: seconds running.
        target: a value of the objective that is good enough.
        stall: so many trials have ended since the best value was last improved.
        noise: further trials would improve the best value by less than the spread of a trial's
            replicas (``core.noise``).
    """

    epochs: int
    trials: int | None = None
    total_epochs: int | None = None
    time: float | None = None
    target: float | None = None
    stall: int | None = None
    noise: bool = False

    @property
    def given(self) -> dict[str, int | float]:
        """Those that a sweep has, by name."""
        return {k: v for k, v in vars(self).items() if v is not None and v is not False}

    @property
    def is_finite(self) -> bool:
        """Whether it ends for certain, whatever the values are."""
        return any(limit is not None for limit in (self.trials, self.total_epochs, self.time))


@dataclass(frozen=True)
class Plugin:
    """A sampler or scheduler by registered or dotted name, with its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PriorResult:
    """A configuration that was tried before this sweep, mapped onto its space.

    Attributes:
        metrics: of its best epoch, those of this sweep's objectives among them.
        epoch: up to which it was trained, where a scheduler ended it early; None where it finished.
    """

    params: Params
    metrics: Metrics
    epoch: int | None = None


@dataclass(frozen=True)
class Spec:
    """All that the core needs to know; equal specs and equal events give equal decisions."""

    space: Space
    objectives: tuple[Objective, ...]
    budget: Budget
    sampler: Plugin = Plugin("tpe")
    scheduler: Plugin = Plugin("none")
    seed: int = 0
    retries: Mapping[str, int] = field(default_factory=lambda: dict(RETRIES))
    start: tuple[Params, ...] = ()  # configurations to try before the sampler is asked
    constraints: tuple[Constraint, ...] = ()
    repeats: bool = False  # whether a configuration may be tried more than once
    prior: tuple[PriorResult, ...] = ()  # what samplers know beforehand; no trials of this sweep

    @property
    def objective(self) -> Objective:
        """The first one, by which trials are compared at rungs."""
        return self.objectives[0]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``Spec.from_json`` is the inverse."""
        return {
            "space": self.space.to_json(),
            "objectives": [dict(vars(objective)) for objective in self.objectives],
            "budget": self.budget.given,
            "sampler": {"name": self.sampler.name, "options": dict(self.sampler.options)},
            "scheduler": {"name": self.scheduler.name, "options": dict(self.scheduler.options)},
            "seed": self.seed,
            "retries": dict(self.retries),
            "start": list(self.start),
            "constraints": [dict(vars(constraint)) for constraint in self.constraints],
            "repeats": self.repeats,
            "prior": [dict(vars(result)) for result in self.prior],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Spec:
        # Up to format 3 there was one objective, and up to format 2 no word on ties.
        objectives = body["objectives"] if "objectives" in body else [body["objective"]]
        return cls(
            space=Space.from_json(body["space"]),
            objectives=tuple(Objective(**{"ties": "age", **each}) for each in objectives),
            budget=Budget(**body["budget"]),
            sampler=Plugin(**body["sampler"]),
            scheduler=Plugin(**body["scheduler"]),
            seed=body["seed"],
            retries={**{kind: RETRIES[kind] for kind in _LATER}, **body["retries"]},
            start=tuple(body["start"]),
            constraints=tuple(Constraint(**each) for each in body.get("constraints", ())),
            repeats=body.get("repeats", False),
            prior=tuple(PriorResult(**each) for each in body.get("prior", ())),
        )


def is_usable(value: object) -> bool:
    """Whether a reported value may be compared: a finite number (NaN and infinities are not)."""
    return isinstance(value, _NUMBER) and not isinstance(value, bool) and math.isfinite(value)
