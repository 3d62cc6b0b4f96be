"""The value over two parameters, averaged over the trials near each point of their plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lanewise.dashboards.report.figure import ORANGE, Axis, Body, body, shown
from lanewise.dashboards.report.points import Parameter, Point, thinned
from lanewise.search.core.spec import Objective

MOST_POINTS = 150  # that are marked; all count
CELLS = 40  # along each axis
NEAR = 0.07  # of an axis: the standard deviation of a trial's weight
FAR = 3.0  # in such deviations: beyond, nothing is known

CONTOUR = (
    "The two most important numbers among the hyperparameters that take many values; the "
    "colour is the mean value of the trials near each point, blank where none is near. The best "
    "trial is orange."
)


def contour(
    ranked: Sequence[Point],
    across: tuple[Parameter, Axis],
    upright: tuple[Parameter, Axis],
    objective: Objective,
    bounds: Axis,
    digits: str,
) -> Body:
    """The plane, with the best trials and some of the others marked.

    Args:
        bounds: of the value axis, which the colours follow.
    """
    (x, x_axis), (y, y_axis) = across, upright
    cells = np.linspace(0, 1, CELLS)
    logs = bounds.get("type") == "log"
    values = np.array([math.log10(p.value) if logs else p.value for p in ranked])
    if "range" in bounds:
        values = np.clip(values, *bounds["range"])
    near_x, near_y = (_weights(parameter, ranked, cells) for parameter in (x, y))
    weights = near_y @ near_x.T  # [rows, columns]
    means = (near_y * values) @ near_x.T / np.maximum(weights, 1e-300)
    known = weights > math.exp(-0.5 * FAR**2)
    surface = {
        "type": "contour",
        "x": [_at(x, cell) for cell in cells],
        "y": [_at(y, cell) for cell in cells],
        "z": [
            [float(f"{mean:.5g}") if there else None for mean, there in zip(*row, strict=True)]
            for row in zip(means.tolist(), known.tolist(), strict=True)
        ],
        "colorscale": "Viridis",
        "reversescale": objective.mode == "min",
        "contours": {"coloring": "heatmap"},
        "line": {"width": 0},
        "connectgaps": False,
        "colorbar": {"thickness": 14, "title": {"text": _title(objective, logs)}},
        "hoverinfo": "skip",
    }
    best, *others = thinned(ranked, MOST_POINTS)
    marks = _marked([*reversed(others), best], x, y, digits)
    return body(
        [surface, marks],
        xaxis={**x_axis, "title": {"text": x.label}, "showgrid": False},
        yaxis={**y_axis, "title": {"text": y.label}, "showgrid": False},
    )


def _title(objective: Objective, logs: bool) -> str:
    return f"log10 {shown(objective.metric, 24)}" if logs else shown(objective.metric, 24)


def _weights(parameter: Parameter, ranked: Sequence[Point], cells: Any) -> Any:
    """How much each trial counts at each cell along one parameter [cells, trials]."""
    positions = [parameter.position(point.places[parameter.name]) for point in ranked]
    return np.exp(-0.5 * ((cells[:, None] - np.array(positions)) / NEAR) ** 2)


def _at(parameter: Parameter, cell: float) -> float:
    """The parameter's value (or place) at a share of its axis."""
    low, high = parameter.bounds
    if parameter.is_log:
        return float(f"{low * (high / low) ** cell:.6g}")
    return float(f"{low + (high - low) * cell:.6g}")


def _marked(points: Sequence[Point], x: Parameter, y: Parameter, digits: str) -> dict[str, Any]:
    """The trials, the best one last and in orange."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [point.places[x.name] for point in points],
        "y": [point.places[y.name] for point in points],
        "customdata": [[point.number, point.value] for point in points],
        "marker": {
            "color": [*["#ffffff"] * (len(points) - 1), ORANGE],
            "size": [*[6] * (len(points) - 1), 12],
            "line": {"color": "#000000", "width": 1},
        },
        "hovertemplate": f"trial %{{customdata[0]}}: %{{customdata[1]:{digits}}}<extra></extra>",
    }
