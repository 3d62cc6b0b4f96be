"""One plot of the page, and what all plots share. The theme is the page's: a plot has none.

Plots are Plotly's own JSON values, written down as they are: its Python classes take seconds to
check what is never wrong here.
"""

from __future__ import annotations

import html
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from lanewise.search.core.spec import Mode

Body = dict[str, Any]  # Plotly's data and layout
Axis = dict[str, Any]  # Plotly's settings of an axis

BLUE, ORANGE, GREY = "#4078d8", "#e8741e", "#8a93a3"  # on light paper and on dark
INK, PAPER, LINE = "var(--ink)", "var(--paper)", "var(--line)"  # the page puts its own there
FROM_GREY = ((0.0, "#b4bcc9"), (1.0, BLUE))
WIDE = 50.0  # a largest value so many times the median asks for a log scale
# Of all values the window shows the better 95 % if they fill less than a third of what all would,
# and so on.
WINDOWS = ((0.95, 1 / 3), (0.75, 1 / 3), (0.5, 1 / 20))
LOG_SHARE = 0.6  # of these shares on a log scale, which squeezes less
CURVES = ((0.95, 1 / 3), (0.75, 1 / 6), (0.5, 1 / 20))  # whose first epochs are bad anyway
EXPLODED = ((0.95, 1 / 50), (0.75, 1 / 50), (0.5, 1 / 50))  # of a curve whose beginning matters
NO_VALUE = "No trial has reported a usable value."
LONGEST_LABEL = 24  # characters of a choice's label
LONGEST_TICK = 16  # of one beside an axis

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figure:
    """A plot, or a note why there is none.

    Args:
        key: its name in the page.
        title, caption: plain text, which the page escapes.
        body: Plotly's data and layout, as JSON values.
        height: pixels.
        width: pixels below which it scrolls in its own box rather than shrink.
        group: figures of one group stand side by side, under its name and the first's caption.
    """

    key: str
    title: str
    caption: str
    body: Body | None = None
    note: str = ""
    height: int = 360
    width: int = 0
    group: str = ""


def drawn(figure: Figure, draw: Callable[[], Body]) -> Figure:
    """The figure with its plot, unless a note says why not; an error costs this plot only."""
    if figure.note:
        return figure
    try:
        return replace(figure, body=draw())
    except Exception as error:
        log.exception("the plot '%s' could not be drawn", figure.title)
        return replace(figure, note=f"It could not be drawn: {type(error).__name__}: {error}")


def body(data: Sequence[Mapping[str, Any]], **layout: Any) -> Body:
    """A plot of these traces; without a legend unless one is asked for."""
    margin = {"l": 64, "r": 16, "t": 24, "b": 48}
    return {"data": list(data), "layout": {"margin": margin, "showlegend": False, **layout}}


def whole(last: int) -> Axis:
    """An axis of whole numbers up to `last`, where Plotly would put halves between few of them."""
    return {"rangemode": "tozero", **({"dtick": 1} if last <= 8 else {})}


def mark(x: float, y: float, symbol: str, size: int) -> dict[str, Any]:
    """The best one's mark, around a point."""
    style = {"color": ORANGE, "size": size, "symbol": f"{symbol}-open", "line": {"width": 2.5}}
    place = {"x": [x], "y": [y], "showlegend": False, "hoverinfo": "skip"}
    return {"type": "scatter", "mode": "markers", "marker": style, **place}


LEGEND = {
    "showlegend": True,
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
}


def shown(name: str, length: int = 60) -> str:
    """A name or label as text for Plotly, which understands a little HTML."""
    return html.escape(_short(name, length), quote=False)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length // 2]}…{text[1 - length // 2 :]}"


def axis(
    values: Sequence[float], mode: Mode, windows: Sequence[tuple[float, float]] = WINDOWS
) -> Axis:
    """The settings of a value axis: so that a few bad values do not squeeze all others.

    Logarithmic where values span orders of magnitude; and cut off behind the better values where
    the others would fill most of it (``left_out`` says so in a caption). Half are always shown.
    """
    known = sorted(value for value in values if math.isfinite(value))
    if not known:
        return {}
    if known[0] == known[-1]:  # one value only, which Plotly would show from 0 on
        room = abs(known[0]) * 0.1 or 0.1
        return {"range": [known[0] - room, known[0] + room]}
    is_log = known[0] > 0 and known[-1] > WIDE * median(known)
    if is_log:
        known = [math.log10(value) for value in known]
        windows = [(kept, filled * LOG_SHARE) for kept, filled in windows]
    found = _window(known, mode, windows)
    if found is None:
        return {"type": "log"} if is_log else {}
    if is_log and found[1] - found[0] < 1:  # what is left spans no orders of magnitude
        return {"range": [10 ** found[0], 10 ** found[1]]}
    return {"type": "log", "range": found} if is_log else {"range": found}


def _window(
    known: Sequence[float], mode: Mode, windows: Sequence[tuple[float, float]]
) -> list[float] | None:
    """The range of what is shown of ascending values; None for all of them."""
    for kept, filled in windows:
        worst = int((1 - kept) * len(known)) if mode == "max" else int(kept * (len(known) - 1))
        low, high = (known[worst], known[-1]) if mode == "max" else (known[0], known[worst])
        if 0 < high - low < (known[-1] - known[0]) * filled:
            pad = 0.08 * (high - low)
            return [low - pad, high + pad]
    return None


def is_within(value: float, settings: Axis) -> bool:
    """Whether an axis of ``axis`` shows the value."""
    if "range" not in settings:
        return True
    if settings.get("type") == "log":
        value = math.log10(value)
    low, high = settings["range"]
    return bool(low <= value <= high)


def left_out(values: Sequence[float], settings: Axis) -> str:
    """What a caption says of the values that the axis does not show; empty where it shows all."""
    known = [value for value in values if math.isfinite(value)]
    count = sum(not is_within(value, settings) for value in known)
    if not count:
        return ""
    return (
        f" The worst {count:,} of {len(known):,} values lie outside of the axis; a double click "
        "shows them."
    )


def ticks(low: float, high: float, *, is_log: bool, is_integer: bool, most: int = 5) -> list[float]:
    """Round numbers from low to high, about ``most``; whole ones for integers."""
    if high <= low:
        return [low]
    if is_log and is_integer and 4 * low <= high <= 256 * low:
        doubled = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        found = [2.0**power for power in doubled]
    else:
        found = _decades(low, high, most) if is_log else []
        found = found if len(found) >= 3 else _evenly(low, high, most, is_integer=is_integer)
    room = 1e-9 * (high - low)
    return [float(f"{value:.10g}") for value in found if low - room <= value <= high + room]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, every second or third of them where there are many; with 2 and 5 of few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    each = max(1, round((last - first) / most))
    steps = (1,) if high >= 1000 * low else (1, 3) if high >= 100 * low else (1, 2, 5)
    found = [m * 10.0**e for e in range(first, last + 1, each) for m in steps]
    return [value for value in found if low <= value * (1 + 1e-9) and value <= high * (1 + 1e-9)]


def _evenly(low: float, high: float, most: int, *, is_integer: bool) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    step = max(1.0, round(step)) if is_integer else step
    return [i * step for i in range(math.ceil(low / step - 1e-9), int(high / step + 1e-9) + 1)]


def tick_text(value: float) -> str:
    """``64``, ``0.25``, ``1e-5``; whole numbers as they are, up to five digits of them."""
    if value == int(value) and abs(value) < 1e5:
        return str(int(value))
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
