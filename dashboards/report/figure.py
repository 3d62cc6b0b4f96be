"""One plot of the page, and what all plots share. The theme is the page's: a plot has none."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import plotly.graph_objects as go

from lanewise.search.spec import Mode

BLUE, ORANGE, GREY = "#4078d8", "#e8741e", "#8a93a3"  # on light paper and on dark
INK, PAPER = "var(--ink)", "var(--paper)"  # the page puts its own in their place
FROM_GREY = ((0.0, "#b4bcc9"), (1.0, BLUE))
WIDE = 50.0  # a largest value so many times the median asks for a log scale
KEPT = 0.75  # the share of values, the best ones, that a window shows at least
ZOOMED = " The axis leaves out the worst values; a double click shows them."

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
    body: dict[str, Any] | None = None
    note: str = ""
    height: int = 360
    width: int = 0
    group: str = ""


def drawn(figure: Figure, draw: Callable[[], go.Figure]) -> Figure:
    """The figure with its plot, unless a note says why not; an error costs this plot only."""
    if figure.note:
        return figure
    try:
        return replace(figure, body=themeless(draw()))
    except Exception as error:
        log.exception("the plot '%s' could not be drawn", figure.title)
        return replace(figure, note=f"It could not be drawn: {type(error).__name__}: {error}")


def themeless(figure: go.Figure) -> dict[str, Any]:
    """Plotly's JSON values, without what the page decides: title, theme and size."""
    figure.update_layout(title=None, margin={"l": 64, "r": 16, "t": 24, "b": 48})
    body: dict[str, Any] = json.loads(figure.to_json())
    body["layout"].pop("template", None)
    return {"data": body["data"], "layout": body["layout"]}


def axis(values: Sequence[float], mode: Mode) -> dict[str, Any]:
    """The settings of a value axis: so that a few bad values do not squeeze all others.

    Logarithmic where values span orders of magnitude; else cut off behind the better three
    quarters where those would fill less than a third of it (``ZOOMED`` says so in a caption).
    """
    known = sorted(value for value in values if math.isfinite(value))
    if not known:
        return {}
    if known[0] > 0 and known[-1] > WIDE * median(known):
        return {"type": "log"}
    worst_kept = int((1 - KEPT) * len(known)) if mode == "max" else int(KEPT * (len(known) - 1))
    low, high = (known[worst_kept], known[-1]) if mode == "max" else (known[0], known[worst_kept])
    if not 0 < high - low < (known[-1] - known[0]) / 3:
        return {}
    pad = 0.08 * (high - low)
    return {"range": [low - pad, high + pad]}
