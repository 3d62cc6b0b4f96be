"""The picture of what each variant costs and is worth, as one SVG file in the report's colours."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lanewise.dashboards.report.figure import BLUE, GREY, ORANGE, shown, tick_text, ticks
from lanewise.registry.limits import Limits, duration, size

WIDTH, HEIGHT = 860, 340
LEFT, RIGHT, TOP, BOTTOM, GAP = 72, 24, 56, 52, 56  # pixels around and between the panels
PANEL = (WIDTH - LEFT - RIGHT - GAP) // 2
LABEL_HEIGHT = 14
WIDE = 8.0  # a largest cost so many times the least asks for a log scale

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1d2430 }
.label { stroke: #ffffff; stroke-width: 3px; paint-order: stroke }
.title { font-weight: 600; font-size: 14px } .dim { fill: #5b6575 }
.grid { stroke: #e3e7ee } .paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ef } .dim { fill: #a3adbd } .grid { stroke: #333b48 } .paper { fill: #171b22 }
  .label { stroke: #171b22 }
}
""".strip()


@dataclass(frozen=True)
class Point:
    """One variant. value: of the metric; latency: seconds; size: bytes."""

    variant: str
    value: float
    latency: float
    size: float
    is_chosen: bool = False


@dataclass(frozen=True)
class Scale:
    """Where on a line of pixels a value lies."""

    low: float
    high: float
    first: float
    last: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.is_log:
            low, high, at = math.log(low), math.log(high), math.log(value)
        share = (at - low) / (high - low)
        return round(self.first + share * (self.last - self.first), 1)

    def ticks(self) -> list[float]:
        return ticks(self.low, self.high, is_log=self.is_log, is_integer=False, most=4)


def picture(points: Sequence[Point], metric: str, title: str, limits: Limits) -> str:
    """An SVG of two panels: the metric by latency, and by file size.

    Args:
        limits: drawn as dashed lines.
    """
    values = [point.value for point in points]
    room = 0.12 * (max(values) - min(values)) or 0.05 * abs(values[0]) or 0.1
    up = Scale(min(values) - room, max(values) + room, HEIGHT - BOTTOM, TOP)
    costs = (
        ("99th percentile of one row's latency", [p.latency for p in points], limits.latency),
        ("size of model.onnx", [p.size for p in points], limits.size),
    )
    parts = [_text(LEFT, 22, title, "title"), _text(LEFT, 42, metric, "dim")]
    for number, (name, amounts, limit) in enumerate(costs):
        words = duration if number == 0 else size
        first = LEFT + number * (PANEL + GAP)
        across = _across(amounts, limit, first)
        parts += _axes(across, up, name, words, has_labels=number == 0)
        if limit is not None:
            parts += _limit(across(limit), words(limit))
        parts += _points(points, amounts, across, up)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{html.escape(title)}">\n'
        f"<style>{STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>\n{body}\n</svg>\n'
    )


def _across(amounts: Sequence[float], limit: float | None, first: float) -> Scale:
    known = [*amounts, *([limit] if limit else [])]
    low, high = min(known), max(known)
    if high > WIDE * low:
        return Scale(low / 1.4, high * 1.4, first, first + PANEL, is_log=True)
    return Scale(0.0, high * 1.25, first, first + PANEL)


def _axes(
    across: Scale, up: Scale, name: str, words: Callable[[float], str], *, has_labels: bool
) -> Iterator[str]:
    bottom = up.first
    for value in across.ticks():
        x = across(value)
        yield f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/>'
        yield _text(x, bottom + 18, words(value) if value else "0", "dim", "middle")
    for value in up.ticks():
        y = up(value)
        yield f'<line class="grid" x1="{across.first}" y1="{y}" x2="{across.last}" y2="{y}"/>'
        if has_labels:
            yield _text(across.first - 8, y + 4, tick_text(value), "dim", "end")
    yield _text((across.first + across.last) / 2, bottom + 40, name, "", "middle")


def _limit(x: float, told: str) -> Iterator[str]:
    bottom = HEIGHT - BOTTOM
    style = f'stroke="{GREY}" stroke-dasharray="4 4"'
    yield f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" {style}/>'
    yield _text(x - 4, TOP - 4, f"limit {told}", "dim", "end")


def _points(
    points: Sequence[Point], amounts: Sequence[float], across: Scale, up: Scale
) -> Iterator[str]:
    middle = (across.first + across.last) / 2
    places = [(across(a), up(p.value)) for p, a in zip(points, amounts, strict=True)]
    labels = _apart([y for _, y in places])
    for point, (x, y), label_y in zip(points, places, labels, strict=True):
        side, anchor = (12, "start") if x < middle else (-12, "end")
        if abs(label_y - y) > LABEL_HEIGHT / 2:
            end = f'x2="{x + side * 0.8:.1f}" y2="{label_y}"'
            yield f'<line x1="{x}" y1="{y}" {end} stroke="{GREY}" stroke-width="0.7"/>'
        if point.is_chosen:
            ring = f'fill="none" stroke="{ORANGE}" stroke-width="2.5"'
            yield f'<circle cx="{x}" cy="{y}" r="9" {ring}/>'
        yield f'<circle cx="{x}" cy="{y}" r="4.5" fill="{BLUE}"/>'
        yield _text(x + side, label_y + 4, point.variant, "label", anchor)


def _apart(heights: Sequence[float]) -> list[float]:
    """The heights of labels, moved down where one would cover another."""
    found = list(heights)
    order = sorted(range(len(found)), key=lambda number: found[number])
    for above, below in pairwise(order):
        found[below] = max(found[below], found[above] + LABEL_HEIGHT)
    return [round(height, 1) for height in found]


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:g}" y="{y:g}"{kind} text-anchor="{anchor}">{shown(text, 90)}</text>'
