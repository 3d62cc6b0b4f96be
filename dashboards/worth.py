"""What the best value is worth, in words and as JSON: it was selected, so it is too good.

"About nine in ten" is what a study of real sweeps found for the tied trials. How probable it is
that one of two is the better, no bootstrap says reliably; so nothing here does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lanewise.dashboards.digits import metric, rows_of
from lanewise.dashboards.words import numbered
from lanewise.search.core.history import History
from lanewise.search.store.view import View


def corrected_of(history: History) -> dict[str, Any]:
    """The keys of a best configuration in JSON: "corrected" is null where nothing is known."""
    estimate = history.estimate
    if estimate is None:
        return {"corrected": None, "tied": []}
    ends = {"score": estimate.score, "low": estimate.low, "high": estimate.high}
    return {"corrected": ends, "tied": list(estimate.tied)}


def interval(name: str, corrected: Mapping[str, float], rows: Mapping[str, int]) -> str:
    """``0.970 (90 % interval 0.941 to 0.987)``.

    Args:
        name: of the metric. rows: of ``digits.rows_of``.
    """
    score, low, high = (metric(name, corrected[key], rows) for key in ("score", "low", "high"))
    return f"{score} (90 % interval {low} to {high})"


def ties(tied: Sequence[int]) -> str:
    """Which trials are tied with the best, and what that says; empty for none."""
    if not tied:
        return ""
    return (
        f"Tied with it: {numbered(tied)}. The differences may be chance; in about nine in ten "
        "sweeps the "
        "truly best one is among the best and those tied with it."
    )


def sizes_of(history: History) -> Iterator[tuple[int, int]]:
    """(trial, trainable parameters) of the best and of those tied with it."""
    estimate = history.estimate
    if estimate is not None:
        yield from zip((estimate.best, *estimate.tied), estimate.sizes, strict=False)


def uses_of(view: View) -> Iterator[tuple[str, str]]:
    """(when and by whom, for which trial and with what score) of each use of the test part."""
    rows = rows_of(view.launch)
    for at, use in view.uses:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
        scores = (f"{name} {metric(name, value, rows)}" for name, value in use.metrics.items())
        yield f"{when}, {use.by}", f"trial {use.trial}: {', '.join(scores)}"
