"""Runs as MLflow takes them: values, and names and texts within its limits. Pure; no MLflow."""

from __future__ import annotations

import json
import math
import posixpath
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from lanewise.dashboards.datasets import Dataset
from lanewise.search.core.events import Launched, Metrics
from lanewise.search.core.ranking import Rank
from lanewise.search.core.spec import Spec
from lanewise.search.store.journal import Record
from lanewise.spaces import flatten

LONGEST_TAG = 5000
LONGEST_PARAM = 6000  # MLflow's limit; the artifact config.json has the whole value


class Point(NamedTuple):
    """One value of a metric."""

    key: str
    value: float
    at: int  # milliseconds since 1970
    step: int


@dataclass
class Draft:
    """What of one run is not known to be in MLflow."""

    start: int
    executor: str = ""
    points: list[Point] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # name -> text
    end: int | None = None
    unsent: int | None = None  # the first record that changed it since it was sent

    def touch(self, seq: int) -> None:
        self.unsent = seq if self.unsent is None else self.unsent


@dataclass(frozen=True)
class Run:
    """One run as it should be now; points and files are only what is new.

    Attributes:
        experiment_tags: those of the experiment that come with it.
    """

    number: int | None  # None: the sweep's own
    name: str
    start: int
    end: int | None
    status: str  # of MLflow
    tags: dict[str, str]
    params: dict[str, str]
    points: list[Point]
    files: dict[str, str]
    datasets: tuple[Dataset, ...] = ()
    experiment_tags: dict[str, str] = field(default_factory=dict)


def points_of(record: Record, step: int, metrics: Metrics) -> list[Point]:
    """MLflow would clamp infinities and plot NaN as 0: what is not finite is not sent."""
    at = milliseconds(record.at)
    return [
        Point(key_of(key), float(value), at, step)
        for key, value in metrics.items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]


def params_of(config: dict[str, Any]) -> dict[str, str]:
    """A configuration flattened, one parameter for each value."""
    return {key_of(key): cut(str(value), LONGEST_PARAM) for key, value in flatten(config).items()}


def sweep_params(launch: Launched, spec: Spec) -> dict[str, str]:
    """What the sweep's own run has for parameters: what was asked for."""
    budget = {k: v for k, v in vars(spec.budget).items() if v is not None}
    data = launch.details.get("data") or {}
    shown = {
        "model": launch.details.get("model"),
        "objective": f"{'maximize' if spec.objective.mode == 'max' else 'minimize'} "
        f"{spec.objective.metric}",
        "sampler": {"name": spec.sampler.name, **spec.sampler.options},
        "scheduler": {"name": spec.scheduler.name, **spec.scheduler.options},
        "budget": budget,
        "seed": spec.seed,
        "data": {k: v for k, v in data.items() if v is not None},
    }
    return params_of({key: value for key, value in shown.items() if value not in (None, {})})


def data_tags(launch: Launched) -> dict[str, str]:
    """What is known of the data, as tags."""
    data = launch.details.get("data") or {}
    found = {f"lanewise.data.{key}": str(data[key]) for key in ("source", "hash") if key in data}
    return found | ({"lanewise.reshuffle": "true"} if data.get("reshuffle") else {})


def note_tags(notes: Mapping[str, str]) -> dict[str, str]:
    """What a person should know of a sweep, as tags: topic ``packing`` as ``lanewise.packing``."""
    return {key_of(f"lanewise.{topic}"): cut(text, LONGEST_TAG) for topic, text in notes.items()}


@lru_cache(maxsize=4096)
def key_of(name: str) -> str:
    """The name as MLflow allows it: no odd characters, no path that leads elsewhere."""
    clean = re.sub(r"[^\w.\-/: ]", "_", name)[:250]
    if clean == posixpath.normpath(clean) and not clean.startswith((".", "/")):
        return clean
    return clean.replace("/", "_").lstrip(".") or "_"


def order_key(rank: Rank, number: int) -> str:
    """A text for each trial, which sorts as the sweep's trials do: the best one first.

    MLflow sorts by one column, and equal values of the objective by the time of their start.
    """
    feasible, score, loss, epoch = rank
    late = f"x{_falling(feasible)}" if feasible else ""  # behind all digits
    return f"{late}{_falling(score)}{_falling(loss)}{-epoch:08x}{number:08x}"


def _falling(value: float) -> str:
    """16 hexadecimal digits, which sort as numbers do from the highest to the lowest."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # -0.0 is 0.0
    rising = bits ^ (1 << 63) if bits < 1 << 63 else bits ^ ((1 << 64) - 1)
    return f"{(1 << 64) - 1 - rising:016x}"


def cut(text: str, length: int) -> str:
    """At most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def as_json(value: Any) -> str:
    """The text of a JSON file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def milliseconds(at: float) -> int:
    """MLflow's time, since 1970, from seconds."""
    return int(at * 1000)
