"""One plot of the page, and what all plots share. The theme is the page's: a plot has none."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import plotly.graph_objects as go

BLUE, ORANGE, GREY = "#4078d8", "#e8741e", "#8a93a3"  # on light paper and on dark
FROM_GREY = ((0.0, "#b4bcc9"), (1.0, BLUE))
WIDE = 50.0  # a largest value so many times the median asks for a log scale

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figure:
    """A plot, or a note why there is none.

    Args:
        key: its name in the page.
        title, caption: plain text or text that is escaped for Plotly.
        body: Plotly's data and layout, as JSON values.
        height: pixels.
        width: pixels below which it scrolls in its own box rather than shrink.
        group: figures of one group stand side by side, under its name.
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


def scale(values: Iterable[float | None]) -> str:
    """``log`` where a few values would squeeze all others onto one line, else ``linear``."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or min(known) <= 0:
        return "linear"
    return "log" if max(known) > WIDE * median(known) else "linear"
