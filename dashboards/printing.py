"""Text, pairs and tables on a rich console, with nothing in them taken for markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from lanewise.dashboards.table import fitting, lines


def pairs(console: Console, pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values, aligned; a path or a command is never broken, so that it can be copied."""
    pairs = list(pairs)
    widest = max((cell_len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        say(console, f"  {set_cell_size(name, widest)}   {value}")


def table(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Sequence[str]:
    """Prints a table. On a terminal it is as wide as that allows: the names of what is left out."""
    rows = [[" ".join(cell.split()) for cell in row] for row in rows]
    shown = fitting(heads, rows, console.width) if console.is_terminal else len(heads)
    first, *others = lines(heads[:shown], [row[:shown] for row in rows])
    say(console, first, bold=True)
    for line in others:
        say(console, line)
    return heads[shown:]


def say(console: Console, text: str, *, bold: bool = False, style: str = "") -> None:
    """Text as it is: not wrapped, not cut, nothing in it taken for markup."""
    console.print(Text(text, style="bold" if bold else style), soft_wrap=True)
