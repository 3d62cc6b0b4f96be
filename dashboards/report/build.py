"""Builds a sweep's report and puts it into place in one step."""

from __future__ import annotations

import os
import re
from pathlib import Path

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
    return _put(out or home.report(view.launch.sweep), text)


def report_of(view: View, home: Home) -> Path | None:
    """The sweep's report in its home, if there is one that shows the sweep as it is now."""
    path = home.report(view.launch.sweep)
    try:
        with path.open(encoding="utf-8") as file:
            head = file.read(1000)
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r'<meta name="lanewise-records" content="(\d+)">', head)
    return path if found and int(found[1]) >= view.seq else None


def _put(path: Path, text: str) -> Path:
    """Replaces the file in one step: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
