"""Which runs of a sweep MLflow has: found by their tags, one for each trial. Imports MLflow.

A server makes the ids of runs, so a request to make one that is sent twice, or whose answer is
lost, leaves two. Nothing that a client does prevents that; what is found twice becomes one here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

PAGE = 1000  # runs, the most that MLflow gives at a time


@dataclass
class Known:
    """A run as MLflow has it. ``gone``: a person deleted it, and it is left alone."""

    run_id: str
    artifact_uri: str
    status: str
    start: int = 0
    end: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    params: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    datasets: set[tuple[str, str]] = field(default_factory=set)  # name and digest
    values: int = 0  # how many metrics it has
    gone: bool = False

    @property
    def parent(self) -> str | None:
        return self.tags.get(MLFLOW_PARENT_RUN_ID)


Number = int | None  # of a trial; None: the sweep's own run


def look_up(
    client: MlflowClient, experiment_id: str, sweep: str, also: str = ""
) -> Iterator[tuple[Number, Known]]:
    """Every run of a sweep with its trial's number, deleted ones included.

    Args:
        also: a condition more, in MLflow's filter language.
    """
    condition = f"tags.`lanewise.sweep` = '{sweep}'" + (f" and {also}" if also else "")
    token = None
    while True:
        page = client.search_runs(
            [experiment_id],
            condition,
            run_view_type=ViewType.ALL,
            max_results=PAGE,
            order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
            page_token=token,
        )
        for found in page:
            yield _known(found)
        token = page.token
        if not token:
            return


def fetch(client: MlflowClient, sweep: str, run_id: str) -> tuple[Number, Known] | None:
    """One run by its id, which no index can be late with; None where it is not (any more) there."""
    with suppress(MlflowException):
        number, known = _known(client.get_run(run_id))
        if known.tags.get("lanewise.sweep") == sweep:
            return number, known
    return None


def of_trial(number: Number) -> str:
    """The condition for the runs of one trial, or for the sweep's own."""
    if number is None:
        return "tags.`lanewise.kind` = 'sweep'"
    return f"tags.`lanewise.trial` = '{number}'"


class Candidates:
    """The runs of a sweep that are not deleted, before each trial has one.

    Args:
        remembered: ids of runs that were written to already.
    """

    def __init__(
        self, found: Iterator[tuple[Number, Known]], remembered: Mapping[Number, str]
    ) -> None:
        self.gone: dict[Number, Known] = {}
        self._active: dict[Number, list[Known]] = defaultdict(list)
        self._remembered = set(remembered.values())
        for number, known in found:
            self.add(number, known)

    def add(self, number: Number, known: Known) -> None:
        if known.gone:
            self.gone[number] = known
        elif all(known.run_id != other.run_id for other in self._active[number]):
            self._active[number].append(known)

    def chosen(self) -> tuple[dict[Number, Known], dict[Number, list[Known]]]:
        """(the run of each trial that stays, the others of those that have several)."""
        pointed = Counter(known.parent for runs in self._active.values() for known in runs)
        kept, doubles = {}, {}
        for number, runs in self._active.items():
            if runs:
                best = max(runs, key=lambda known: self._claim(known, pointed))
                kept[number] = best
                if len(runs) > 1:
                    doubles[number] = [known for known in runs if known is not best]
        return kept, doubles

    def _claim(self, known: Known, pointed: Mapping[str | None, int]) -> tuple[Any, ...]:
        """What speaks for a run: others point to it, it holds something, it was written to by us;
        among equals the id decides, so that whoever looks keeps the same one."""
        is_remembered = known.run_id in self._remembered
        holds = known.values + len(known.params) > 0
        return pointed[known.run_id], holds, is_remembered, known.values, known.run_id


def _known(found: Any) -> tuple[Number, Known]:
    info, tags = found.info, dict(found.data.tags)
    trial = tags.get("lanewise.trial")
    inputs = found.inputs.dataset_inputs if found.inputs else ()
    known = Known(
        run_id=info.run_id,
        artifact_uri=info.artifact_uri,
        status=info.status,
        start=info.start_time,
        end=info.end_time,
        tags=tags,
        params=set(found.data.params),
        datasets={(i.dataset.name, i.dataset.digest) for i in inputs},
        values=len(found.data.metrics),
        gone=info.lifecycle_stage != LifecycleStage.ACTIVE,
    )
    return (int(trial) if trial and trial.isdecimal() else None), known
