"""Builds a sweep's report."""

from __future__ import annotations

from pathlib import Path

from lanewise.dashboards.report.files import put
from lanewise.search.store.home import Home
from lanewise.search.store.view import View


def build(view: View, home: Home, out: Path | None = None) -> Path:
    """Writes the report of a sweep as it is now.

    Args:
        out: the file; by default the home's ``reports/<sweep>.html``.

    Raises:
        OSError: it cannot be written.
    """
    # The drawing imports what commands that only ask for a report's path need not.
    from lanewise.dashboards.digits import rows_of
    from lanewise.dashboards.report.curves import learning_figures
    from lanewise.dashboards.report.facts import gather
    from lanewise.dashboards.report.figures import search_figures
    from lanewise.dashboards.report.page import render
    from lanewise.dashboards.report.points import points_of
    from lanewise.dashboards.report.worth import worth_figures

    facts = gather(view, home)
    points, rows = points_of(view), rows_of(view.launch)
    first, *others = search_figures(points, view.spec.objective, rows)
    worth = worth_figures(view.history, rows)
    text = render(facts, [*worth, first, *learning_figures(view), *others])
    return put(out or home.report(view.launch.sweep), text)
