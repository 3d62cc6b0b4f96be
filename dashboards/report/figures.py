"""The plots of the search: Optuna's own, in colours that stand on light and on dark paper."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna import visualization
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lanewise.dashboards.report.figure import (
    BLUE,
    FROM_GREY,
    INK,
    ORANGE,
    PAPER,
    ZOOMED,
    Figure,
    axis,
    drawn,
)
from lanewise.dashboards.report.study import best_first, shown
from lanewise.search.spec import Objective

Axis = dict[str, Any]  # of Plotly: the settings of an axis

MOST_LINES = 200  # trials in parallel coordinates: each line is a trace of its own
MOST_POINTS = 100  # trials in the contour, whose grid has a row and a column for each
MOST_SLICES = 12

HISTORY = (
    "Each point is the best value of one trial, in the order in which they were asked for; the "
    "line is the best until then."
)
IMPORTANCES = (
    "How much of the difference between good and middling trials goes with each parameter "
    "(PED-ANOVA, shares of 1). Trials that were stopped early count with what they had reached."
)
PARALLEL = (
    "Each line is one trial, the better the bluer, the best in orange. None: the parameter "
    "does not exist in that trial's configuration."
)
SLICE = "Later trials are bluer; the best is orange."
CONTOUR = "The two most important parameters that every trial has, and the value between trials."


def search_figures(study: optuna.Study, objective: Objective) -> list[Figure]:
    """History, importances, parallel coordinates, slices and contour of a study."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    names = list(dict.fromkeys(name for trial in complete for name in trial.params))
    metric = shown(objective.metric)
    missing = "" if complete else "No trial has reported a usable value."
    values = {"title_text": metric, **axis([t.value or 0.0 for t in complete], objective.mode)}
    zoomed = ZOOMED if "range" in values else ""
    history = Figure("history", "Optimisation history", HISTORY + zoomed, note=missing)
    history = drawn(history, lambda: _history(study, values))
    why_not = _why_not(complete, names)
    if why_not:
        return [history, Figure("importances", "Importances and slices", "", note=why_not)]
    importances = drawn(
        Figure("importances", "Hyperparameter importances", IMPORTANCES, height=_tall(names)),
        lambda: _importances(study),
    )
    order = _order(importances, names)
    few = thinned(study, MOST_LINES, values.get("range"))
    left = len(complete) - len(few.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    note = f" {left} other trials are left out." if left else ""
    width = 110 * (len(names) + 1)
    parallel = Figure("parallel", "Parallel coordinates", PARALLEL + note, height=440, width=width)
    return [
        history,
        importances,
        drawn(parallel, lambda: _parallel(few, metric)),
        *_slices(study, order[:MOST_SLICES], values),
        *_contour(study, complete, order, values),
    ]


def _why_not(complete: Sequence[FrozenTrial], names: Sequence[str]) -> str:
    """Why parameters cannot be compared; empty where they can."""
    if len(complete) < 2:
        return "At least two trials with a value are needed to compare parameters."
    if not names:
        return "Every setting is a constant: there is nothing to compare."
    if len({trial.value for trial in complete}) < 2:
        return "All trials have the same value: no parameter made a difference."
    return ""


def thinned(study: optuna.Study, most: int, within: Sequence[float] | None = None) -> optuna.Study:
    """A study of the best half of ``most`` trials and an even choice of the others, or of all.

    Args:
        within: (lowest, highest) value of a trial that is kept.
    """
    low, high = within or (-math.inf, math.inf)
    kept = [trial for trial in best_first(study) if low <= (trial.value or 0.0) <= high]
    if len(kept) > most:
        half = most // 2
        others = kept[half:]
        kept = kept[:half] + [others[i * len(others) // half] for i in range(half)]
    return _study(study.direction, sorted(kept, key=lambda trial: trial.number))


def _study(direction: StudyDirection, trials: Sequence[FrozenTrial]) -> optuna.Study:
    made = optuna.create_study(direction=direction)
    made.add_trials(trials)
    return made


# -- plots ---------------------------------------------------------------------------------------


def _history(study: optuna.Study, values: Axis) -> go.Figure:
    figure = visualization.plot_optimization_history(study)
    line = next(trace for trace in figure.data if trace.mode == "lines")
    points = next(trace for trace in figure.data if trace.mode == "markers")
    points.update(
        name="trial",
        marker={"color": BLUE, "size": 7, "opacity": 0.75},
        hovertemplate="trial %{x}: %{y:.6g}<extra></extra>",
    )
    line.update(name="best so far", line={"color": ORANGE, "width": 2, "shape": "hv"})
    figure = go.Figure([points, line], figure.layout)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title_text="trial", rangemode="tozero")
    figure.update_yaxes(**values)
    return figure


def _importances(study: optuna.Study) -> go.Figure:
    """Optuna's importances; its own plot copies all trials once for each parameter."""
    with warnings.catch_warnings():
        # The caution of few trials stands on the page, in words for people.
        warnings.filterwarnings("ignore", "Some regimes for parameter")
        found = optuna.importance.get_param_importances(study)
    names, shares = list(reversed(found)), list(reversed(found.values()))
    bars = go.Bar(
        x=shares,
        y=names,
        orientation="h",
        marker={"color": BLUE},
        text=[f"{share:.2f}" if share >= 0.01 else "<0.01" for share in shares],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
    figure = go.Figure([bars])
    figure.update_xaxes(title_text="share", rangemode="tozero")
    return figure.update_yaxes(type="category")


def _order(importances: Figure, names: Sequence[str]) -> list[str]:
    """The parameters, the most important first; as they came where there are no importances."""
    drawn_names = importances.body["data"][0]["y"] if importances.body else []
    return [*reversed(drawn_names), *(name for name in names if name not in drawn_names)]


def _parallel(study: optuna.Study, metric: str) -> go.Figure:
    figure = visualization.plot_parallel_coordinate(study, target_name=metric)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    rest = [trace for trace in figure.data if trace.mode != "lines"]
    for trace in rest:
        trace.update(marker={"showscale": False})  # its colours are not ours
    # Lines do not come in the order of trials: a line's first coordinate is its value.
    upwards = study.direction == StudyDirection.MAXIMIZE
    lines.sort(key=lambda trace: trace.y[0] if upwards else -trace.y[0])
    for place, trace in enumerate(lines, 1):
        share = place / len(lines)
        trace.update(line={"color": _mix(share), "width": 1.2}, opacity=0.35 + 0.45 * share)
    told = _best_labels(study, metric)
    best = next(trace for trace in reversed(lines) if told <= _labels(trace))
    best.update(line={"color": ORANGE, "width": 3}, opacity=1.0)
    lines.sort(key=lambda trace: trace is best)  # on top of the others
    figure.update_layout(plot_bgcolor=None, yaxis_fixedrange=True)
    figure.update_annotations(font={"size": 11, "color": INK}, bgcolor=PAPER)
    figure.update_xaxes(fixedrange=True, range=[-0.4, len(best.x) - 0.4])
    return go.Figure([*lines, *rest], figure.layout)


def _best_labels(study: optuna.Study, metric: str) -> set[tuple[str, str]]:
    """What the best trial's line says of itself; equal labels mean lines that look the same."""
    alone = _study(study.direction, best_first(study)[:1])
    figure = visualization.plot_parallel_coordinate(alone, target_name=metric)
    return _labels(figure.data[0])


def _labels(trace: go.Scatter) -> set[tuple[str, str]]:
    return {(name, text) for name, text in trace.customdata}


def _mix(share: float) -> str:
    """Between the two ends of FROM_GREY."""
    low, high = ([int(colour[i : i + 2], 16) for i in (1, 3, 5)] for _, colour in FROM_GREY)
    return (
        f"rgb({','.join(str(round(a + share * (b - a))) for a, b in zip(low, high, strict=True))})"
    )


def _slices(study: optuna.Study, names: Sequence[str], values: Axis) -> list[Figure]:
    """The value against each parameter, all on the same scale."""
    zoomed = ZOOMED if "range" in values else ""
    return [
        drawn(
            Figure(f"slice-{place}", name, SLICE + zoomed, height=240, group="Slices"),
            partial(_slice, study, name, values),
        )
        for place, name in enumerate(names)
    ]


def _slice(study: optuna.Study, name: str, values: Axis) -> go.Figure:
    figure = visualization.plot_slice(study, params=[name])
    (points,) = figure.data
    best = best_first(study)[0].number
    numbers = list(points.marker.color)
    points.update(
        marker={"colorscale": FROM_GREY, "showscale": False, "size": 7},
        customdata=numbers,
        hovertemplate="trial %{customdata}: %{x}, %{y:.6g}<extra></extra>",
    )
    if best in numbers:  # on top of the others
        place = numbers.index(best)
        marker = {"color": ORANGE, "size": 11, "symbol": "circle-open", "line": {"width": 3}}
        figure.add_scatter(
            x=[points.x[place]],
            y=[points.y[place]],
            mode="markers",
            marker=marker,
            showlegend=False,
            hoverinfo="skip",
        )
    figure.update_xaxes(title_text="", **_ticks(figure.layout.xaxis, list(points.x)))
    low, high = values.get("range", (-math.inf, math.inf))
    if any(low <= value <= high for value in points.y):
        figure.update_yaxes(**values)
    return figure.update_yaxes(title_text="")


def _ticks(xaxis: Any, values: Sequence[Any]) -> Axis:
    """Labels without quotes, whole numbers for integers, and decades on a log scale."""
    if xaxis.type == "category":
        labels = list(xaxis.categoryarray)
        return {"tickvals": labels, "ticktext": [label.strip("'") for label in labels]}
    low, high = min(values), max(values)
    if xaxis.type == "log":
        return {"dtick": 1, "exponentformat": "power"} if high >= 100 * low else {}
    return {"dtick": 1} if all(isinstance(v, int) for v in values) and high - low <= 10 else {}


def _contour(
    study: optuna.Study, complete: Sequence[FrozenTrial], order: Sequence[str], values: Axis
) -> list[Figure]:
    """Of the two most important parameters that every trial has and that take many values."""
    everywhere = [
        name
        for name in order
        if all(name in trial.params for trial in complete)
        and len({trial.params[name] for trial in complete}) > 2
    ]
    if len(everywhere) < 2:
        return []
    few, pair = thinned(study, MOST_POINTS), everywhere[:2]
    low, high = values.get("range", (None, None))

    def draw() -> go.Figure:
        figure = visualization.plot_contour(few, params=pair, target_name=values["title_text"])
        surface = {"colorscale": "Viridis", "line_width": 0, "zmin": low, "zmax": high}
        surface |= {"zauto": low is None, "colorbar": {"thickness": 14}}
        figure.update_traces(surface, selector={"type": "contour"})
        marker = {"color": "#ffffff", "size": 6, "line": {"color": "#000000", "width": 1}}
        figure.update_traces(selector={"type": "scatter"}, marker=marker)
        return figure.update_xaxes(exponentformat="power").update_yaxes(exponentformat="power")

    title = f"Contour of {pair[0]} and {pair[1]}"
    return [drawn(Figure("contour", title, CONTOUR, height=420), draw)]


def _tall(names: Sequence[str]) -> int:
    return 110 + 26 * len(names)
