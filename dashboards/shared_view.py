"""A sweep's trials as MLflow's table shows them: best first, their scores beside their names.

By itself the table has no column for scores, and its address cannot name columns. A view can:
MLflow keeps views in tags of the experiment, and an address opens one by its key. Pure; no MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

MOST_METRICS, MOST_PARAMS = 6, 6  # columns
LONGEST_VIEW = 5000  # MLflow's limit for a tag of an experiment
_PREFIX = "mlflow.sharedViewState."

# The page of older releases takes a view as it is, and fails where one of its settings is missing.
_WHOLE: dict[str, Any] = {
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "runsPinned": [],
    "runsHidden": [],
    "runsExpanded": {},
    "runsVisibilityMap": {},
    "runsHiddenMode": "FIRST_10_RUNS",
    "viewMaximized": False,
    "runListHidden": False,
    "groupBy": None,
    "groupsExpanded": {},
    "autoRefreshEnabled": True,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "globalLineChartConfig": {
        "xAxisKey": "step",
        "lineSmoothness": 0,
        "selectedXAxisMetricKey": "",
    },
}


def trials_of(sweep: str) -> str:
    """The filter that finds the trials of a sweep (by id)."""
    return f"tags.`lanewise.sweep` = '{sweep}' and tags.`lanewise.kind` = 'trial'"


def order_of(metric: str, mode: str, ties: str) -> tuple[str, bool]:
    """(column, whether it rises) by which trials stand in the sweep's order, best first."""
    # Runs of a sweep of an older release have no such tag; its ties go by age anyway.
    if ties == "age":
        return f"metrics.`best_{metric}`", mode == "min"
    return "tags.`lanewise.order`", True


def view_key(sweep: str) -> str:
    """The tag of the experiment that holds a sweep's view; an address names it by the sweep."""
    return f"{_PREFIX}{sweep}"


def view(
    sweep: str,
    order: tuple[str, bool],
    metrics: Iterable[str],
    params: Iterable[str],
    made: int,
) -> str:
    """The text of a sweep's view.

    Args:
        order: as from ``order_of``.
        metrics, params: the columns, what matters most first; as many as MLflow's limit allows.
        made: milliseconds since 1970.
    """
    columns = [f"metrics.`{name}`" for name in metrics][:MOST_METRICS]
    columns.append("tags.`lanewise.outcome`")
    columns += [f"params.`{name}`" for name in params][:MOST_PARAMS]
    text = _text(sweep, order, columns, made)
    while len(text) > LONGEST_VIEW and columns:
        columns.pop()
        text = _text(sweep, order, columns, made)
    return text


def _text(sweep: str, order: tuple[str, bool], columns: list[str], made: int) -> str:
    """In the form of older releases and in today's, which read nothing of each other's."""
    state = {
        "searchFilter": trials_of(sweep),
        "orderByKey": order[0],
        "orderByAsc": order[1],
        "selectedColumns": columns,
    }
    today = {
        "name": f"{sweep}: trials, best first",
        "createdAt": made,
        "state": json.dumps(state, ensure_ascii=False),
    }
    return json.dumps(_WHOLE | state | today, ensure_ascii=False)
