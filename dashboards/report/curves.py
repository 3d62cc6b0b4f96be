"""Learning curves: of many trials, and of the best on the training and the validation part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from lanewise.dashboards.digits import metric_format, rows_of
from lanewise.dashboards.report.figure import (
    BLUE,
    CURVES,
    EXPLODED,
    GREY,
    LEGEND,
    NO_VALUE,
    ORANGE,
    Axis,
    Body,
    Figure,
    axis,
    body,
    drawn,
    left_out,
    mark,
    shown,
    whole,
)
from lanewise.search.core.events import Row
from lanewise.search.core.history import Trial
from lanewise.search.core.spec import Mode, Objective
from lanewise.search.store.view import View

MOST_CURVES = 150
MOST_EPOCHS = 200  # points of one curve
MOST_METRICS = 6  # of the best trial, each a plot of its own

Curve = tuple[list[int], list[float]]  # (epochs, values)

ALL = "Orange: the best trial, with a diamond at its best epoch; grey: the others."
BEST = "The best trial on the training and the validation part; the dotted line is its best epoch."


def learning_figures(view: View) -> list[Figure]:
    """The objective's curves of all trials, then every metric of the best trial on both parts."""
    history, objective, rows = view.history, view.spec.objective, rows_of(view.launch)
    shown_trials = choose(history.ranked(), MOST_CURVES)
    hidden = sum(1 for trial in history if trial.best) - len(shown_trials)
    missing = "" if shown_trials else NO_VALUE
    left = f" {hidden:,} other trials are left out." if hidden else ""
    values = [value for t in shown_trials for value in curve(t.rows, objective.metric)[1]]
    heights = axis(values, objective.mode, CURVES)
    caption = ALL + left + left_out(values, heights)
    everyone = Figure("curves", "Learning curves", caption, note=missing)
    digits = metric_format(objective.metric, rows)
    figures = [drawn(everyone, lambda: _everyone(shown_trials, objective, heights, digits))]
    if history.best is not None:
        figures += _best(history.best, rows)
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


def _everyone(ranked: Sequence[Trial], objective: Objective, heights: Axis, digits: str) -> Body:
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
    traces = [
        {
            "x": epochs,
            "y": values,
            "customdata": numbers,
            "name": "other trials",
            "line": {"color": GREY, "width": 1},
            "marker": {"size": 3},
            "opacity": 0.45,
            "hovertemplate": _hover("trial %{customdata}, ", digits),
        },
        {
            "x": x,
            "y": y,
            "name": f"trial {best.number}",
            "line": {"color": ORANGE, "width": 2.5},
            "marker": {"size": 5},
            "hovertemplate": _hover(f"trial {best.number}, ", digits),
        },
    ]
    traces = [{"type": "scatter", "mode": "lines+markers", **t} for t in traces if t["x"]]
    if best.best is not None:
        traces.append(mark(*best.best, "diamond", 13))
    upright = {"title": {"text": shown(objective.metric)}, **heights}
    return body(traces, xaxis=_epochs(ranked), yaxis=upright, **LEGEND)


def _hover(before: str, digits: str) -> str:
    return f"{before}epoch %{{x}}: %{{y:{digits}}}<extra></extra>"


def _epochs(trials: Sequence[Trial]) -> Axis:
    return {"title": {"text": "epoch"}, **whole(max(trial.epoch for trial in trials))}


def _best(trial: Trial, rows: Mapping[str, int]) -> list[Figure]:
    return [
        _part(trial, title, lines, place, rows)
        for place, (title, lines) in enumerate(by_part(trial.rows)[:MOST_METRICS])
    ]


def _part(
    trial: Trial, title: str, lines: dict[str, str], place: int, rows: Mapping[str, int]
) -> Figure:
    values = [value for metric in lines.values() for value in curve(trial.rows, metric)[1]]
    heights = axis(values, _better(values), EXPLODED)
    # The caption of the first is the group's.
    caption = BEST if place == 0 else ""
    group = f"Trial {trial.number}, epoch by epoch"
    figure = Figure(f"best-{place}", title, caption, height=300, group=group)
    return drawn(figure, partial(_parts, trial, lines, heights, rows))


def _better(values: Sequence[float]) -> Mode:
    """Towards which end most values lie: whether more or less of a metric is better, few say."""
    if not values:
        return "min"
    return "min" if 2 * median(values) <= min(values) + max(values) else "max"


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


def _parts(trial: Trial, lines: dict[str, str], heights: Axis, rows: Mapping[str, int]) -> Body:
    traces = []
    for name, metric in lines.items():
        x, y = curve(trial.rows, metric)
        colour = GREY if name == "training" else BLUE
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": x,
                "y": y,
                "name": shown(name),
                "line": {"color": colour, "width": 2},
                "marker": {"size": 4},
                "hovertemplate": _hover(f"{shown(name)}, ", metric_format(metric, rows)),
            }
        )
    layout: dict[str, Any] = {"xaxis": _epochs([trial]), "yaxis": heights}
    if trial.best is not None:
        line = {"color": ORANGE, "dash": "dot", "width": 2}
        ends = {"x0": trial.best[0], "x1": trial.best[0], "y0": 0, "y1": 1, "yref": "paper"}
        layout["shapes"] = [{"type": "line", "line": line, **ends}]
    return body(traces, **layout, **(LEGEND if len(lines) > 1 else {}))
