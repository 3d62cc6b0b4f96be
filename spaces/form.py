"""The JSON form of a space, as the sweep file holds it, read into domains; Choice and Repeat.

    {float: [a, b], log: true, step: s, grid: 5}    {int: [a, b], …}
    {choice: [adam, {sgd: {momentum: {float: [0, 0.99]}}}]}
    {repeat: {times: [1, 3], of: {int: [16, 128]}}}
    {constant: v}, or the bare value
    {sgd: {momentum: 0.9}}    a choice with this single option

Domain objects may stand wherever a form may. Choice and Repeat are here because they are given
forms, and forms are read into them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lanewise.spaces.canonical import NAME, fixed, thawed
from lanewise.spaces.choices import Alternatives, Branch
from lanewise.spaces.compounds import Constant, Group, Repetition
from lanewise.spaces.domain import Domain
from lanewise.spaces.errors import SpaceError, at, nearest, show, unknown_key
from lanewise.spaces.ranges import Float, Int, integer

BESIDE = ("log", "step", "grid")
VALID_NAME = re.compile(r"[A-Za-z0-9_-]+")
MAX_TIMES = 1_000


@dataclass(frozen=True, eq=False)
class Choice(Alternatives):
    """One of several options, each as likely as the others.

    If any option is given as a mapping, the values of the choice are mappings:
    `Choice(["adam", {"sgd": {"momentum": Float(0, 0.99)}}])` gives `{"name": "adam"}` and
    `{"name": "sgd", "momentum": 0.5}`. Otherwise they are the options themselves.

    Args:
        options: scalars, lists, or one-key mappings {name: sub-space}; the sub-space is a
            mapping like a Space's, and may be empty or None.

    Raises:
        SpaceError: no options, the same one twice, or a bad sub-space.
    """

    options: Sequence[Any]
    branches: tuple[Branch, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.options, list | tuple):
            raise SpaceError(f"choice needs a list of options, got {show(self.options)}")
        if not self.options:
            raise SpaceError("choice has no options")
        object.__setattr__(self, "branches", tuple(map(_branch, self.options)))
        self.check_branches()
        object.__setattr__(self, "options", tuple(map(self._option, self.branches)))

    def _option(self, branch: Branch) -> Any:
        # One form for one space: {adam: {}} and a bare adam beside {sgd: {…}} are the same.
        if self.named and _may_be_named(branch.value):
            return {branch.value: branch.group.to_json()}
        return thawed(branch.value)

    def to_json(self) -> dict[str, Any]:
        return {"choice": [self._option(branch) for branch in self.branches]}


@dataclass(frozen=True, eq=False)
class Repeat(Repetition):
    """A list whose elements are drawn independently from one domain.

    Args:
        of: the elements' domain, or its JSON form.
        times: the length, or (shortest, longest), every length as likely as the others.

    Raises:
        SpaceError: a bad length or domain.
    """

    of: Any
    times: int | Sequence[int]
    element: Domain = field(init=False, repr=False)
    length: Int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with at("of"):
            object.__setattr__(self, "element", domain(self.of))
        with at("times"):
            object.__setattr__(self, "length", _length(self.times))


def domain(raw: object) -> Domain:
    """Return the domain that a form, a domain object or a bare value stands for.

    Raises:
        SpaceError: a form that is not valid, with its path below this domain.
    """
    if isinstance(raw, Domain):
        return raw
    if not isinstance(raw, Mapping):
        _check_is_no_call(raw)
        return Constant(raw)
    words = [key for key in raw if key in READERS]
    if len(words) > 1:
        raise SpaceError(f"{' and '.join(words)} exclude each other")
    if words:
        return READERS[words[0]](raw)
    if len(raw) == 1 and _is_subspace(next(iter(raw.values()))):
        return Choice([raw])
    raise _no_domain(raw)


def group(raw: Mapping[Any, object]) -> Group:
    """Return named domains from a mapping of names to forms.

    Raises:
        SpaceError: a bad name or a bad form.
    """
    entries = []
    for name, form in raw.items():
        _check_name(name)
        with at(name):
            entries.append((name, domain(form)))
    return Group(tuple(entries))


def _branch(raw: object) -> Branch:
    if not isinstance(raw, Mapping):
        return Branch(fixed(raw, "an option"))
    if len(raw) != 1:
        raise SpaceError(
            f"an option is a value, a list or one name with its sub-space, got {show(raw)}"
        )
    ((name, sub),) = raw.items()
    return Branch(_option_name(name), _subspace(name, sub), named=True)


def _option_name(name: object) -> str:
    """Return the name of an option with a sub-space, checked.

    Raises:
        SpaceError: not a valid name, or a word that begins a form.
    """
    if isinstance(name, str) and name in READERS:
        raise SpaceError(
            f"{show(name)} cannot be an option: an option is a value, a list or one name with "
            "its sub-space"
        )
    return _check_name(name)


def _may_be_named(value: object) -> bool:
    """Return whether an option's value may also be written {value: {}}."""
    return isinstance(value, str) and value not in READERS and bool(VALID_NAME.fullmatch(value))


