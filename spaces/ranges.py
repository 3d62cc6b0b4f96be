"""Float and Int: ranges of numbers, linear or logarithmic, with steps and grid points."""

from __future__ import annotations

import math
import numbers
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lanewise.spaces.domain import Axis, Domain, Parameter, Trial, When
from lanewise.spaces.errors import SpaceError, show

if TYPE_CHECKING:
    from numpy.random import Generator
    from optuna.distributions import BaseDistribution

MAX_GRID = 1_000_000
EXACT = 2**53  # beyond it a float, Optuna's internal form of every number, skips integers


class Range(Domain):
    """What Float and Int share. `size` and `point` describe the lattice, if there is one."""

    low: Any
    high: Any
    log: bool
    step: Any
    grid: Any
    word: str
    no_step: Any  # what `step` holds where the range has none
    margin: float  # what the draw adds on both sides, so that rounding is fair to the ends

    @staticmethod
    @abstractmethod
    def read(value: object, what: str) -> Any:
        """Return a bound, step or point as this range's kind of number."""

    @abstractmethod
    def point(self, index: int) -> Any:
        """Return lattice point `index`, 0 <= index < size (finite ranges only)."""

    @abstractmethod
    def nearest(self, value: float) -> Any:
        """Return the value of this range that is nearest to a number."""

    @abstractmethod
    def fits(self, value: Any) -> bool:
        """Return whether a value belongs to this range."""

    @abstractmethod
    def distribution(self) -> BaseDistribution:
        """Return the Optuna distribution."""

    @abstractmethod
    def ask(self, trial: Trial, name: str) -> Any:
        """Let a trial suggest a value."""

    @property
    def top(self) -> Any:
        """The highest value: `high`, or the last step below it."""
        return self.high if self.size == math.inf else self.point(int(self.size) - 1)

    @property
    def conditional(self) -> bool:
        return False

    def sample(self, rng: Generator) -> Any:
        if self.size != math.inf and not self.log:
            return self.point(int(rng.integers(int(self.size))))
        low, high = self.low - self.margin, self.high + self.margin
        if self.log:
            return self.nearest(math.exp(rng.uniform(math.log(low), math.log(high))))
        return self.nearest(rng.uniform(low, high))

    def check(self, value: object) -> None:
        if not self.fits(value):
            raise SpaceError(f"must be {self.allowed}, got {show(value)}")

    def first(self) -> Any:
        return self.low

    def probes(self) -> Iterator[tuple[str, Any]]:
        yield "", self.low
        if self.size != 1:
            yield "", self.top

    @property
    def grid_size(self) -> int:
        return len(self._points) if self._points is not None else int(self._lattice_size)

    def grid_at(self, index: int) -> Any:
        return self._points[index] if self._points is not None else self.point(index)

    @property
    def _lattice_size(self) -> int | float:
        if self.size == math.inf:
            raise SpaceError(f"a grid over {self.allowed} needs grid points or a step")
        if self.log and self.size > 1:
            raise SpaceError(f"a grid over {self.allowed} on a log scale needs grid points")
        return self.size

    @cached_property
    def _points(self) -> tuple[Any, ...] | None:
        if not isinstance(self.grid, int):
            return self.grid  # type: ignore[no-any-return]
        spread = _spread(self.low, self.top, self.grid, self.log)
        return tuple(dict.fromkeys(self.nearest(point) for point in spread))

    def axes(self, name: str, when: When | None) -> Iterator[Axis]:
        if self.size != 1:
            yield Axis(name, self, when)

    def encode(self, value: Any, name: str) -> Iterator[tuple[str, Parameter, Any]]:
        if self.size != 1:
            yield name, self, type(self.low)(value)

    def suggest(self, trial: Trial, name: str) -> Any:
        return self.low if self.size == 1 else self.ask(trial, name)

    def to_json(self) -> dict[str, Any]:
        form: dict[str, Any] = {self.word: [self.low, self.high]}
        if self.log:
            form["log"] = True
        if self.step != self.no_step:
            form["step"] = self.step
        if self.grid is not None:
            form["grid"] = self.grid if isinstance(self.grid, int) else list(self.grid)
        return form

    def _set(self, **fields: object) -> None:
        for name, value in fields.items():  # __post_init__ of a frozen dataclass
            object.__setattr__(self, name, value)

    def _read_numbers(self) -> None:
        step = self.no_step if self.step is None else self.read(self.step, "step")
        self._set(low=self.read(self.low, "low"), high=self.read(self.high, "high"), step=step)
        self._check_bounds()
        self._check_step()

    def _check_bounds(self) -> None:
        if self.low > self.high:
            raise SpaceError(f"low must be <= high, got low={_n(self.low)}, high={_n(self.high)}")
        if not isinstance(self.log, bool):
            raise SpaceError(f"log must be true or false, got {show(self.log)}")
        if self.log and self.low <= 0:
            raise SpaceError(f"log scale needs low > 0, got low={_n(self.low)}")

    def _check_step(self) -> None:
        if self.step is not None and self.step <= 0:
            raise SpaceError(f"step must be > 0, got {_n(self.step)}")
        if self.log and self.step != self.no_step:
            raise SpaceError(f"log and step exclude each other, got step={_n(self.step)}")

    def _checked_grid(self) -> int | tuple[Any, ...] | None:
        if isinstance(self.grid, list | tuple):
            return self._checked_points(self.grid)
        if self.grid is None:
            return None
        if isinstance(self.grid, bool) or not isinstance(self.grid, numbers.Integral):
            raise SpaceError(f"grid must be a number of points or a list, got {show(self.grid)}")
        count = int(self.grid)
        if not 1 <= count <= MAX_GRID:
            raise SpaceError(f"grid must have 1 to {MAX_GRID} points, got {count}")
        return count

    def _checked_points(self, grid: Sequence[Any]) -> tuple[Any, ...]:
        if not grid:
            raise SpaceError("grid must have at least one point")
        points = tuple(self.read(point, "a grid point") for point in grid)
        for point in points:
            if not self.fits(point):
                raise SpaceError(f"a grid point must be {self.allowed}, got {_n(point)}")
        if len(set(points)) < len(points):
            raise SpaceError(f"grid has a point twice: {show(list(grid))}")
        return points


