"""What a sweep is asked to do, as frozen values with a JSON form for the journal's first record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from lanewise.search.core.events import Params
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
class Budget:
    """Limits of a sweep. ``epochs`` is the maximum per trial; ``time`` is in seconds running."""

    epochs: int
    trials: int | None = None
    total_epochs: int | None = None
    time: float | None = None

    @property
    def is_finite(self) -> bool:
        return not (self.trials is None and self.total_epochs is None and self.time is None)


@dataclass(frozen=True)
class Plugin:
    """A sampler or scheduler by registered or dotted name, with its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spec:
    """All that the core needs to know; equal specs and equal events give equal decisions."""

    space: Space
    objective: Objective
    budget: Budget
    sampler: Plugin = Plugin("tpe")
    scheduler: Plugin = Plugin("none")
    seed: int = 0
    retries: Mapping[str, int] = field(default_factory=lambda: dict(RETRIES))
    start: tuple[Params, ...] = ()  # configurations to try before the sampler is asked

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``Spec.from_json`` is the inverse."""
        budget = {k: v for k, v in vars(self.budget).items() if v is not None}
        return {
            "space": self.space.to_json(),
            "objective": dict(vars(self.objective)),
            "budget": budget,
            "sampler": {"name": self.sampler.name, "options": dict(self.sampler.options)},
            "scheduler": {"name": self.scheduler.name, "options": dict(self.scheduler.options)},
            "seed": self.seed,
            "retries": dict(self.retries),
            "start": list(self.start),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Spec:
        return cls(
            space=Space.from_json(body["space"]),
            objective=Objective(**{"ties": "age", **body["objective"]}),
            budget=Budget(**body["budget"]),
            sampler=Plugin(**body["sampler"]),
            scheduler=Plugin(**body["scheduler"]),
            seed=body["seed"],
            retries={**{kind: RETRIES[kind] for kind in _LATER}, **body["retries"]},
            start=tuple(body["start"]),
        )


def is_usable(value: object) -> bool:
    """Whether a reported value may be compared: a finite number (NaN and infinities are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
