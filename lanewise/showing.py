"""The projector's process as those who drive a sweep have it: started, waited for, summed up."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lanewise.dashboards.launcher import start
from lanewise.dashboards.state import SWEEP_VARIABLE, URI_VARIABLE, wait_drained, wait_reported
from lanewise.search.home import Home
from lanewise.search.journal import Journal
from lanewise.search.plain import say
from lanewise.search.view import open_view


@dataclass
class Projector:
    """The process that shows a sweep in MLflow."""

    home: Home
    sweep: str
    uri: str | None  # an explicit one, with its password
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        explicit = {URI_VARIABLE: self.uri, SWEEP_VARIABLE: self.sweep} if self.uri else {}
        self.process = start(self.home, explicit)
        return self.process

    def finish(self, journal: Journal, patience: float) -> int:
        """Waits until all is shown, or nothing moves for ``patience`` seconds; the rest."""
        return wait_drained(
            self.home,
            journal,
            self.sweep,
            patience=patience,
            process=self.process,
            restart=self.start,
        )

    def finish_report(self, patience: float) -> None:
        """Waits until the report is there or will not come; says so when it takes longer."""
        with suppress(KeyboardInterrupt):  # the sweep is over: what is left out is the report
            if wait_reported(self.home, self.sweep, patience, self.process, self.start):
                return
        say(f"the report is not there yet; later: lanewise report {self.sweep}")


def finish(journal: Journal, projector: Projector, status: str) -> dict[str, Any]:
    """Waits for the projection to drain and for the report; the summary of what there is."""
    from lanewise.dashboards.summary import summary

    patience = 10.0 if status == "interrupted" else 60.0
    left = projector.finish(journal, patience)
    if not left:
        projector.finish_report(2 * patience)
    view = open_view(journal, projector.sweep)
    result: dict[str, Any] = summary(view, projector.home, pending=left)
    journal.close()
    return result