@dataclass(frozen=True, eq=False)
class Float(Range):
    """Real numbers from low to high, both included.

    Args:
        low, high: finite bounds; low > 0 if `log`.
        log: draw uniformly on a log scale.
        step: only low, low + step, low + 2 step, … up to high; not with `log`.
        grid: for enumeration only: a number of points (evenly spread on the range's scale,
            moved to the nearest step), or the points.

    Raises:
        SpaceError: bad bounds, step or grid.
    """

    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    step: float | None = None
    grid: int | Sequence[float] | None = None

    word = "float"
    no_step = None
    margin = 0.0

    @staticmethod
    def read(value: object, what: str) -> float:
        return number(value, what)

    def __post_init__(self) -> None:
        self._read_numbers()
        if not math.isfinite(self.high - self.low):
            raise SpaceError(f"low and high are too far apart, got [{self.low!r}, {self.high!r}]")
        if self.step is not None:
            self._check_lattice(self.step)
        self._set(grid=self._checked_grid())

    def _check_lattice(self, step: float) -> None:
        """Refuse steps that Optuna cannot follow: it rebuilds the lattice from decimal texts."""
        if step < 1e9 * math.ulp(max(abs(self.low), abs(self.high))):
            raise SpaceError(f"step={_n(step)} is too small for bounds of this size")
        if Decimal(repr(self.top)) != self._exact(int(self.size) - 1):
            raise SpaceError(f"step={_n(step)} is not exact, give low and step with fewer digits")

    @property
    def allowed(self) -> str:
        steps = "" if self.step is None else f" in steps of {_n(self.step)}"
        return f"a number from {_n(self.low)} to {_n(self.top)}{steps}"

    @cached_property
    def size(self) -> int | float:
        if self.low == self.high:
            return 1
        if self.step is None:
            return math.inf
        width = Decimal(repr(self.high)) - Decimal(repr(self.low))
        return int(width // Decimal(repr(self.step))) + 1

    def _exact(self, index: int) -> Decimal:
        return Decimal(repr(self.low)) + index * Decimal(repr(self.step or 0.0))

    def point(self, index: int) -> float:
        # In decimals, so that the third step of 0.1 is 0.3 and not 0.30000000000000004.
        return float(self._exact(index))

    def nearest(self, value: float) -> float:
        if self.size == math.inf:
            return min(max(float(value), self.low), self.high)
        if self.step is None:
            return self.low
        return self.point(min(max(round((value - self.low) / self.step), 0), int(self.size) - 1))

    def fits(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not self.low <= value <= self.top:
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-8  # Optuna's tolerance

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.top, log=self.log, step=self.step)

    def ask(self, trial: Trial, name: str) -> float:
        return self.nearest(
            trial.suggest_float(name, self.low, self.top, step=self.step, log=self.log)
        )


@dataclass(frozen=True, eq=False)
class Int(Range):
    """Integers from low to high, both included.

    Args:
        low, high: bounds of at most 2**53; low > 0 if `log`.
        log: draw on a log scale: uniformly between log(low - 1/2) and log(high + 1/2), rounded.
        step: only low, low + step, low + 2 step, … up to high; not with `log`.
        grid: for enumeration only: a number of points (rounded, each once), or the points.

    Raises:
        SpaceError: bad bounds, step or grid.
    """

    low: int
    high: int
    _: KW_ONLY
    log: bool = False
    step: int | None = None
    grid: int | Sequence[int] | None = None

    word = "int"
    no_step = 1
    margin = 0.5

    @staticmethod
    def read(value: object, what: str) -> int:
        return integer(value, what)

    def __post_init__(self) -> None:
        self._read_numbers()
        self._set(grid=self._checked_grid())

    @property
    def allowed(self) -> str:
        steps = "" if self._stride == 1 else f" in steps of {self._stride}"
        return f"an integer from {self.low} to {self.top}{steps}"

    @property
    def _stride(self) -> int:
        return self.step or 1

    @property
    def size(self) -> int:
        return (self.high - self.low) // self._stride + 1

    def point(self, index: int) -> int:
        return self.low + index * self._stride

    def nearest(self, value: float) -> int:
        return self.point(min(max(round((value - self.low) / self._stride), 0), self.size - 1))

    def fits(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self._stride == 0

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import IntDistribution

        return IntDistribution(self.low, self.top, log=self.log, step=self._stride)

    def ask(self, trial: Trial, name: str) -> int:
        return int(trial.suggest_int(name, self.low, self.top, step=self._stride, log=self.log))


def number(value: object, what: str) -> float:
    """Return a finite number as a float.

    Raises:
        SpaceError: text, a bool, NaN or an infinity.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise SpaceError(f"{what} must be a number, got {show(value)}")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise SpaceError(f"{what} must be a finite number, got {show(value)}")
    return result + 0.0  # no -0.0


def integer(value: object, what: str) -> int:
    """Return a whole number as an int; 16.0 is one, since YAML writes 1e2 as a float.

    Raises:
        SpaceError: text, a bool, a fraction, or beyond 2**53.
    """
    real = number(value, what)
    if not real.is_integer():
        raise SpaceError(f"{what} must be an integer, got {show(value)}")
    if abs(real) > EXACT:
        raise SpaceError(f"{what} must be at most 2**53, got {show(value)}")
    return int(real)


def _spread(low: float, high: float, count: int, log: bool) -> Iterator[float]:
    """Yield `count` points from low to high; powers of ten keep 0.001 exact where logs do not."""
    last = count - 1
    for index in range(count):
        if index in (0, last):
            yield low if index == 0 else high
        elif log:
            start, stop = math.log10(low), math.log10(high)
            yield 10.0 ** (start + (stop - start) * index / last)
        else:
            yield low + (high - low) * index / last


def _n(value: float | None) -> str:
    """Return a number as a person would write it: 0, not 0.0."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return repr(int(value)) if whole and value is not None else repr(value)
