"""What earlier trials of another sweep, or of a table, tell a new one: its spec's ``prior``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lanewise.search.core.events import Metrics
from lanewise.search.core.history import Trial
from lanewise.search.core.ranking import rank_of
from lanewise.search.core.spec import Objective, PriorResult, is_usable
from lanewise.search.core.states import COMPLETED, FAILED
from lanewise.search.errors import SearchError
from lanewise.search.store.view import View
from lanewise.spaces import Space, SpaceError, flatten
from lanewise.spaces.errors import nearest
from lanewise.spaces.flat import Scalar

# How MLflow, Optuna and Ray name the columns of parameters and metrics in their tables.
_OF_PARAMETERS = ("params.", "params_", "config/")
_OF_METRICS = ("metrics.", "values_", "best_")

Prior = tuple[tuple[PriorResult, ...], int]


def prior_from_view(
    view: View, space: Space, objectives: Sequence[Objective] | None = None
) -> Prior:
    """The results of a sweep's trials as ones of a new space, and how many do not fit it.

    A parameter that the new space does not have is left out, a constant of the new space that the
    trial did not have is filled in. A trial does not fit where it lacks a parameter of the new
    space, has a value outside of it, or never reported all objectives.

    Args:
        objectives: of the new sweep; by default those of the old one.
    """
    objectives = view.spec.objectives if objectives is None else objectives
    trials = [trial for trial in view.history if trial.rows and trial.status != FAILED]
    return _gathered(_of_trial(trial, space, objectives) for trial in trials)


def prior_from_table(
    path: str | Path, space: Space, objectives: Objective | Sequence[Objective]
) -> Prior:
    """The rows of a CSV file as finished trials of a space, and how many do not fit it.

    Columns are named like the parameters (``lr``, ``optimizer.momentum``, ``hidden.0``), or as the
    tables of MLflow, Optuna and Ray name them, and like the objectives. See ``prior_from_view``.

    Raises:
        SearchError: no such file, no table, or no column of an objective.
    """
    wanted = [objectives] if isinstance(objectives, Objective) else list(objectives)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = list(reader.fieldnames or ())
            columns = [_column(path, names, objective.metric) for objective in wanted]
            return _gathered([_of_row(row, columns, wanted, space) for row in reader])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SearchError(f"{path}: cannot be read as a table: {why}") from None


def _gathered(results: Iterable[PriorResult | None]) -> Prior:
    known = list(results)
    fitting = tuple(result for result in known if result is not None)
    return fitting, len(known) - len(fitting)


def _of_trial(trial: Trial, space: Space, objectives: Sequence[Objective]) -> PriorResult | None:
    rows = [(epoch, metrics) for epoch, metrics in trial.rows if _has_all(metrics, objectives)]
    if not rows:
        return None
    epoch, metrics = max(rows, key=lambda row: rank_of(objectives[0], *row))
    try:
        params = space.unflatten(flatten(trial.params_at(epoch)))
    except SpaceError:
        return None
    usable = {name: value for name, value in metrics.items() if is_usable(value)}
    return PriorResult(params, usable, None if trial.status == COMPLETED else trial.epoch)


def _has_all(metrics: Metrics, objectives: Sequence[Objective]) -> bool:
    return all(is_usable(metrics.get(objective.metric)) for objective in objectives)


def _column(path: str | Path, names: Sequence[str], metric: str) -> str:
    for name in (metric, *(prefix + metric for prefix in _OF_METRICS)):
        if name in names:
            return name
    shown = ", ".join(names) or "none"
    raise SearchError(f"{path}: has no column {metric}{nearest(metric, names)} (columns: {shown})")


def _of_row(
    row: Mapping[str, str | None],
    columns: Sequence[str],
    objectives: Sequence[Objective],
    space: Space,
) -> PriorResult | None:
    try:
        values = [float(row[column] or "") for column in columns]
        params = space.unflatten(dict(_cells(row)))
    except (ValueError, SpaceError):
        return None
    if not all(map(is_usable, values)):
        return None
    return PriorResult(
        params, {o.metric: value for o, value in zip(objectives, values, strict=True)}
    )


def _cells(row: Mapping[str, str | None]) -> Iterator[tuple[str, Scalar]]:
    """The cells that are filled, by the names of parameters."""
    for name, cell in row.items():
        if isinstance(name, str) and isinstance(cell, str) and cell:
            prefix = next((p for p in _OF_PARAMETERS if name.startswith(p)), "")
            yield name.removeprefix(prefix), cell
