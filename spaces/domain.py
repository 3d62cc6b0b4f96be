"""What every domain can do, and what an Optuna-like trial must offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING, Any, Protocol

from lanewise.spaces.canonical import canonical
from lanewise.spaces.errors import at

if TYPE_CHECKING:  # both cost a large part of a second, and a space needs neither to be read
    from numpy.random import Generator
    from optuna.distributions import BaseDistribution


class Trial(Protocol):
    """The part of `optuna.trial.BaseTrial` that suggests values."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float: ...

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


class Parameter(Protocol):
    """What varies by itself, one parameter of Optuna's: a range, or the labels of a choice."""

    def distribution(self) -> BaseDistribution: ...

    def ask(self, trial: Trial, name: str) -> Any: ...


@dataclass(frozen=True)
class When:
    """What makes a parameter active: a place of its parent's value, and the parent being active.

    The place counts a choice's options, or a list's lengths, from 0.
    """

    parent: str
    first: int
    last: int


@dataclass(frozen=True)
class Axis:
    """A parameter by flat name, and when it is active: always, or under a condition."""

    name: str
    parameter: Parameter
    when: When | None = None


class Domain(ABC):
    """A set of values with a distribution over it. Domains are equal when their JSON forms are."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """The values in words, for errors: "a number from 0 to 1"."""

    @property
    @abstractmethod
    def size(self) -> int | float:
        """The exact number of distinct values, or math.inf."""

    @property
    @abstractmethod
    def grid_size(self) -> int:
        """The number of grid points. Raises SpaceError for a range without points."""

    @property
    @abstractmethod
    def conditional(self) -> bool:
        """Whether some parameter inside is active only sometimes."""

    @abstractmethod
    def to_json(self) -> Any:
        """Return the canonical JSON form."""

    @abstractmethod
    def sample(self, rng: Generator) -> Any:
        """Draw a value."""

    @abstractmethod
    def check(self, value: object) -> None:
        """Raise SpaceError unless `value` is one of the domain's."""

    @abstractmethod
    def first(self) -> Any:
        """Return the lowest or first value."""

    @abstractmethod
    def grid_at(self, index: int) -> Any:
        """Return the grid point at 0 <= index < grid_size."""

    @abstractmethod
    def probes(self) -> Iterator[tuple[str, Any]]:
        """Yield (path below this domain, extreme value)."""

    @abstractmethod
    def axes(self, name: str, when: When | None) -> Iterator[Axis]:
        """Yield every parameter that may occur, parents first; constants have none."""

    @abstractmethod
    def encode(self, value: Any, name: str) -> Iterator[tuple[str, Parameter, Any]]:
        """Yield the Optuna parameters active in `value`, with their values."""

    @abstractmethod
    def suggest(self, trial: Trial, name: str) -> Any:
        """Build a value from a trial's suggestions, asking for what `encode` would yield."""

    def __eq__(self, other: object) -> bool:
        # Not field by field: Python says True == 1 == 1.0.
        return isinstance(other, Domain) and canonical(self.to_json()) == canonical(other.to_json())

    def __hash__(self) -> int:
        return hash(canonical(self.to_json()))


def total(sizes: Iterable[int | float]) -> int | float:
    """Return the sum; plain `sum` raises where an integer beyond 1e308 meets infinity."""
    known = list(sizes)
    return inf if inf in known else sum(known)


def product(sizes: Iterable[int | float]) -> int | float:
    """Return the product of sizes >= 1; see `total`."""
    known = list(sizes)
    return inf if inf in known else prod(known)


def varies(domain: Domain) -> bool:
    """Return whether a domain has any Optuna parameter."""
    return next(domain.axes("", None), None) is not None


def grid_size_at(key: str, domain: Domain) -> int:
    """Return a part's grid size; an error carries the part's key."""
    with at(key):
        return domain.grid_size
