"""A value, named domains side by side, and what a list of varying length does."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from lanewise.spaces.canonical import canonical, fixed, text_of, thawed
from lanewise.spaces.domain import (
    Axis,
    Domain,
    Parameter,
    Trial,
    When,
    grid_size_at,
    product,
    total,
    varies,
)
from lanewise.spaces.errors import SpaceError, at, show, unknown_key
from lanewise.spaces.ranges import Int

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True, eq=False)
class Constant(Domain):
    """One value: a number, a word, true, false, null, or a list of these.

    Raises:
        SpaceError: a mapping, NaN, an infinity, or any other object.
    """

    value: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", fixed(self.value, "a constant"))

    @property
    def allowed(self) -> str:
        return canonical(self.value)

    @property
    def size(self) -> int:
        return 1

    @property
    def grid_size(self) -> int:
        return 1

    @property
    def conditional(self) -> bool:
        return False

    def to_json(self) -> Any:
        return thawed(self.value)

    def sample(self, rng: Generator) -> Any:
        return thawed(self.value)

    def check(self, value: object) -> None:
        if text_of(value) != canonical(self.value):
            raise SpaceError(f"must be {self.allowed}, got {show(value)}")

    def first(self) -> Any:
        return thawed(self.value)

    def grid_at(self, index: int) -> Any:
        return thawed(self.value)

    def probes(self) -> Iterator[tuple[str, Any]]:
        yield "", thawed(self.value)

    def axes(self, name: str, when: When | None) -> Iterator[Axis]:
        yield from ()

    def encode(self, value: Any, name: str) -> Iterator[tuple[str, Parameter, Any]]:
        yield from ()

    def suggest(self, trial: Trial, name: str) -> Any:
        return thawed(self.value)


@dataclass(frozen=True, eq=False)
class Group(Domain):
    """Named domains side by side; its values are dicts. It may be empty."""

    entries: tuple[tuple[str, Domain], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.entries)

    @property
    def allowed(self) -> str:
        return f"a mapping with the keys {', '.join(self.names)}"

    @property
    def size(self) -> int | float:
        return product(domain.size for _, domain in self.entries)

    @property
    def grid_size(self) -> int:
        return int(product(self._radices))

    @cached_property
    def _radices(self) -> tuple[int, ...]:
        return tuple(grid_size_at(name, domain) for name, domain in self.entries)

    @property
    def conditional(self) -> bool:
        return any(domain.conditional for _, domain in self.entries)

    def to_json(self) -> dict[str, Any]:
        return {name: domain.to_json() for name, domain in self.entries}

    def sample(self, rng: Generator) -> dict[str, Any]:
        return {name: domain.sample(rng) for name, domain in self.entries}

    def check(self, value: object) -> None:
        if not isinstance(value, Mapping):
            raise SpaceError(f"must be {self.allowed}, got {show(value)}")
        for key in value:
            if key not in self.names:
                raise unknown_key(key, self.names)
        for name, domain in self.entries:
            with at(name):
                if name not in value:
                    raise SpaceError(f"is missing, must be {domain.allowed}")
                domain.check(value[name])

    def first(self) -> dict[str, Any]:
        return {name: domain.first() for name, domain in self.entries}

    def grid_at(self, index: int) -> dict[str, Any]:
        digits = _digits(index, self._radices)
        return {name: d.grid_at(i) for (name, d), i in zip(self.entries, digits, strict=True)}

    def probes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, domain in self.entries:
            for path, value in domain.probes():
                yield f".{name}{path}", {**self.first(), name: value}

    def axes(self, name: str, when: When | None) -> Iterator[Axis]:
        for key, domain in self.entries:
            yield from domain.axes(_join(name, key), when)

    def encode(self, value: Any, name: str) -> Iterator[tuple[str, Parameter, Any]]:
        for key, domain in self.entries:
            yield from domain.encode(value[key], _join(name, key))

    def suggest(self, trial: Trial, name: str) -> dict[str, Any]:
        return {key: domain.suggest(trial, _join(name, key)) for key, domain in self.entries}


class Repetition(Domain):
    """A list whose elements are drawn independently from one domain, however that is given."""

    element: Domain
    length: Int

    @property
    def _lengths(self) -> range:
        return range(self.length.low, self.length.high + 1)

    @property
    def allowed(self) -> str:
        low, high = self.length.low, self.length.high
        return f"a list of {low} values" if low == high else f"a list of {low} to {high} values"

    @property
    def size(self) -> int | float:
        return total(product([self.element.size] * length) for length in self._lengths)

    @property
    def grid_size(self) -> int:
        return self._ends[-1]

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        base = grid_size_at("of", self.element) if self.length.high else 1
        return tuple(accumulate(base**length for length in self._lengths))

    @property
    def conditional(self) -> bool:
        sometimes = self.length.size > 1 and varies(self.element)
        return self.length.high > 0 and (sometimes or self.element.conditional)

    def to_json(self) -> dict[str, Any]:
        low, high = self.length.low, self.length.high
        times = low if low == high else [low, high]
        return {"repeat": {"times": times, "of": self.element.to_json()}}

    def sample(self, rng: Generator) -> list[Any]:
        return [self.element.sample(rng) for _ in range(self.length.sample(rng))]

    def check(self, value: object) -> None:
        if not isinstance(value, list | tuple) or len(value) not in self._lengths:
            raise SpaceError(f"must be {self.allowed}, got {show(value)}")
        for i, item in enumerate(value):
            with at(str(i)):
                self.element.check(item)

    def first(self) -> list[Any]:
        return self._of_firsts(self.length.low)

    def _of_firsts(self, length: int) -> list[Any]:
        return [self.element.first() for _ in range(length)]

    def grid_at(self, index: int) -> list[Any]:
        chosen = bisect_right(self._ends, index)
        start = self._ends[chosen - 1] if chosen else 0
        if not (length := self._lengths[chosen]):
            return []
        digits = _digits(index - start, [self.element.grid_size] * length)
        return [self.element.grid_at(digit) for digit in digits]

    def probes(self) -> Iterator[tuple[str, list[Any]]]:
        for _, length in self.length.probes():
            yield "", self._of_firsts(length)
        if self.length.high:
            others = max(self.length.low, 1) - 1
            for path, value in self.element.probes():
                yield f".0{path}", [value, *self._of_firsts(others)]

    def axes(self, name: str, when: When | None) -> Iterator[Axis]:
        yield from self.length.axes(f"{name}.times", when)
        longest = self.length.size - 1
        for i in range(self.length.high):
            shortest = i + 1 - self.length.low
            sometimes = When(f"{name}.times", shortest, longest) if shortest > 0 else when
            yield from self.element.axes(f"{name}.{i}", sometimes)

    def encode(self, value: Any, name: str) -> Iterator[tuple[str, Parameter, Any]]:
        yield from self.length.encode(len(value), f"{name}.times")
        for i, item in enumerate(value):
            yield from self.element.encode(item, f"{name}.{i}")

    def suggest(self, trial: Trial, name: str) -> list[Any]:
        length = self.length.suggest(trial, f"{name}.times")
        return [self.element.suggest(trial, f"{name}.{i}") for i in range(length)]


def _digits(index: int, radices: Sequence[int]) -> list[int]:
    """Return an index in mixed radix, the last digit varying fastest."""
    digits = []
    for radix in reversed(radices):
        index, digit = divmod(index, radix)
        digits.append(digit)
    return digits[::-1]


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
