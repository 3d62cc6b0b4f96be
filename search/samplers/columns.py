"""Configurations as rows of numbers, for samplers that model a space.

There is one column for each axis of the space. A *ruled* axis (a choice, or a range of few values)
holds the place of its value, a *smooth* one (any other range) its position in [0, 1] on the
range's own scale; NaN stands where the axis is inactive.
"""

# ruff: noqa: N803 (shapes in names)

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lanewise.spaces import Space
from lanewise.spaces.choices import Labels
from lanewise.spaces.domain import Axis, When
from lanewise.spaces.ranges import Range

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEW = 32  # a range of at most so many values is ruled


class Column:
    """One axis of a space as a column of numbers."""

    def __init__(self, axis: Axis) -> None:
        self.axis = axis
        self.is_choice = isinstance(axis.parameter, Labels)
        self.size: int | float = len(self._labels) if self.is_choice else self.range.size
        self.is_ruled = self.is_choice or self.size <= FEW

    @property
    def _labels(self) -> Sequence[Any]:
        assert isinstance(self.axis.parameter, Labels)
        return self.axis.parameter.values

    @property
    def range(self) -> Range:
        assert isinstance(self.axis.parameter, Range)
        return self.axis.parameter

    def number(self, value: Any) -> float:
        """What stands in the column for a value."""
        if self.is_choice:
            return self._labels.index(value)
        if self.is_ruled:
            return float(round((value - self.range.low) / self.step))
        low, width = self.extent
        return min(max((self._scaled(value) - low) / width, 0.0), 1.0)

    def value(self, number: float) -> Any:
        """The value for which a number stands."""
        if self.is_choice:
            return self._labels[int(number)]
        if self.is_ruled:
            return self.range.point(int(number))
        low, width = self.extent
        scaled = low + number * width
        return self.range.nearest(math.exp(scaled) if self.range.log else scaled)

    def quantile(self, share: float) -> float:
        """The number below which a random draw falls with that probability, 0 <= share < 1."""
        if not self.is_ruled:
            return share
        return float(min(np.searchsorted(self.prior.cumsum(), share, "right"), self.size - 1))

    def place(self, number: float) -> int:
        """The place of the value among all values, from 0; for finite axes only."""
        if self.is_ruled:
            return int(number)
        place: int = round((self.value(number) - self.range.low) / self.step)
        return place

    def settled(self, x_P: Floats) -> Floats:
        """Positions moved to the nearest value of a smooth lattice."""
        low, width = self.extent
        scaled = low + x_P * width
        value = np.exp(scaled) if self.range.log else scaled
        place = np.clip(np.round((value - self.range.low) / self.step), 0, self.size - 1)
        value = self.range.low + place * self.step
        moved: Floats = ((np.log(value) if self.range.log else value) - low) / width
        return moved

    @cached_property
    def step(self) -> float:
        """From one value of a lattice to the next."""
        return float(self.range.point(1) - self.range.low)

    @cached_property
    def extent(self) -> tuple[float, float]:
        """Lower end and width on the range's scale; what rounds to an outer value belongs to it."""
        half = 0.0 if self.size == math.inf else self.step / 2
        low = self._scaled(self.range.low - half)
        return low, self._scaled(self.range.top + half) - low or 1.0  # logs of neighbours are equal

    @cached_property
    def prior(self) -> Floats:
        """Of a ruled axis: the probability with which a random draw has each value."""
        if self.is_choice:
            return np.full(int(self.size), 1 / self.size)
        bounds = self.range.low + (np.arange(int(self.size) + 1) - 0.5) * self.step
        widths = np.diff(np.log(bounds) if self.range.log else bounds)
        shares: Floats = widths / widths.sum()
        return shares

    @cached_property
    def centres(self) -> Floats:
        """Of a ruled range: the position of each value in [0, 1]."""
        low, width = self.extent
        values = [self._scaled(self.range.point(place)) for place in range(int(self.size))]
        return (np.array(values) - low) / width

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.range.log else float(value)


class Group:
    """The axes that become active together; ``first`` names the group."""

    def __init__(self, when: When | None, places: list[int], columns: Sequence[Column]) -> None:
        self.when = when
        self.first = places[0]
        self.places = np.array(places)
        mine = list(enumerate(columns[place] for place in places))
        self.ruled = [(place, column) for place, column in mine if column.is_ruled]
        self.ruled_values = sum(int(column.size) for _, column in self.ruled)
        self.smooth = np.array([place for place, c in mine if not c.is_ruled], dtype=np.int64)
        self.lattice = [(place, c) for place, c in mine if not c.is_ruled and c.size != math.inf]


class Columns:
    """A space as columns of numbers."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.all = [Column(axis) for axis in space.axes]
        self._places = {column.axis.name: d for d, column in enumerate(self.all)}
        self.groups = self._grouped()

    def __len__(self) -> int:
        return len(self.all)

    def _grouped(self) -> list[Group]:
        members: dict[When | None, list[int]] = {}
        for d, column in enumerate(self.all):
            members.setdefault(column.axis.when, []).append(d)
        return [Group(when, places, self.all) for when, places in members.items()]

    def row(self, config: Mapping[str, Any]) -> Floats:
        """A configuration of the space as a row."""
        row = np.full(len(self.all), np.nan)
        for name, value in self.space.values(dict(config)).items():
            d = self._places[name]
            row[d] = self.all[d].number(value)
        return row

    def config(self, row: Floats) -> dict[str, Any]:
        """The configuration for which a row stands."""
        values = {
            column.axis.name: column.value(number)
            for column, number in zip(self.all, row.tolist(), strict=True)
            if not math.isnan(number)
        }
        return self.space.config(values)

    def is_active(self, group: Group, row: Floats) -> bool:
        """Whether a row in which the groups before it are filled in has this group, too."""
        if group.when is None:
            return True
        d = self._places[group.when.parent]
        number = float(row[d])
        if math.isnan(number):
            return False
        return group.when.first <= self.all[d].place(number) <= group.when.last
