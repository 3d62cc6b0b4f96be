"""The plots of the search: its history, and what the parameters have to do with the value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from lanewise.dashboards.digits import metric_format
from lanewise.dashboards.report.contour import CONTOUR, contour
from lanewise.dashboards.report.figure import (
    BLUE,
    FROM_GREY,
    GREY,
    LEGEND,
    LONGEST_TICK,
    NO_VALUE,
    ORANGE,
    Axis,
    Body,
    Figure,
    axis,
    body,
    drawn,
    is_within,
    left_out,
    mark,
    shown,
    tick_text,
    ticks,
    whole,
)
from lanewise.dashboards.report.importance import importances
from lanewise.dashboards.report.parallel import (
    BELOW,
    MOST_AXES,
    MOST_LINES,
    PARALLEL,
    WIDTH,
    parallel,
)
from lanewise.dashboards.report.points import Parameter, Point, Points, thinned
from lanewise.search.core.spec import Objective

MOST_SLICES = 12
MANY = 6  # values of a parameter that make a plane out of lines
ROOM = 44  # characters of labels below a slice
LONGEST_NAME = 26  # characters of a name beside its bar
JITTER = 0.16  # points of one option lie so far apart that their number shows

HISTORY = (
    "Each point is the best value of one trial, in the order in which they were suggested; the "
    "line is the best until then."
)
IMPORTANCES = (
    "How much of the difference between the best tenth of the trials and all of them goes with "
    "each hyperparameter (PED-ANOVA, shares of 1). Trials that were stopped early count with what "
    "they had reached."
)
SOMETIMES = (
    " Below, in grey: hyperparameters that exist in some configurations only; their shares come "
    "from fewer trials."
)
SLICE = "Each point is a trial; later ones are bluer, the best is orange."
APART = " All trials with {} lie outside of it, so there the axis is another one."


def search_figures(points: Points, objective: Objective, rows: Mapping[str, int]) -> list[Figure]:
    """History, importances, parallel coordinates, slices and contour.

    Args:
        rows: of ``digits.rows_of``.
    """
    ranked = points.ranked
    known = [point.value for point in ranked]
    bounds = axis(known, objective.mode)
    values = {"title": {"text": shown(objective.metric)}, **bounds}
    digits = metric_format(objective.metric, rows)
    outside = left_out(known, bounds)
    missing = "" if ranked else NO_VALUE
    history = Figure("history", "Optimisation history", HISTORY + outside, note=missing)
    history = drawn(history, lambda: _history(ranked, objective, values, digits))
    if why_not := _why_not(points):
        return [history, Figure("importances", "Importances and slices", "", note=why_not)]
    shares = importances(points)
    order = [parameter for parameter, _ in shares]
    return [
        history,
        _importances_figure(shares),
        _parallel_figure(points, order, objective, bounds, digits),
        *_slices(points, order[:MOST_SLICES], values, outside, digits),
        *_contour(points, order, objective, bounds, digits),
    ]


def _why_not(points: Points) -> str:
    """Why parameters cannot be compared; empty where they can."""
    if len(points.ranked) < 2:
        return "At least two trials with a value are needed to compare parameters."
    if not points.parameters:
        return "Every setting is a constant: there is nothing to compare."
    if len({point.value for point in points.ranked}) < 2:
        return "All trials have the same value: no parameter made a difference."
    return ""


# -- plots ---------------------------------------------------------------------------------------


def _history(ranked: Sequence[Point], objective: Objective, values: Axis, digits: str) -> Body:
    ordered = sorted(ranked, key=lambda point: point.number)
    better = max if objective.mode == "max" else min
    path: list[float] = []
    for point in ordered:
        path.append(better(path[-1], point.value) if path else point.value)
    numbers = [point.number for point in ordered]
    trials = {
        "type": "scatter",
        "mode": "markers",
        "name": "trial",
        "x": numbers,
        "y": [point.value for point in ordered],
        "marker": {"color": BLUE, "size": 7, "opacity": 0.75},
        "hovertemplate": f"trial %{{x}}: %{{y:{digits}}}<extra></extra>",
    }
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": numbers,
        "y": path,
        "line": {"color": ORANGE, "width": 2, "shape": "hv"},
        "hovertemplate": f"best until trial %{{x}}: %{{y:{digits}}}<extra></extra>",
    }
    across = {"title": {"text": "trial"}, **whole(max(numbers))}
    return body([trials, line], xaxis=across, yaxis=values, **LEGEND)


def _importances_figure(shares: Sequence[tuple[Parameter, float | None]]) -> Figure:
    sometimes = SOMETIMES if any(parameter.is_conditional for parameter, _ in shares) else ""
    title, caption = "Hyperparameter importances", IMPORTANCES + sometimes
    figure = Figure("importances", title, caption, height=110 + 26 * len(shares))
    return drawn(figure, lambda: _importances(shares))


def _importances(shares: Sequence[tuple[Parameter, float | None]]) -> Body:
    upwards = list(reversed(shares))
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [share or 0.0 for _, share in upwards],
        "y": list(range(len(upwards))),
        "marker": {"color": [GREY if p.is_conditional else BLUE for p, _ in upwards]},
        "text": [_share(share) for _, share in upwards],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": [parameter.label for parameter, _ in upwards],
        "hovertemplate": "%{customdata}: %{text}<extra></extra>",
    }
    across = {"title": {"text": "share"}, "rangemode": "tozero"}
    names = [shown(parameter.name, LONGEST_NAME) for parameter, _ in upwards]
    marks = {"tickvals": bars["y"], "ticktext": names, "showgrid": False, "zeroline": False}
    return body([bars], xaxis=across, yaxis=marks)


def _share(share: float | None) -> str:
    if share is None:
        return "too few trials have it"
    return f"{share:.2f}" if share >= 0.01 else "<0.01"


def _parallel_figure(
    points: Points,
    order: Sequence[Parameter],
    objective: Objective,
    bounds: Axis,
    digits: str,
) -> Figure:
    within = [point for point in points.ranked if is_within(point.value, bounds)]
    few, drawn_axes = thinned(within, MOST_LINES), list(order[: MOST_AXES - 1])
    absent = any(p.name not in point.places for point in few for p in drawn_axes)
    caption = PARALLEL + (BELOW if absent else "")
    if left := len(order) - len(drawn_axes):
        caption += f" Of the hyperparameters, the {left} least important are left out."
    if hidden := len(points.ranked) - len(few):
        caption += f" {hidden:,} other trials are left out."
    figure = Figure(
        "parallel",
        "Parallel coordinates",
        caption,
        height=440,
        width=WIDTH * (len(drawn_axes) + 1),
    )
    return drawn(figure, lambda: parallel(few, drawn_axes, objective, bounds, digits))


def _slices(
    points: Points, order: Sequence[Parameter], values: Axis, outside: str, digits: str
) -> list[Figure]:
    """The value against each parameter, on one scale unless a parameter's has nothing to show."""
    having = {parameter.name: points.having(parameter) for parameter in order}
    apart = [
        name
        for name, those in having.items()
        if those and not any(is_within(point.value, values) for point in those)
    ]
    caption = SLICE + outside + (APART.format(", ".join(apart)) if apart else "")
    return [
        drawn(
            Figure(f"slice-{place}", parameter.name, caption, height=240, group="Slices"),
            partial(
                _slice,
                points,
                parameter,
                {} if parameter.name in apart else values,
                digits,
            ),
        )
        for place, parameter in enumerate(order)
    ]


