"""Checks of a sampler's options: one line each."""

from __future__ import annotations

from lanewise.search.errors import SearchError


def check_count(name: str, value: object, low: int) -> None:
    """Raises SearchError unless the value is a whole number of at least ``low``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise SearchError(f"{name} must be a whole number of at least {low}, got {value!r}")


def check_flag(name: str, value: object) -> None:
    """Raises SearchError unless the value is true or false."""
    if not isinstance(value, bool):
        raise SearchError(f"{name} must be true or false, got {value!r}")


def check_share(name: str, value: object) -> None:
    """Raises SearchError unless the value is a number from 0 to 1."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:  # type: ignore[operator]
        raise SearchError(f"{name} must be a number from 0 to 1, got {value!r}")
