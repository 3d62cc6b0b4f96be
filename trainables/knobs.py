"""What a hyperparameter may be: a value under a rule, or one of a family with options of its own.

A rule and a family do the same two things: `check` a value at its key path, and `complete` it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from lanewise.trainables.errors import ConfigError, listing, meant, nearest


@dataclass(frozen=True)
class Rule:
    """What a value may be, in words and as a test; `names` are the words it may be, if any."""

    allowed: str
    holds: Callable[[Any], bool]
    names: tuple[str, ...] = ()

    def check(self, value: Any, path: str) -> None:
        """Raise ConfigError at `path` unless `value` is allowed."""
        try:
            good = self.holds(value)
        except TypeError:  # an unhashable or incomparable value
            good = False
        if not good:
            near = nearest(value, self.names) if isinstance(value, str) else ""
            raise ConfigError(path, f"{value!r} is not allowed ({self.allowed}{near})")

    def complete(self, value: Any) -> Any:
        """`value`: there is nothing to fill in."""
        return value


@dataclass(frozen=True)
class Family:
    """Things of one kind with options: "adam", or {"name": "sgd", "momentum": 0.9}.

    word: what one of them is called in an error ("optimizer").
    further: from a name and its options, (option, message) where they do not go together.
    beside: hyperparameters of their own that are easily taken for options.
    """

    word: str
    members: Mapping[str, Mapping[str, Knob]]
    further: Callable[[str, Mapping[str, Any]], tuple[str, str] | None] = lambda name, options: None
    beside: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """In words."""
        return listing(self.members)

    def check(self, value: Any, path: str) -> None:
        """Raise ConfigError unless the name, its options and their values are allowed."""
        options = _named(value)
        name = options.pop("name", None)
        if not isinstance(name, str) or name not in self.members:
            article = "an" if self.word[0] in "aeiou" else "a"
            allowed = f"{listing(self.members)}{nearest(name, self.members)}"
            raise ConfigError(path, f"{name!r} is not {article} {self.word} ({allowed})")
        knobs = self.members[name]
        for key, option in options.items():
            if key not in knobs:
                allowed = f"{listing(knobs) or 'it has none'}{self._hint(key, knobs)}"
                raise ConfigError(f"{path}.{key}", f"{name} has no option {key!r} ({allowed})")
            knobs[key].rule.check(option, f"{path}.{key}")
        clash = self.further(name, options)
        if clash:
            raise ConfigError(f"{path}.{clash[0]}", clash[1])

    def _hint(self, key: str, knobs: Iterable[str]) -> str:
        if own := [name for name in meant(key, self.beside) if name not in knobs]:
            return f"; did you mean {own[0]!r}, which stands beside {self.word}?"
        return nearest(key, knobs)

    def is_flag(self, option: str) -> bool:
        """Whether an option, such as "sgd.nesterov", is true or false."""
        name, _, key = option.partition(".")
        knob = self.members.get(name, {}).get(key)
        return knob is not None and isinstance(knob.default, bool)

    def complete(self, value: Any) -> dict[str, Any]:
        """{"name": …, every option}."""
        options = _named(value)
        knobs = self.members[options["name"]]
        return {**{key: knob.default for key, knob in knobs.items()}, **options}


@dataclass(frozen=True)
class Maybe:
    """One of a family, or null for none."""

    family: Family

    @property
    def allowed(self) -> str:
        """In words."""
        return f"{self.family.allowed} or null"

    def check(self, value: Any, path: str) -> None:
        if value is not None:
            self.family.check(value, path)

    def is_flag(self, option: str) -> bool:
        return self.family.is_flag(option)

    def complete(self, value: Any) -> dict[str, Any] | None:
        return None if value is None else self.family.complete(value)


@dataclass(frozen=True)
class Knob:
    """One hyperparameter.

    default: its value where none is given.
    rule: what it may be.
    about: what it does, for the reference.
    adjustable: it may change while a model trains: parameters keep their shapes, and the optimizer
        its state. Of a family it is the options that may, unless they are true or false.
    """

    default: Any
    rule: Rule | Family | Maybe
    about: str = ""
    adjustable: bool = False


def _named(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {"name": value}


def is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: Any, least: int = 1) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def real(words: str, holds: Callable[[float], bool]) -> Rule:
    """A finite number for which `holds`."""
    return Rule(words, lambda v: is_real(v) and holds(v))


def one_of(names: Iterable[str]) -> Rule:
    """One of these words."""
    names = tuple(names)
    return Rule(listing(names), lambda v: v in names, names)


def or_null(rule: Rule) -> Rule:
    return Rule(f"{rule.allowed} or null", lambda v: v is None or rule.holds(v), rule.names)


POSITIVE = real("a number > 0", lambda v: v > 0)
NOT_NEGATIVE = real("a number ≥ 0", lambda v: v >= 0)
BELOW_ONE = real("a number ≥ 0 and < 1", lambda v: 0 <= v < 1)
WITHIN_ONE = real("a number > 0 and < 1", lambda v: 0 < v < 1)
SHARE = real("a number from 0 to 1", lambda v: 0 <= v <= 1)
AT_LEAST_ONE = real("a number ≥ 1", lambda v: v >= 1)
COUNT = Rule("a whole number ≥ 1", is_count)
WHOLE = Rule("a whole number ≥ 0", lambda v: is_count(v, least=0))
FLAG = Rule("true or false", lambda v: isinstance(v, bool))

ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid")
INITS = ("he_uniform", "he_normal", "xavier_uniform", "xavier_normal", "orthogonal")
NORMS = ("batch", "layer")

WIDTHS = Rule(
    "a list of whole numbers ≥ 1, such as [64, 32]; it may be empty",
    lambda v: isinstance(v, list | tuple) and all(map(is_count, v)),
)
ACTIVATION = Knob("relu", one_of(ACTIVATIONS), "between the layers")
INIT = Knob(None, or_null(one_of(INITS)), "initial weights; null for torch's own")