def _subspace(name: str, raw: object) -> Group:
    """Return the sub-space of the option `name`.

    Raises:
        SpaceError: not a mapping, or a bad one.
    """
    with at(name):
        if raw is None:
            return group({})
        if not isinstance(raw, Mapping):
            raise SpaceError(f"a sub-space must be a mapping of names to domains, got {show(raw)}")
        if NAME in raw:
            raise SpaceError(f"{NAME!r} is reserved for the option's own name")
        return group(raw)


def _float(raw: Mapping[str, Any]) -> Domain:
    low, high = _range("float", raw)
    return Float(low, high, log=_log(raw), step=raw.get("step"), grid=raw.get("grid"))


def _int(raw: Mapping[str, Any]) -> Domain:
    low, high = _range("int", raw)
    return Int(low, high, log=_log(raw), step=raw.get("step"), grid=raw.get("grid"))


def _choice(raw: Mapping[str, Any]) -> Domain:
    _check_keys(raw, "choice")
    return Choice(raw["choice"])


def _repeat(raw: Mapping[str, Any]) -> Domain:
    _check_keys(raw, "repeat")
    body = raw["repeat"]
    if not isinstance(body, Mapping):
        raise SpaceError(f"repeat needs {{times: …, of: …}}, got {show(body)}")
    _check_keys(body, "times", "of")
    for key in ("times", "of"):
        if key not in body:
            raise SpaceError(f"repeat needs {key!r}")
    return Repeat(body["of"], body["times"])


def _constant(raw: Mapping[str, Any]) -> Domain:
    _check_keys(raw, "constant")
    return Constant(raw["constant"])


READERS: dict[str, Callable[[Mapping[str, Any]], Domain]] = {
    "float": _float,
    "int": _int,
    "choice": _choice,
    "repeat": _repeat,
    "constant": _constant,
}


def _range(word: str, raw: Mapping[str, Any]) -> tuple[Any, Any]:
    _check_keys(raw, word, *BESIDE)
    bounds = raw[word]
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        raise SpaceError(f"{word} needs [low, high], got {show(bounds)}")
    return bounds[0], bounds[1]


def _log(raw: Mapping[str, Any]) -> Any:
    return False if raw.get("log") is None else raw["log"]


def _length(raw: object) -> Int:
    bounds = raw if isinstance(raw, list | tuple) else [raw, raw]
    if len(bounds) != 2:
        raise SpaceError(f"must be a length or [shortest, longest], got {show(raw)}")
    shortest, longest = (integer(bound, "a length") for bound in bounds)
    if not 0 <= shortest <= longest <= MAX_TIMES:
        raise SpaceError(f"needs 0 <= shortest <= longest <= {MAX_TIMES}, got {show(raw)}")
    return Int(shortest, longest)


def _check_keys(raw: Mapping[str, Any], *allowed: str) -> None:
    for key in raw:
        if key not in allowed:
            raise unknown_key(key, allowed)


def _check_name(name: object) -> str:
    if not isinstance(name, str):
        raise SpaceError(f"a name must be text, got {show(name)}")
    if not VALID_NAME.fullmatch(name):  # dots separate names when a configuration is flattened
        raise SpaceError(f"a name has letters, digits, _ and - only, got {show(name)}")
    return name


def _check_is_no_call(raw: object) -> None:
    """Raise SpaceError for others' ways to write a domain: "uniform(0, 1)", [uniform, 0, 1]."""
    call = re.fullmatch(r"([\w.]+)\(.*\)", raw.strip()) if isinstance(raw, str) else None
    word = call[1] if call else None
    if isinstance(raw, list | tuple) and len(raw) > 2 and isinstance(raw[0], str):
        word = raw[0] if all(isinstance(bound, int | float) for bound in raw[1:]) else None
    if word and (hint := nearest(word, READERS)):
        raise SpaceError(f"{show(raw)} is a constant{hint}")


def _is_subspace(value: object) -> bool:
    if isinstance(value, Mapping) and {"times", "of"} <= set(value):
        return False  # a misspelt repeat, not an option
    return value is None or isinstance(value, Mapping)


def _no_domain(raw: Mapping[Any, object]) -> SpaceError:
    if not raw:
        return SpaceError("is an empty mapping, must be a domain or a value")
    if all(_is_subspace(value) for value in raw.values()) and len(raw) > 1:
        options = ", ".join(f"{{{name}: …}}" for name in raw)
        return SpaceError(f"several options need {{choice: [{options}]}}")
    wrong = next((key for key in raw if key not in BESIDE), next(iter(raw)))
    return unknown_key(wrong, tuple(READERS), "; or one option with its sub-space")
