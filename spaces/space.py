"""Space: the named parameters of a sweep, and everything that can be asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lanewise.spaces import form
from lanewise.spaces.canonical import fingerprint
from lanewise.spaces.domain import Axis, Trial
from lanewise.spaces.errors import ROOT, SpaceError, show
from lanewise.spaces.flat import Scalar
from lanewise.spaces.unflatten import unflatten

if TYPE_CHECKING:
    from numpy.random import Generator
    from optuna.distributions import BaseDistribution

    from lanewise.spaces.compounds import Group

Config = dict[str, Any]


class Space:
    """What may vary in a sweep. It never changes after it is made.

    A configuration is a dict of plain JSON types, such as
    `{"optimizer": {"name": "sgd", "momentum": 0.9}, "hidden": [32, 64], "lr": 0.001}`.

    Args:
        domains: name -> a domain, its JSON form (see `lanewise.spaces.form`), or a bare value.

    Raises:
        SpaceError: an empty space, a bad name or a bad domain.
    """

    def __init__(self, domains: Mapping[str, object]) -> None:
        if not isinstance(domains, Mapping):
            raise SpaceError(f"must be a mapping of names to domains, got {show(domains)}")
        if not domains:
            raise SpaceError("is empty, give at least one parameter")
        try:
            self._root: Group = form.group(domains)
        except RecursionError:
            raise SpaceError("is nested too deeply") from None

    @classmethod
    def from_json(cls, form: Mapping[str, object]) -> Space:
        """Return the space of a JSON form, as `to_json` gives it. Raises SpaceError."""
        return cls(form)

    def to_json(self) -> Config:
        """Return the canonical JSON form, its keys in the order given."""
        return self._root.to_json()

    @property
    def names(self) -> tuple[str, ...]:
        """The top-level keys, in the order given."""
        return self._root.names

    @property
    def is_conditional(self) -> bool:
        """Whether some parameter is active in some configurations only."""
        return self._root.conditional

    @property
    def fingerprint(self) -> str:
        """The SHA-256 (hex) of the canonical JSON form; key order is irrelevant."""
        return fingerprint(self.to_json())

    @cached_property
    def size(self) -> int | float:
        """The exact number of distinct configurations, or math.inf."""
        return self._root.size

    @property
    def grid_size(self) -> int:
        """The number of grid points; raises SpaceError for a range without points."""
        return self._root.grid_size

    def grid_at(self, index: int) -> Config:
        """Return one grid point without making the others; the last key varies fastest.

        Raises:
            SpaceError: a range without points.
            IndexError: not 0 <= index < grid_size.
        """
        if not 0 <= index < self.grid_size:
            raise IndexError(f"grid point {index} of {self.grid_size}")
        return self._root.grid_at(index)

    def sample(self, rng: Generator) -> Config:
        """Draw a configuration. The same generator state gives the same one."""
        return self._root.sample(rng)

    def validate(self, config: object) -> None:
        """Check a configuration. A grid does not restrict what is valid.

        Raises:
            SpaceError: the path, what is allowed there, and what was found.
        """
        self._root.check(config)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """All parameters that may occur, by flat name, parents first.

        A branch is part of the name ("optimizer.sgd.momentum"), so that the same key in two
        branches is two parameters. What has a single value is no parameter.
        """
        return tuple(self._root.axes("", None))

    def values(self, config: Config) -> dict[str, Any]:
        """Return the values of the parameters active in a valid configuration, by flat name.

        A choice's value is the label of its option.
        """
        return {name: value for name, _, value in self._root.encode(config, "")}

    def config(self, values: Mapping[str, Any]) -> Config:
        """Return the configuration with these values, the inverse of `values`.

        Values of inactive parameters are ignored.
        """
        return self._root.suggest(_Given(values), "")

    def unflatten(self, flat: Mapping[str, Scalar]) -> Config:
        """Return the configuration of this space with these flat names, as ``flatten`` gives them.

        Its scalars may be the texts of a table. Names that are not of this space are ignored, and
        constants may be missing.

        Raises:
            SpaceError: a parameter is missing, or has a value that is not of this space.
        """
        config: Config = unflatten(self._root, "", flat)
        return config

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return Optuna's distributions of all `axes`, by flat name."""
        return {axis.name: axis.parameter.distribution() for axis in self.axes}

    def suggest(self, trial: Trial) -> Config:
        """Build a configuration from an Optuna trial, with the names of `distributions`."""
        return self._root.suggest(trial, "")

    def encode(self, config: Config) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return params and distributions for `optuna.trial.create_trial`: the active ones only.

        Raises:
            SpaceError: the configuration is not one of this space.
        """
        self.validate(config)
        active = list(self._root.encode(config, ""))
        params = {name: value for name, _, value in active}
        return params, {name: parameter.distribution() for name, parameter, _ in active}

    def probes(self) -> Iterator[tuple[str, Config]]:
        """Yield (path under test, configuration): each domain's extremes and every option.

        All else is at its first or lowest value, so a model that refuses such a value refuses
        every probe; the first probe that it refuses is not proof that the path is at fault.
        """
        for path, config in self._root.probes():
            yield f"{ROOT}{path}", config

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self._root == other._root

    def __hash__(self) -> int:
        return hash(self._root)

    def __repr__(self) -> str:
        return f"Space({self.to_json()!r})"


class _Given:
    """A trial whose suggestions are given by name."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return self.values[name]  # type: ignore[no-any-return]

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        return self.values[name]  # type: ignore[no-any-return]

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.values[name]
