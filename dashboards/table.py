"""Tables as plain lines: as wide as their cells, so that an id is never broken when it is piped."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

GAP = "  "


def lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The heads and the rows, their cells below each other."""
    table = [list(heads), *map(list, rows)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    return [
        GAP.join(map(set_cell_size, row, widths)).rstrip()  # no blanks at the end of a line
        for row in table
    ]


def fitting(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """How many columns, from the left, fit into so many cells; the first one always does."""
    used = -len(GAP)
    for place, head in enumerate(heads):
        used += len(GAP) + max(map(cell_len, (head, *(row[place] for row in rows))))
        if used > width:
            return max(1, place)
    return len(heads)
