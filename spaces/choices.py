"""What a choice does: one of several options, which may have sub-spaces of their own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from lanewise.spaces.canonical import NAME, canonical, text_of, thawed
from lanewise.spaces.compounds import Group
from lanewise.spaces.domain import Axis, Domain, Parameter, Trial, When, grid_size_at, total, varies
from lanewise.spaces.errors import SpaceError, at, show

if TYPE_CHECKING:
    from numpy.random import Generator
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True)
class Labels:
    """The labels by which Optuna knows the options of a choice."""

    values: tuple[Any, ...]

    @staticmethod
    def of(values: Sequence[Any]) -> Labels:
        """Label options by themselves where Optuna can tell them apart, else by their text."""
        texts = [value if isinstance(value, str) else canonical(value) for value in values]
        if not any(isinstance(value, tuple) for value in values) and _distinct(values):
            return Labels(tuple(values))
        return Labels(tuple(texts if _distinct(texts) else map(canonical, values)))

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)

    def ask(self, trial: Trial, name: str) -> Any:
        return trial.suggest_categorical(name, self.values)


@dataclass(frozen=True)
class Branch:
    """One option of a choice: its value or name, and its sub-space."""

    value: Any
    group: Group = field(default_factory=Group)
    named: bool = False


class Alternatives(Domain):
    """One of several branches, each as likely as the others: a choice, however it is given.

    If any branch has a name, the values are mappings with it: `{"name": "sgd", "momentum": 0.5}`.
    """

    branches: tuple[Branch, ...]

    def check_branches(self) -> None:
        """Raise SpaceError for one that is there twice, or cannot be told from the others."""
        if len(self._index) < len(self.branches):
            texts = [canonical(branch.value) for branch in self.branches]
            twice = next(text for text in texts if texts.count(text) > 1)
            raise SpaceError(f"choice has the option {twice} twice")
        for branch in self.branches:
            if self.named and isinstance(branch.value, tuple):
                raise SpaceError(
                    f"the list {canonical(branch.value)} cannot stand beside options with a "
                    "sub-space, which are chosen by name"
                )

    @cached_property
    def named(self) -> bool:
        """Whether the values are mappings with a name."""
        return any(branch.named for branch in self.branches)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {canonical(branch.value): i for i, branch in enumerate(self.branches)}

    @cached_property
    def labels(self) -> Labels:
        """Optuna's labels, in the order of the options."""
        return Labels.of([branch.value for branch in self.branches])

    @property
    def allowed(self) -> str:
        texts = (b.value if isinstance(b.value, str) else canonical(b.value) for b in self.branches)
        one = f"one of {', '.join(texts)}"
        return f"a mapping whose {NAME} is {one}" if self.named else one

    @property
    def size(self) -> int | float:
        return total(branch.group.size for branch in self.branches)

    @property
    def grid_size(self) -> int:
        return self._ends[-1]

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        sizes = (grid_size_at(str(branch.value), branch.group) for branch in self.branches)
        return tuple(accumulate(sizes))

    @property
    def conditional(self) -> bool:
        groups = [branch.group for branch in self.branches]
        sometimes = len(groups) > 1 and any(varies(group) for group in groups)
        return sometimes or any(group.conditional for group in groups)

    def sample(self, rng: Generator) -> Any:
        branch = self.branches[int(rng.integers(len(self.branches)))]
        return self.made(branch, branch.group.sample(rng))

    def check(self, value: object) -> None:
        index = self._index.get(text_of(self._name(value)))
        if index is None:
            raise SpaceError(f"must be {self.allowed}, got {show(value)}")
        branch = self.branches[index]
        with at(str(branch.value)):
            branch.group.check(self._rest(value))

    def first(self) -> Any:
        return self.made(self.branches[0], self.branches[0].group.first())

    def grid_at(self, index: int) -> Any:
        chosen = bisect_right(self._ends, index)
        branch = self.branches[chosen]
        start = self._ends[chosen - 1] if chosen else 0
        return self.made(branch, branch.group.grid_at(index - start))

    def probes(self) -> Iterator[tuple[str, Any]]:
        for branch in self.branches:
            yield "", self.made(branch, branch.group.first())
            for path, sub in branch.group.probes():
                yield f".{branch.value}{path}", self.made(branch, sub)

    def axes(self, name: str, when: When | None) -> Iterator[Axis]:
        if len(self.branches) > 1:
            yield Axis(name, self.labels, when)
        for place, branch in enumerate(self.branches):
            chosen = When(name, place, place) if len(self.branches) > 1 else when
            yield from branch.group.axes(f"{name}.{branch.value}", chosen)

    def encode(self, value: Any, name: str) -> Iterator[tuple[str, Parameter, Any]]:
        index = self._index[canonical(self._name(value))]
        if len(self.branches) > 1:
            yield name, self.labels, self.labels.values[index]
        branch = self.branches[index]
        yield from branch.group.encode(self._rest(value), f"{name}.{branch.value}")

    def suggest(self, trial: Trial, name: str) -> Any:
        index = 0
        if len(self.branches) > 1:
            index = self.labels.values.index(self.labels.ask(trial, name))
        branch = self.branches[index]
        return self.made(branch, branch.group.suggest(trial, f"{name}.{branch.value}"))

    def made(self, branch: Branch, sub: dict[str, Any]) -> Any:
        """The value that chooses a branch, with that of its sub-space."""
        return {NAME: branch.value, **sub} if self.named else thawed(branch.value)

    def _name(self, value: Any) -> Any:
        """Return what identifies the option: the name, or the value; object() if there is none."""
        if not self.named:
            return value
        return value.get(NAME, object()) if isinstance(value, Mapping) else object()

    def _rest(self, value: Any) -> dict[str, Any]:
        return {k: v for k, v in value.items() if k != NAME} if self.named else {}


def _distinct(values: Iterable[Any]) -> bool:
    known = list(values)
    return len(set(known)) == len(known)  # as Python and Optuna compare: True is 1
