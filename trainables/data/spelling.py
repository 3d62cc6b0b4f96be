"""Which known value another spelling of it means: "1.0" is 1, "08001" is 8001, "true" is True."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})


def are_truths(values: Iterable[str]) -> bool:
    """Whether all of them are "true" or "false", in any case."""
    return {value.lower() for value in values} <= {"true", "false"}


def truth(value: str) -> bool | None:
    """What a word, or a number written as text, says of a truth value."""
    key = _plain(value.lower())
    return True if key in _TRUE else False if key in _FALSE else None


def share_a_meaning(values: Iterable[str]) -> bool:
    """Whether two of them differ in their spelling alone, as "1" and "01" do."""
    keys = Counter(_key(value) for value in values)
    return any(count > 1 for key, count in keys.items() if key is not None)


class Spelling:
    """Places of known values by any spelling.

    Args:
        is_exact: only their own counts, as where two of them differ in nothing else.
    """

    def __init__(self, known: Sequence[str], *, is_exact: bool = False) -> None:
        self._places = {value: place for place, value in enumerate(known)}
        self._keys: dict[object, int] = {}
        is_boolean = bool(known) and are_truths(known) and not share_a_meaning(known)
        self._key_of = _truth_key if is_boolean else _key
        if not is_exact and not share_a_meaning(known):
            self._keys = {
                key: place
                for value, place in self._places.items()
                if (key := self._key_of(value)) is not None
            }

    def place(self, value: str) -> int:
        """Among the known values; -1 for none of them."""
        found = self._places.get(value)
        if found is None:
            key = self._key_of(value) if self._keys else None
            found = -1 if key is None else self._keys.get(key, -1)
            self._places[value] = found  # of new values there are few, and they come again
        return found


def _truth_key(value: str) -> object:
    return truth(value)


def _key(value: str) -> object:
    if _NUMBER.fullmatch(value):
        return Decimal(value)
    lower = value.lower()
    return lower if lower in ("true", "false") else None


def _plain(value: str) -> str:
    """A whole number without its decimals."""
    return value.partition(".")[0] if re.fullmatch(r"[0-9]+\.0*", value) else value
