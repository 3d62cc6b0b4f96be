"""Which columns of a source are no features."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """The columns that are no features: None where the source knows or none is wanted.

    has_target: False for tasks without one, where it may then be left out.
    """

    target: str | None = None
    group: str | None = None
    order: str | None = None
    has_target: bool = True
