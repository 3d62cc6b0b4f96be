"""Learning curves: of many trials, and of the best on the training and the validation part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import plotly.graph_objects as go

from lanewise.dashboards.report.figure import BLUE, GREY, ORANGE, ZOOMED, Figure, axis, drawn
from lanewise.dashboards.report.study import shown
from lanewise.search.events import Row
from lanewise.search.history import Trial
from lanewise.search.spec import Objective
from lanewise.search.view import View

MOST_CURVES = 150
MOST_EPOCHS = 200  # points of one curve
MOST_METRICS = 6  # of the best trial, each a plot of its own

Curve = tuple[list[int], list[float]]  # (epochs, values)

ALL = "Orange: the best trial, with a diamond at its best epoch; grey: the others."
BEST = "The best trial on the training and the validation part; the dotted line is its best epoch."


def learning_figures(view: View) -> list[Figure]:
    """The objective's curves of all trials, then every metric of the best trial on both parts."""
    history, objective = view.history, view.spec.objective
    shown_trials = choose(history.ranked(), MOST_CURVES)
    hidden = sum(1 for trial in history if trial.best) - len(shown_trials)
    missing = "" if shown_trials else "No trial has reported a usable value."
    left = f" {hidden} other trials are left out." if hidden else ""
    values = [value for t in shown_trials for value in curve(t.rows, objective.metric)[1]]
    heights = axis(values, objective.mode)
    zoomed = ZOOMED if "range" in heights else ""
    everyone = Figure("curves", "Learning curves", ALL + left + zoomed, note=missing)
    figures = [drawn(everyone, lambda: _everyone(shown_trials, objective, heights))]
    if history.best is not None:
        figures += _best(history.best)
    return figures


def choose(ranked: Sequence[Trial], most: int) -> list[Trial]:
    """All, or the best half of ``most`` and an even choice of the others."""
    if len(ranked) <= most:
        return list(ranked)
    half = most // 2
    others = ranked[half:]
    return [*ranked[:half], *(others[i * len(others) // half] for i in range(half))]


def curve(rows: Sequence[Row], metric: str, most: int = MOST_EPOCHS) -> Curve:
    """The finite values of a metric; of more than ``most`` an even choice with both ends."""
    known = [(epoch, metrics[metric]) for epoch, metrics in rows if metric in metrics]
    known = [(epoch, value) for epoch, value in known if math.isfinite(value)]
    if len(known) > most:
        known = [known[i * (len(known) - 1) // (most - 1)] for i in range(most)]
    return [epoch for epoch, _ in known], [value for _, value in known]


def _everyone(ranked: Sequence[Trial], objective: Objective, heights: dict[str, Any]) -> go.Figure:
    """All but the best are one trace with gaps: a trace for each would draw for seconds."""
    best, *others = ranked
    epochs: list[int | None] = []
    values: list[float | None] = []
    numbers: list[int | None] = []
    for trial in others:
        x, y = curve(trial.rows, objective.metric)
        epochs += [*x, None]
        values += [*y, None]
        numbers += [trial.number] * len(x) + [None]
    x, y = curve(best.rows, objective.metric)
    figure = go.Figure(
        [
            go.Scatter(
                x=epochs,
                y=values,
                customdata=numbers,
                name="other trials",
                mode="lines+markers",
                line={"color": GREY, "width": 1},
                marker={"size": 3},
                opacity=0.45,
                hovertemplate="trial %{customdata}, epoch %{x}: %{y:.6g}<extra></extra>",
            ),
            go.Scatter(
                x=x,
                y=y,
                name=f"trial {best.number}",
                mode="lines+markers",
                line={"color": ORANGE, "width": 2.5},
                marker={"size": 5},
                hovertemplate=f"trial {best.number}, epoch %{{x}}: %{{y:.6g}}<extra></extra>",
            ),
        ]
    )
    if best.best is not None:
        figure.add_scatter(
            x=[best.best[0]],
            y=[best.best[1]],
            mode="markers",
            showlegend=False,
            hoverinfo="skip",
            marker={"color": ORANGE, "size": 13, "symbol": "diamond-open", "line": {"width": 2}},
        )
    figure.update_layout(legend=_LEGEND)
    figure.update_xaxes(title_text="epoch", rangemode="tozero")
    figure.update_yaxes(title_text=shown(objective.metric), **heights)
    return figure


def _best(trial: Trial) -> list[Figure]:
    return [
        drawn(
            Figure(
                f"best-{place}",
                title,
                BEST if place == 0 else "",
                height=300,
                group=f"Trial {trial.number}, epoch by epoch",
            ),
            partial(_parts, trial, lines),
        )
        for place, (title, lines) in enumerate(by_part(trial.rows)[:MOST_METRICS])
    ]


def by_part(rows: Sequence[Row]) -> list[tuple[str, dict[str, str]]]:
    """(title, line's name -> metric) for each plot: first what was measured on both parts."""
    names = list(dict.fromkeys(name for _, metrics in rows for name in metrics))
    bases = [name.removeprefix("val_") for name in names if name.startswith("val_")]
    both = [
        (base, {"training": f"train_{base}", "validation": f"val_{base}"})
        for base in bases
        if f"train_{base}" in names
    ]
    paired = {metric for _, lines in both for metric in lines.values()}
    return [*both, *((name, {name: name}) for name in names if name not in paired)]


def _parts(trial: Trial, lines: dict[str, str]) -> go.Figure:
    figure = go.Figure()
    for name, metric in lines.items():
        x, y = curve(trial.rows, metric)
        figure.add_scatter(
            x=x,
            y=y,
            name=shown(name),
            mode="lines+markers",
            line={"color": GREY if name == "training" else BLUE, "width": 2},
            marker={"size": 4},
            hovertemplate="epoch %{x}: %{y:.6g}",
        )
    if trial.best is not None:
        figure.add_vline(x=trial.best[0], line={"color": ORANGE, "dash": "dot", "width": 2})
    figure.update_layout(legend=_LEGEND, showlegend=len(lines) > 1)
    figure.update_xaxes(title_text="epoch", rangemode="tozero")
    figure.update_yaxes(automargin=True)
    return figure


_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
