"""What a source is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lanewise.trainables.data.types import Types
from lanewise.trainables.errors import DataError

MEMORY = 4 * 10**9


@dataclass(frozen=True)
class Windows:
    """What is cut from series.

    time: the column that orders the rows; values: those of the series, None for all of numbers.
    window: rows that a forecast sees; horizon: rows that it foretells; season: rows after which
    the series repeat, for the forecast that every model is compared with.
    """

    time: str
    values: tuple[str, ...] | None = None
    window: int = 24
    horizon: int = 1
    season: int = 1


@dataclass(frozen=True)
class Text:
    """What a person said of texts.

    column: of the texts; None for the only one of words.
    tokens: "words" or "characters"; vocabulary: the most of them; length: the most of a text.
    """

    column: str | None = None
    tokens: str = "words"
    vocabulary: int = 20_000
    length: int = 256


@dataclass(frozen=True)
class Columns:
    """The columns that are no features: None where the source knows or none is wanted.

    has_target: False for tasks without one, where it may then be left out.
    ids: features whose values are names, whatever they look like.
    series: what is cut from series; None for rows that are examples.
    shape: of a picture, to which it is scaled; None for its own.
    types: what columns hold, by their name, where a person said it; see `types.ASKED`.
    """

    target: str | None = None
    group: str | None = None
    order: str | None = None
    has_target: bool = True
    ids: tuple[str, ...] = ()
    series: Windows | None = None
    shape: tuple[int, ...] | None = None
    types: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Request:
    """What a source is asked for.

    name: the source without its kind. types: of the main source's columns, as which those of a part
    are read; None for the main source itself. memory: bytes; what is larger stays in its file.
    """

    name: str
    columns: Columns
    base: Path
    types: Types | None = None
    memory: int = MEMORY

    @property
    def target(self) -> str | None:
        return self.columns.target

    @property
    def group(self) -> str | None:
        return self.columns.group


def refuse_order(asked: Request, source: str) -> None:
    """Raise DataError if rows shall be ordered by a column that the source cannot have."""
    if asked.columns.order is not None:
        message = f"{source} has no column {asked.columns.order!r} to order its rows by"
        raise DataError("data.order", message)


def places(columns: int) -> list[str]:
    """Names of columns that have none."""
    return [f"x{column}" for column in range(columns)]
