"""Parallel coordinates: each trial a line over the value and the most important parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from lanewise.dashboards.report.figure import (
    FROM_GREY,
    INK,
    LONGEST_TICK,
    ORANGE,
    PAPER,
    Axis,
    Body,
    body,
    shown,
    tick_text,
    ticks,
)
from lanewise.dashboards.report.points import Parameter, Point
from lanewise.search.core.spec import Objective

MOST_AXES = 8  # with the value's
MOST_LINES = 200
BANDS = 8  # of colour, from the worst trials to the best
WIDTH = 132  # pixels of an axis with its labels
MOST_LABELS = 14  # of a choice, beside its axis
ABSENT = -0.14  # where a line passes an axis that its configuration does not have

PARALLEL = (
    "Each line is one trial, the better the bluer, the best in orange; the value, then the most "
    "important hyperparameters."
)
BELOW = " A line that passes below an axis is of a configuration without that hyperparameter."


def parallel(
    ranked: Sequence[Point],
    parameters: Sequence[Parameter],
    objective: Objective,
    bounds: Axis,
    digits: str,
) -> Body:
    """The lines of these trials, best first, over these parameters.

    Args:
        bounds: of the value axis.
        digits: the format of the value.
    """
    values = _ValueAxis(ranked, bounds)
    best, *others = ranked
    worst_first = [*reversed(others)]
    lines = []
    for band in range(BANDS):
        first, last = (len(worst_first) * edge // BANDS for edge in (band, band + 1))
        if members := worst_first[first:last]:
            share = (band + 1) / BANDS
            line = {"color": _mix(share), "width": 1.2}
            lines.append(
                _lines(members, values, parameters, digits, objective)
                | {"line": line, "opacity": 0.35 + 0.45 * share}
            )
    top = _lines([best], values, parameters, digits, objective)
    lines.append(top | {"line": {"color": ORANGE, "width": 3}})
    names = [
        shown(objective.metric, LONGEST_TICK),
        *(shown(p.name, LONGEST_TICK) for p in parameters),
    ]
    is_absent = any(p.name not in point.places for point in ranked for p in parameters)
    return body(
        lines,
        hovermode="closest",
        xaxis={
            "range": [-0.15, len(parameters) + 0.85],
            "fixedrange": True,
            "visible": False,
        },
        yaxis={
            "range": [ABSENT - 0.06 if is_absent else -0.06, 1.13],
            "fixedrange": True,
            "visible": False,
        },
        shapes=[_upright(place) for place in range(len(names))],
        annotations=[
            *(_title(place, name) for place, name in enumerate(names)),
            *(_label(0, *tick) for tick in values.ticks(digits)),
            *(
                _label(place, *tick)
                for place, parameter in enumerate(parameters, 1)
                for tick in _ticks(parameter)
            ),
        ],
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
    )


class _ValueAxis:
    """The value's axis: from the worst to the best that is shown."""

    def __init__(self, ranked: Sequence[Point], bounds: Axis) -> None:
        self.is_log = bounds.get("type") == "log"
        values = [point.value for point in ranked]
        self.low, self.high = min(values), max(values)

    def position(self, value: float) -> float:
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low) if high > low else 0.5

    def ticks(self, digits: str) -> Iterator[tuple[float, str]]:
        """The ends with the digits of the metric, and round numbers between."""
        between = ticks(self.low, self.high, is_log=self.is_log, is_integer=False)
        yield from _apart(
            {
                self.position(value): format(value, digits) if is_end else tick_text(value)
                for value, is_end in [
                    *((value, False) for value in between),
                    (self.low, True),
                    (self.high, True),
                ]
            }
        )


def _ticks(parameter: Parameter) -> Iterator[tuple[float, str]]:
    """(position, text): the options of a choice, or the ends of a range and numbers between."""
    if options := parameter.labels:
        each = math.ceil(len(options) / MOST_LABELS)
        for place in range(0, len(options), each):
            yield parameter.position(place), shown(options[place], LONGEST_TICK)
        return
    low, high = parameter.bounds
    found = ticks(low, high, is_log=parameter.is_log, is_integer=parameter.is_integer)
    yield from _apart({parameter.position(v): tick_text(v) for v in (*found, low, high)})


def _apart(texts: dict[float, str]) -> Iterator[tuple[float, str]]:
    """The ends, and what is far enough from them and from each other."""
    room, last = 0.06, -math.inf
    for place in sorted(texts):
        is_end = place in (min(texts), max(texts))
        if is_end or (place - last >= room and max(texts) - place >= room):
            yield place, texts[place]
            last = place


def _lines(
    points: Sequence[Point],
    values: _ValueAxis,
    parameters: Sequence[Parameter],
    digits: str,
    objective: Objective,
) -> dict[str, Any]:
    """Trials as one trace with gaps: a trace for each would draw for seconds."""
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str | None] = []
    for point in points:
        x += [*range(len(parameters) + 1), None]
        y.append(round(values.position(point.value), 4))
        texts.append(f"trial {point.number}: {shown(objective.metric)} {point.value:{digits}}")
        for parameter in parameters:
            place = point.places.get(parameter.name)
            y.append(ABSENT if place is None else round(parameter.position(place), 4))
            text = "does not exist" if place is None else parameter.text(place)
            texts.append(f"trial {point.number}: {parameter.label} {text}")
        y.append(None)
        texts.append(None)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
    }


def _upright(place: int) -> dict[str, Any]:
    line = {"color": INK, "width": 1}
    return {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": line}


def _title(place: int, text: str) -> dict[str, Any]:
    font = {"size": 12, "color": INK}
    mark = {"showarrow": False, "xanchor": "left", "yanchor": "bottom", "xshift": -6}
    return {"x": place, "y": 1.05, "text": f"<b>{text}</b>", "font": font, **mark}


def _label(place: int, height: float, text: str) -> dict[str, Any]:
    font = {"size": 11, "color": INK}
    mark = {"showarrow": False, "xanchor": "left", "yanchor": "middle", "xshift": 4}
    box = {"bgcolor": PAPER, "opacity": 0.85, "borderpad": 1}
    return {"x": place, "y": height, "text": text, "font": font, **mark, **box}


def _mix(share: float) -> str:
    """Between the two ends of FROM_GREY."""
    low, high = ([int(colour[i : i + 2], 16) for i in (1, 3, 5)] for _, colour in FROM_GREY)
    mixed = (round(a + share * (b - a)) for a, b in zip(low, high, strict=True))
    return f"rgb({','.join(map(str, mixed))})"
