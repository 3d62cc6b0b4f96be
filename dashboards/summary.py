"""A sweep as plain JSON values: what ``--json`` prints, and what the terminal renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lanewise.dashboards.digits import rows_of
from lanewise.dashboards.grouping import FailureGroup, final_failures, group_failures
from lanewise.dashboards.report.files import report_of
from lanewise.dashboards.state import Cursor, mask, read_cursor, shown_uri
from lanewise.dashboards.state import pending as pending_records
from lanewise.dashboards.worth import corrected_of
from lanewise.search.core.history import Trial
from lanewise.search.core.states import CANCELLED, COMPLETED, FAILED, PAUSED, STOPPED
from lanewise.search.errors import JournalError
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal
from lanewise.search.store.view import View, open_view

LATE = 600.0  # seconds after the last record within which draining still belongs to the run
COUNTED = (COMPLETED, STOPPED, FAILED, CANCELLED, PAUSED)


class Summary(dict[str, Any]):
    """What ``--json`` prints, in full.

    Attributes:
        notes: topic -> what a person should know besides.
        failures: of the trials that failed for good.
        rows: that the metrics of each part stand for, which say how many digits they deserve.
        objective: the metric's name.
    """

    notes: Mapping[str, str] = MappingProxyType({})
    failures: Sequence[FailureGroup] = ()
    rows: Mapping[str, int] = MappingProxyType({})
    objective: str = ""


def summary(view: View, home: Home, *, pending: int | None = None) -> Summary:
    """The summary of one sweep, as ``run``, ``resume`` and ``show`` print it.

    Args:
        pending: records that MLflow does not show yet; without it, as the cursor says now.
    """
    cursor = read_cursor(home, view.launch.sweep)
    if pending is None:
        pending = pending_records(home, view.launch.sweep, view.journal)
    opened = view.history.opened
    best_trials, report = best(view), report_of(view, home)
    told: dict[str, Any] = {
        "sweep": view.launch.sweep,
        "name": view.launch.name,
        "status": view.status(home),
        "executor": opened.executor if opened else None,
        "seconds": round(_to_drained(view, cursor), 3),
        "seconds_best_known": round(running_seconds(view, view.decided_at), 3),
        "trials": counts(view),
        "best": best_trials[0] if best_trials else None,
        "mlflow": {
            "tracking_uri": mask(shown_uri(home, view.launch, cursor)),
            "experiment_id": cursor.experiment_id,
            "run_id": cursor.run_id,
            "pending": pending,
        },
        "report": str(report) if report else None,
    }
    summed = Summary(told)
    summed.notes = view.history.notes
    summed.failures = group_failures(final_failures(view.history))
    summed.rows = rows_of(view.launch)
    summed.objective = view.spec.objective.metric
    return summed


def counts(view: View) -> dict[str, int]:
    """The number of trials asked for, by the way they ended, and of those that are paused."""
    return {"asked": len(view.history)} | {name: view.history.count(name) for name in COUNTED}


def running_seconds(view: View, until: float | None = None) -> float:
    """The time of all sessions, the first one from the launch on; pauses between do not count."""
    sessions = view.sessions or [(view.launched_at, view.last_at)]
    starts = [view.launched_at, *(start for start, _ in sessions[1:])]
    ends = [end if until is None else min(end, until) for _, end in sessions]
    return sum(max(0.0, end - start) for start, end in zip(starts, ends, strict=True))


def _to_drained(view: View, cursor: Cursor) -> float:
    """The time of all sessions, and of draining after the last."""
    drained = cursor.drained_at or 0.0
    lag = drained - view.last_at
    # A projection that was made up for much later is no part of the run, nor is that of a test.
    is_of_run = 0 < lag < LATE and not (view.uses and drained > view.uses[0][0])
    return running_seconds(view) + (lag if is_of_run else 0.0)


def history(view: View) -> list[dict[str, Any]]:
    """Every trial in the order of its number, with all metrics of its best epoch."""
    return [_told(trial) for trial in view.history]


def _told(trial: Trial) -> dict[str, Any]:
    told: dict[str, Any] = {
        "trial": trial.number,
        "params": trial.best_params,
        "status": trial.status,
        "epochs": trial.epoch,
        "metrics": trial.best_metrics,
        "attempts": trial.attempt,
    }
    if len(trial.segments) > 1:
        told["segments"] = [vars(segment) for segment in trial.segments]
    if trial.failures:
        told["failure"] = "\n\n".join(
            f"{failure.kind}: {failure.message.rstrip()}" for failure in trial.failures
        )
    return told


def best(view: View, top: int = 1) -> list[dict[str, Any]]:
    """The best trials, best first; fewer than ``top`` where fewer reported a usable value.

    The first one's value is corrected for having been selected.
    """
    history = view.history
    ranked = [history.best] if top == 1 and history.best else history.ranked()[:top]
    return [
        {
            "trial": trial.number,
            "params": trial.best_params,
            "metrics": trial.best_metrics,
            "epoch": trial.best[0],
            **(corrected_of(history) if trial is history.best else {}),
        }
        for trial in ranked
        if trial.best
    ]


class Listed(dict[str, Any]):
    """A sweep as ``ls --json`` prints it. ``rows``: as those of ``Summary``."""

    rows: Mapping[str, int] = MappingProxyType({})


def listing(journal: Journal, home: Home) -> list[Listed]:
    """Every sweep of the home in the order of launch; last those that cannot be read at all.

    A sweep with a broken record has the status ``broken``, and ``error`` says which it is.
    """
    found = []
    for launch, at in journal.launches():
        try:
            found.append(_listed(open_view(journal, launch.sweep), home))
        except JournalError as error:
            found.append(_broken(launch.sweep, launch.name, at, str(error)))
    broken = journal.unreadable().items()
    return found + [_broken(sweep, sweep, None, error) for sweep, error in broken]


def _broken(sweep: str, name: str, launched_at: float | None, error: str) -> Listed:
    told: dict[str, Any] = {
        "sweep": sweep,
        "name": name,
        "status": "broken",
        "executor": None,
        "launched_at": None if launched_at is None else round(launched_at, 3),
        "seconds": None,
        "trials": {"asked": 0} | dict.fromkeys(COUNTED, 0),
        "objective": None,
        "best": None,
        "error": error,
    }
    return Listed(told)


def _listed(view: View, home: Home) -> Listed:
    opened, winner, metric = view.history.opened, view.history.best, view.spec.objective.metric
    told: dict[str, Any] = {
        "sweep": view.launch.sweep,
        "name": view.launch.name,
        "status": view.status(home),
        "executor": opened.executor if opened else None,
        "launched_at": round(view.launched_at, 3),
        "seconds": round(running_seconds(view), 3),
        "trials": counts(view),
        "objective": metric,
        "best": {"trial": winner.number, "value": winner.best[1], "epoch": winner.best[0]}
        if winner is not None and winner.best is not None
        else None,
    }
    listed = Listed(told)
    listed.rows = rows_of(view.launch)
    return listed