def _slice(points: Points, parameter: Parameter, values: Axis, digits: str) -> Body:
    having = sorted(points.having(parameter), key=lambda point: point.number)
    across = {point.number: _across(parameter, point) for point in having}
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": list(across.values()),
        "y": [point.value for point in having],
        "customdata": [
            [point.number, parameter.text(point.places[parameter.name])] for point in having
        ],
        "marker": {
            "color": [point.number for point in having],
            "colorscale": FROM_GREY,
            "size": 7,
            "opacity": 0.8,
        },
        "hovertemplate": (
            f"trial %{{customdata[0]}}: %{{customdata[1]}}, %{{y:{digits}}}<extra></extra>"
        ),
    }
    data, best = [dots], points.ranked[0]
    if best.number in across:  # on top of the others
        data.append(mark(across[best.number], best.value, "circle", 11))
    upright = {**values, "title": {"text": ""}}
    return body(data, xaxis=axis_of(parameter), yaxis=upright)


def _across(parameter: Parameter, point: Point) -> float:
    """Where a point stands: beside its option by an amount that its number decides."""
    place = point.places[parameter.name]
    if not parameter.options:
        return place
    golden = (math.sqrt(5) - 1) / 2
    return round(place + JITTER * (2 * (point.number * golden % 1) - 1), 3)


def axis_of(parameter: Parameter) -> Axis:
    """A parameter's axis over its whole range, with round numbers or its options."""
    low, high = parameter.bounds
    if options := parameter.labels:
        texts = [shown(option, LONGEST_TICK) for option in options]
        each = math.ceil(len(texts) * (max(map(len, texts)) + 1) / ROOM) if len(texts) > 6 else 1
        shown_options = list(range(0, len(texts), each))
        return {
            "tickvals": shown_options,
            "ticktext": [texts[place] for place in shown_options],
            "range": [-0.5, high + 0.5],
            "zeroline": False,
        }
    found = ticks(low, high, is_log=parameter.is_log, is_integer=parameter.is_integer)
    marks = {"tickvals": found, "ticktext": [tick_text(value) for value in found]}
    if parameter.is_log:
        low, high = math.log10(low), math.log10(high)
    pad = 0.04 * (high - low)
    scale = {"type": "log"} if parameter.is_log else {}
    return {**scale, **marks, "range": [low - pad, high + pad], "zeroline": False}


def _contour(
    points: Points, order: Sequence[Parameter], objective: Objective, bounds: Axis, digits: str
) -> list[Figure]:
    """Of the two most important ranges of all configurations that take many values."""
    many = [
        parameter
        for parameter in order
        if not parameter.is_conditional
        and not parameter.options
        and len({point.places[parameter.name] for point in points.ranked}) >= MANY
    ]
    if len(many) < 2:
        return []
    across, upright = many[:2]
    title = f"Contour of {across.name} and {upright.name}"
    return [
        drawn(
            Figure("contour", title, CONTOUR, height=420),
            lambda: contour(
                points.ranked,
                (across, axis_of(across)),
                (upright, axis_of(upright)),
                objective,
                bounds,
                digits,
            ),
        )
    ]
