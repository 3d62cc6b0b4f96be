"""The way back from flat names to a configuration, which needs the space to read them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lanewise.spaces.canonical import canonical, thawed
from lanewise.spaces.compounds import Constant, Group
from lanewise.spaces.domain import Domain
from lanewise.spaces.errors import SpaceError, at
from lanewise.spaces.flat import Scalar, flatten
from lanewise.spaces.form import Choice, Repeat
from lanewise.spaces.ranges import Range

Flat = Mapping[str, Scalar]


def unflatten(domain: Domain, name: str, flat: Flat) -> Any:
    """Return the value that a domain has under a name; see ``Space.unflatten``."""
    match domain:
        case Group():
            values = {}
            for key, part in domain.entries:
                with at(key):
                    values[key] = unflatten(part, f"{name}.{key}" if name else key, flat)
            return values
        case Choice():
            return _choice(domain, name, flat)
        case Repeat():
            return _repeat(domain, name, flat)
        case Constant():
            if _has(name, flat) and not _is_given(name, domain.to_json(), flat, _reads_as):
                raise SpaceError(f"must be {domain.allowed}, got {flat.get(name)!r}")
            return domain.to_json()
        case Range():
            return _number(domain, name, flat)
    raise SpaceError(f"cannot read {type(domain).__name__}")


def _choice(domain: Choice, name: str, flat: Flat) -> Any:
    for is_same in (_is_equal, _reads_as):  # 1 before the word "1"
        for branch in domain.branches:
            if _is_given(name, thawed(branch.value), flat, is_same):
                return domain.made(branch, unflatten(branch.group, name, flat))
    raise _misfit(domain, name, flat)


def _repeat(domain: Repeat, name: str, flat: Flat) -> list[Any]:
    if not _has(name, flat):
        raise _misfit(domain, name, flat)
    items: list[Any] = []
    while _has(f"{name}.{len(items)}", flat):
        with at(str(len(items))):
            items.append(unflatten(domain.element, f"{name}.{len(items)}", flat))
    domain.check(items)
    return items


def _number(domain: Range, name: str, flat: Flat) -> Any:
    value = flat.get(name)
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise SpaceError("no number")
        number = domain.read(float(value), "it")
    except (SpaceError, ValueError):
        raise _misfit(domain, name, flat) from None
    domain.check(number)
    return number


def _misfit(domain: Domain, name: str, flat: Flat) -> SpaceError:
    got = repr(flat[name]) if name in flat else "nothing"
    return SpaceError(f"must be {domain.allowed}, got {got}")


def _has(name: str, flat: Flat) -> bool:
    return name in flat or any(key.startswith(f"{name}.") for key in flat)


def _is_given(name: str, value: Any, flat: Flat, is_same: Callable[[Scalar, Scalar], bool]) -> bool:
    """Whether the flat names hold that value."""
    wanted = flatten({name: value})
    if not all(key in flat and is_same(flat[key], leaf) for key, leaf in wanted.items()):
        return False
    return not isinstance(value, list) or not _has(f"{name}.{len(value)}", flat)


def _is_equal(cell: Scalar, leaf: Scalar) -> bool:
    return canonical(cell) == canonical(leaf)


def _reads_as(cell: Scalar, leaf: Scalar) -> bool:
    """Whether a cell, or its text, stands for a value: 1.0 and "1.0" do for 1, "True" for true."""
    if isinstance(leaf, bool | str) or leaf is None:
        return _is_equal(cell, leaf) or cell in (leaf, canonical(leaf), str(leaf))
    try:
        return not isinstance(cell, bool) and cell is not None and float(cell) == leaf
    except ValueError:
        return False
