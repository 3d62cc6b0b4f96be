"""What the server needs of a model, and of where models are from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Column(Protocol):
    """A column of raw rows."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str:
        """See `trainables.data.types`; the form, if it is a whole example."""
        ...

    @property
    def nullable(self) -> bool: ...
    @property
    def example(self) -> Any: ...


class About(Protocol):
    """What a model is; see `trainables.export.about`."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int | None:
        """Of the registry; None for a model that is not from there."""
        ...

    @property
    def task(self) -> str: ...
    @property
    def form(self) -> str: ...
    @property
    def columns(self) -> Sequence[Column]: ...

    def to_json(self) -> dict[str, Any]: ...


class Model(Protocol):
    """Answers rows."""

    @property
    def about(self) -> About: ...

    def answers(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One answer a row.

        Raises:
            RowError: a value that the model does not take.
        """
        ...


class Source(Protocol):
    """Where a model is from, and may be replaced while it is served."""

    def current(self) -> str:
        """What identifies the model that is there now; called every second."""
        ...

    def load(self) -> Model:
        """The model that is there now."""
        ...
