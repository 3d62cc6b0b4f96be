"""The plot of what the best value is worth, beside the trials that are tied with it."""

from __future__ import annotations

from collections.abc import Mapping

from lanewise.dashboards.digits import metric_format
from lanewise.dashboards.report.figure import BLUE, LEGEND, ORANGE, Body, Figure, body, drawn, shown
from lanewise.dashboards.worth import interval, sizes_of
from lanewise.search.core.events import Estimated
from lanewise.search.core.history import History

MOST = 12  # tied trials that are drawn

CAPTION = (
    "The best of many values on the same validation rows is too good by chance. Corrected, it is "
    "{}: what to expect on new rows."
)
TIED = (
    " {} tied with it: their differences to the best may be chance, and in about nine in ten "
    "sweeps the truly best trial is among them and the best. A smaller one of them costs less, "
    "but taking the smallest cost about a point of accuracy in a study, so it is no rule."
)


def worth_figures(history: History, rows: Mapping[str, int]) -> list[Figure]:
    """One plot, or none where nothing is known.

    Args:
        rows: of ``digits.rows_of``.
    """
    estimate = history.estimate
    if estimate is None or not estimate.sizes:
        return []
    name, count = history.objective.metric, len(estimate.tied)
    told = interval(name, {key: getattr(estimate, key) for key in ("score", "low", "high")}, rows)
    caption = CAPTION.format(told)
    if count:
        trials = f"{count} trials are" if count > 1 else "One trial is"
        caption += TIED.format(trials)
    drawn_trials = 1 + min(count, MOST)
    figure = Figure(
        "worth", "What the best value is worth", caption, height=150 + 28 * drawn_trials
    )
    digits = metric_format(name, rows)
    return [drawn(figure, lambda: _worth(history, estimate, digits))]


def _worth(history: History, estimate: Estimated, digits: str) -> Body:
    ranked = {trial.number: place for place, trial in enumerate(history.ranked())}
    pairs = sorted(sizes_of(history), key=lambda pair: ranked[pair[0]])[: 1 + MOST]
    labels = [f"trial {number}: {size:,} parameters" for number, size in pairs]
    best = next(
        label for label, (number, _) in zip(labels, pairs, strict=True) if number == estimate.best
    )
    values = [trial.best[1] for number, _ in pairs if (trial := history.trials[number]).best]
    naive = {
        "type": "scatter",
        "mode": "markers",
        "name": "its best value",
        "x": values,
        "y": labels,
        "marker": {"color": BLUE, "size": 9},
        "hovertemplate": f"%{{y}}: %{{x:{digits}}}<extra></extra>",
    }
    corrected = {
        "type": "scatter",
        "mode": "markers",
        "name": "corrected, with a 90 % interval",
        "x": [estimate.score],
        "y": [best],
        "marker": {"color": ORANGE, "size": 11, "symbol": "diamond"},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [estimate.high - estimate.score],
            "arrayminus": [estimate.score - estimate.low],
            "color": ORANGE,
        },
        "hovertemplate": f"corrected: %{{x:{digits}}}<extra></extra>",
    }
    across = {"title": {"text": shown(history.objective.metric)}}
    upright = {"autorange": "reversed", "automargin": True}
    return body([naive, corrected], xaxis=across, yaxis=upright, **LEGEND)
