"""The optimisation history as a small picture of braille dots: trials, and the best so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from rich.text import Text

# Bits of a braille cell, by row and column of its 4 × 2 dots (Unicode, "Braille Patterns").
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
WORST = 0.25  # that share of the trials may lie beyond the scale, at its edge
DOTS, LINE = "grey58", "bold cyan"
LABEL = 9  # columns of the scale's numbers

Point = tuple[float, float]  # (trials ended before, value)


def plot(
    trials: Sequence[Point],
    path: Sequence[Point],
    mode: str,
    width: int,
    height: int,
    shown: Callable[[float], str] = "{:.4g}".format,
) -> list[Text]:
    """A dot for each trial in the order of their end, and a line for the best so far.

    Args:
        trials: the best value of each trial that has ended.
        path: each improvement of the best so far, the first one first; may not be empty.
        mode: max or min.
        width, height: of the picture in cells, with the numbers of the scale at its left.
        shown: a number of the scale in words.
    """
    wide, high = 2 * (width - LABEL), 4 * height
    last = max([1.0, *(x for x, _ in trials), *(x for x, _ in path)])
    low, top = _scale([value for _, value in trials], path, mode)

    def place(point: Point) -> tuple[int, int]:
        share = min(1.0, max(0.0, (point[1] - low) / (top - low)))
        return round(point[0] / last * (wide - 1)), round((1 - share) * (high - 1))

    dots, line = _canvas(width, height), _canvas(width, height)
    for point in trials:
        _set(dots, *place(point))
    for x, y in _steps([place(point) for point in path], wide):
        _set(line, x, y)
    labels = [""] * height
    labels[0], labels[-1] = shown(top), shown(low)
    return [_row(*row) for row in zip(labels, dots, line, strict=True)]


def _scale(values: Sequence[float], path: Sequence[Point], mode: str) -> tuple[float, float]:
    """The lowest and the highest value shown; a few hopeless trials must not flatten the rest."""
    ordered = sorted([*values, *(value for _, value in path)])
    cut = int(WORST * len(ordered))
    low, top = (ordered[cut], ordered[-1]) if mode == "max" else (ordered[0], ordered[-1 - cut])
    if low == top:
        room = abs(low) * 0.01 or 1.0
        low, top = low - room, top + room
    return low, top


def _steps(corners: Sequence[tuple[int, int]], wide: int) -> Iterator[tuple[int, int]]:
    """The dots of a staircase through the corners, on to the right edge."""
    for (x, y), (next_x, next_y) in pairwise([*corners, (wide - 1, corners[-1][1])]):
        yield from ((column, y) for column in range(x, next_x + 1))
        yield from ((next_x, row) for row in range(min(y, next_y), max(y, next_y) + 1))


def _canvas(width: int, height: int) -> list[list[int]]:
    return [[0] * (width - LABEL) for _ in range(height)]


def _set(canvas: list[list[int]], x: int, y: int) -> None:
    canvas[y // 4][x // 2] |= _BITS[y % 4][x % 2]


def _row(label: str, dots: Sequence[int], line: Sequence[int]) -> Text:
    text = Text(f"{label:>{LABEL - 2}} ")
    text.append("┤" if label else "│", style="dim")
    for dot, stroke in zip(dots, line, strict=True):
        # A cell has one colour: the line's where it passes.
        text.append(chr(_BLANK | dot | stroke), style=LINE if stroke else DOTS)
    return text
