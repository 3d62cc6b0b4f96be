"""Checks of a scheduler's options: one line each."""

from __future__ import annotations

from lanewise.search.core.spec import Spec
from lanewise.search.errors import SearchError


def check_whole(
    name: str, value: object, low: int, high: int | None = None, limit: str = ""
) -> None:
    """Raise SearchError unless it is a whole number from ``low`` to ``high``, named ``limit``."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and low <= value and (high is None or value <= high):  # type: ignore[operator]
        return
    allowed = f"of at least {low}" if high is None else f"from {low} to {limit} ({high})"
    raise SearchError(f"{name} must be a whole number {allowed}, got {value!r}")


def check_flag(name: str, value: object) -> None:
    """Raise SearchError unless it is true or false."""
    if not isinstance(value, bool):
        raise SearchError(f"{name} must be true or false, got {value!r}")


def needed_trials(spec: Spec) -> int:
    """How many trials there will be; SearchError where the budget does not say."""
    if spec.budget.trials is None:
        raise SearchError("needs budget.trials, for it waits until so many trials are compared")
    return spec.budget.trials


def check_share(name: str, value: object, most: float) -> None:
    """Raise SearchError unless it is a number from 0 to ``most``."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= most:  # type: ignore[operator]
        raise SearchError(f"{name} must be a number from 0 to {most:g}, got {value!r}")
