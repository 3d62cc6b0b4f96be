"""The trials as points of the space: what the plots of the search draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lanewise.dashboards.report.figure import LONGEST_LABEL, LONGEST_TICK, shown
from lanewise.search.store.view import View
from lanewise.spaces import Int
from lanewise.spaces.choices import Labels
from lanewise.spaces.domain import Axis
from lanewise.spaces.ranges import Range


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter: a range of numbers, or the options of a choice (by their place).

    Attributes:
        name: the flat name; ``label`` is it as text for Plotly.
        is_conditional: whether it exists in some configurations only.
    """

    axis: Axis

    @property
    def name(self) -> str:
        return self.axis.name

    @property
    def label(self) -> str:
        return shown(self.name)

    @property
    def is_conditional(self) -> bool:
        return self.axis.when is not None

    @property
    def range(self) -> Range | None:
        found = self.axis.parameter
        return found if isinstance(found, Range) else None

    @property
    def is_log(self) -> bool:
        return self.range is not None and self.range.log

    @property
    def is_integer(self) -> bool:
        return isinstance(self.range, Int)

    @property
    def options(self) -> tuple[Any, ...]:
        found = self.axis.parameter
        return found.values if isinstance(found, Labels) else ()

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The options as short texts that differ all the same."""
        texts = [option if isinstance(option, str) else _word(option) for option in self.options]
        labels = [shown(text, LONGEST_LABEL) for text in _distinct_parts(texts)]
        return tuple(
            f"{label} ({place})" if labels.count(label) > 1 else label
            for place, label in enumerate(labels, 1)
        )

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value; of a choice, its places."""
        if self.range is None:
            return 0.0, float(len(self.options) - 1)
        return float(self.range.low), float(self.range.top)

    def place(self, value: Any) -> float:
        """A value as a number: itself, or its place among the options."""
        if self.range is not None:
            return float(value)
        return float(
            next(
                place
                for place, option in enumerate(self.options)
                if type(option) is type(value) and option == value
            )
        )

    def position(self, place: float) -> float:
        """Where in [0, 1] a number of ``place`` lies, on the parameter's own scale."""
        low, high = self.bounds
        if self.is_log:
            low, high, place = math.log(low), math.log(high), math.log(place)
        return (place - low) / (high - low) if high > low else 0.5

    def text(self, place: float) -> str:
        """A number of ``place`` as people read it."""
        return self.labels[int(place)] if self.options else f"{place:.4g}"


def _word(option: Any) -> str:
    words = {None: "null", True: "true", False: "false"}
    return words[option] if option is None or isinstance(option, bool) else str(option)


def _distinct_parts(texts: Sequence[str]) -> list[str]:
    """Long texts without the beginning and the end that they share."""
    if len(texts) < 2 or max(map(len, texts)) <= LONGEST_TICK:
        return list(texts)
    before, after = _shared(texts), _shared([text[::-1] for text in texts])
    after = min(after, min(map(len, texts)) - before)
    return [
        ("…" if before else "") + text[before : len(text) - after] + ("…" if after else "")
        for text in texts
    ]


def _shared(texts: Sequence[str]) -> int:
    """How many characters all begin with, whole words of them; 0 where that saves nothing."""
    first, last = min(texts), max(texts)  # what these share, all in between do
    pairs = enumerate(zip(first, last, strict=False))
    count = next((place for place, (a, b) in pairs if a != b), min(len(first), len(last)))
    while count and first[count - 1].isalnum():
        count -= 1
    return count if count > 3 else 0


@dataclass(frozen=True)
class Point:
    """One trial with a usable value; ``places`` are those of the parameters that it has."""

    number: int
    value: float
    places: dict[str, float]


@dataclass(frozen=True)
class Points:
    """All trials with a usable value, best first, and the parameters that vary in them."""

    parameters: tuple[Parameter, ...]
    ranked: tuple[Point, ...]

    def having(self, parameter: Parameter) -> list[Point]:
        """The points that have the parameter, best first."""
        return [point for point in self.ranked if parameter.name in point.places]


def points_of(view: View) -> Points:
    """Every trial counts with its best value, stopped ones included, as with the sweep's best."""
    space = view.spec.space
    parameters = {axis.name: Parameter(axis) for axis in space.axes}
    ranked = []
    for trial in view.history.ranked():
        assert trial.best is not None
        values = space.values(trial.best_params)
        places = {name: parameters[name].place(value) for name, value in values.items()}
        ranked.append(Point(trial.number, trial.best[1], places))
    found = {name for point in ranked for name in point.places}
    return Points(
        tuple(parameter for name, parameter in parameters.items() if name in found), tuple(ranked)
    )


def thinned(ranked: Sequence[Point], most: int) -> list[Point]:
    """The best half of ``most`` points and an even choice of the others, or all."""
    if len(ranked) <= most:
        return list(ranked)
    half = most // 2
    others = ranked[half:]
    return [*ranked[:half], *(others[i * len(others) // half] for i in range(half))]
