"""Which pack worker a trial goes to: few that are loaded evenly, each with trials of few shapes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LIKENESS = 0.25  # how much fuller a worker may be that trains trials of the same shape
_GROWTH = math.log(1.5)  # widths within this factor of each other share a pack

Shape = tuple[tuple[str, Hashable], ...]


@dataclass
class Seating:
    """The trials of one worker.

    Attributes:
        places: for trials at once.
    """

    places: int = 0
    shapes: dict[int, Shape] = field(default_factory=dict)  # number -> of its configuration

    @property
    def free(self) -> int:
        return max(0, self.places - len(self.shapes))

    def load(self, shape: Shape) -> float:
        """The share of its places that is taken, less a bonus where it knows the shape."""
        counts = Counter(self.shapes.values())
        return len(self.shapes) / self.places - LIKENESS * (shape in counts)


def choose(seatings: Sequence[Seating], shape: Shape) -> int | None:
    """The place in the list of the worker for one more trial; None where all are full."""
    free = [place for place, seating in enumerate(seatings) if seating.free]
    return min(free, key=lambda place: seatings[place].load(shape), default=None)


def shape_of(config: Mapping[str, Any]) -> Shape:
    """A guess at which configurations train in one pack; it costs speed only where it is wrong.

    Scalars and choices may differ within a pack; counts, sizes and words make its shape.
    """
    found = ((name, _shape(value)) for name, value in sorted(config.items()))
    return tuple((name, shape) for name, shape in found if shape is not None)


def _shape(value: Any) -> Hashable:
    match value:
        case bool() | float() | None | Mapping():
            return None
        case list() | tuple():
            return tuple(_bucket(each) for each in value)
        case str():
            return value
        case _:
            return value if isinstance(value, Hashable) else None


def _bucket(value: Any) -> Hashable:
    if isinstance(value, int) and value > 0:
        return round(math.log(value) / _GROWTH)
    return value if isinstance(value, Hashable) else None
