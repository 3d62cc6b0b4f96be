"""Writes the runs of one sweep to MLflow, through its public client. Imports MLflow.

Runs are found by their tags before one is made, so a kill between making a run and recording it
never makes it twice. A sweep's runs are looked up once, page by page; after any error the writer
is thrown away and a new one looks again.
"""

from __future__ import annotations

import getpass
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import (
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from lanewise.dashboards import database
from lanewise.dashboards.datasets import Dataset
from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.runs import Run
from lanewise.dashboards.state import artifacts, local_uri, mask
from lanewise.search.home import Home

TERMINAL = ("FINISHED", "FAILED", "KILLED")
# Without it, MLflow's pages show the experiment as one of prompts and traces.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
SERVED = ("http", "https", "databricks", "uc")  # these know where artifacts belong


@dataclass
class Known:
    """A run as MLflow has it. ``gone``: a person deleted it, and it is left alone."""

    run_id: str
    artifact_uri: str
    status: str
    end: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    params: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    datasets: set[tuple[str, str]] = field(default_factory=set)  # name and digest
    gone: bool = False


class Writer:
    """One sweep's runs in MLflow; connects, and makes the experiment if it is missing.

    Args:
        uri: the tracking URI, with its password.
        revive: make the runs anew that a person deleted.

    Raises:
        ProjectionError: the experiment was deleted. MLflow's own errors pass through.
    """

    def __init__(
        self, home: Home, uri: str, experiment: str, sweep: str, *, revive: bool = False
    ) -> None:
        self._database = home.root / "mlflow.db" if uri == local_uri(home) else None
        if self._database is not None:
            database.ready(self._database)
        self.home = home
        self.uri = uri
        self.sweep = sweep
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.experiment_id, self.artifact_root = self._experiment(experiment)
        self.runs: dict[int | None, Known] = {}
        self._find(revive)
        self._repositories: dict[str, Any] = {}
        self._origin = {
            "mlflow.user": _user(),
            "mlflow.source.name": "lanewise",
            "mlflow.source.type": "LOCAL",
        }
        self._folder = tempfile.TemporaryDirectory(prefix="lanewise-")

    def close(self) -> None:
        self._folder.cleanup()

    def flush(self) -> None:
        """All that was written is in MLflow for good."""
        if self._database is not None:
            database.flush(self._database)

    def write(self, run: Run) -> None:
        """Brings one run to where it should be: made if missing, what is new in one batch."""
        known = self.runs.get(run.number)
        if known is None:
            known = self.runs[run.number] = self._create(run)
        if known.gone:
            return
        self._log(known, run)
        self._log_datasets(known, run)
        for name, text in run.files.items():
            self._store(known, name, text)
        self._turn(known, run)

    def attach(self, number: int | None, path: Path, name: str) -> None:
        """Logs a file as an artifact of that name, in place of one that is there."""
        known = self.runs[number]
        if known.gone:
            return
        file = self._draft(name)
        shutil.copyfile(path, file)
        repository, folder = self._repository(known.artifact_uri)
        repository.log_artifact(str(file), folder)

    # -- the experiment ----------------------------------------------------------------------

    def _experiment(self, name: str) -> tuple[str, str]:
        """(id, artifact location) of the experiment."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            made = self.client.create_experiment(
                name, artifact_location=self._location(name), tags=EXPERIMENT_TAGS
            )
            found = self.client.get_experiment(made)
        if found.lifecycle_stage != LifecycleStage.ACTIVE:
            raise ProjectionError(
                f"experiment '{name}' was deleted in {mask(self.uri)}; restore it "
                f"(mlflow experiments restore --experiment-id {found.experiment_id}) or give "
                "another name"
            )
        return str(found.experiment_id), str(found.artifact_location).rstrip("/")

    def _location(self, name: str) -> str | None:
        """A tracking server knows where artifacts belong; beside a bare database, the home does."""
        if self.uri.split(":")[0].split("+")[0] in SERVED:
            return None
        folder = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".")
        return (artifacts(self.home) / (folder or "experiment")).as_uri()

    # -- runs --------------------------------------------------------------------------------

    def _find(self, revive: bool) -> None:
        """Every run of the sweep, by its tags."""
        deleted: dict[int | None, Known] = {}
        for found in self._search():
            number, known = _known(found)
            if known.gone:
                deleted[number] = known
            elif number in self.runs:
                # A server that answered too late: the run was asked for again. One stays.
                self.client.delete_run(known.run_id)
            else:
                self.runs[number] = known
        if not revive:
            self.runs = deleted | self.runs

    def _search(self) -> Iterator[Any]:
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id],
                f"tags.`lanewise.sweep` = '{self.sweep}'",
                run_view_type=ViewType.ALL,
                max_results=1000,
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def _create(self, run: Run) -> Known:
        tags = {key: value for key, value in run.tags.items() if value} | self._origin
        if run.number is not None:
            tags["mlflow.parentRunId"] = self.runs[None].run_id
        made = self.client.create_run(
            self.experiment_id, start_time=run.start, tags=tags, run_name=run.name
        )
        return Known(made.info.run_id, made.info.artifact_uri, made.info.status, tags=tags)

    def _log(self, known: Known, run: Run) -> None:
        """Points, parameters and changed tags; the client cuts them to MLflow's limits."""
        tags = {k: v for k, v in run.tags.items() if v and known.tags.get(k) != v}
        params = {k: v for k, v in run.params.items() if k not in known.params}
        if not (tags or params or run.points):
            return
        self.client.log_batch(
            known.run_id,
            [Metric(point.key, point.value, point.at, point.step) for point in run.points],
            [Param(key, value) for key, value in params.items()],
            [RunTag(key, value) for key, value in tags.items()],
        )
        known.tags |= tags
        known.params |= params.keys()

    def _log_datasets(self, known: Known, run: Run) -> None:
        """What the run worked on and MLflow does not yet say."""
        new = [d for d in run.datasets if (d.name, d.digest) not in known.datasets]
        if new:
            self.client.log_inputs(known.run_id, [_input(dataset) for dataset in new])
            known.datasets |= {(dataset.name, dataset.digest) for dataset in new}

    def _turn(self, known: Known, run: Run) -> None:
        if run.status in TERMINAL:
            if (known.status, known.end) != (run.status, run.end):
                self.client.set_terminated(known.run_id, run.status, run.end)
        elif known.status != run.status:
            self.client.update_run(known.run_id, status=run.status)
        known.status, known.end = run.status, run.end

    # -- artifacts ---------------------------------------------------------------------------

    def _store(self, known: Known, name: str, text: str) -> None:
        if known.files.get(name) == text:
            return
        if (folder := _folder_at(known.artifact_uri)) is not None:
            # As MLflow's client would, which takes ten times as long.
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        else:
            file = self._draft(name)
            file.write_text(text, "utf-8")
            repository, inside = self._repository(known.artifact_uri)
            repository.log_artifact(str(file), inside)
        known.files[name] = text

    def _draft(self, name: str) -> Path:
        """Where a file of that name is put together."""
        return Path(self._folder.name) / name

    def _repository(self, uri: str) -> tuple[Any, str | None]:
        """A repository and a folder in it. One serves all runs below the experiment's location."""
        root, folder = uri, None
        if uri.startswith(f"{self.artifact_root}/"):
            root, folder = self.artifact_root, uri[len(self.artifact_root) + 1 :]
        if root not in self._repositories:
            self._repositories[root] = get_artifact_repository(root, tracking_uri=self.uri)
        return self._repositories[root], folder


def _known(found: Any) -> tuple[int | None, Known]:
    """(trial number, None for the sweep's own; the run as it is)."""
    info, tags = found.info, dict(found.data.tags)
    trial = tags.get("lanewise.trial")
    inputs = found.inputs.dataset_inputs if found.inputs else ()
    known = Known(
        run_id=info.run_id,
        artifact_uri=info.artifact_uri,
        status=info.status,
        end=info.end_time,
        tags=tags,
        params=set(found.data.params),
        datasets={(i.dataset.name, i.dataset.digest) for i in inputs},
        gone=info.lifecycle_stage != LifecycleStage.ACTIVE,
    )
    return (None if trial is None else int(trial)), known


def _folder_at(uri: str) -> Path | None:
    """The folder that an artifact URI means on this machine, if it means one."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query:
        return None
    return Path(url2pathname(parts.path))


def _input(dataset: Dataset) -> DatasetInput:
    entity = MlflowDataset(
        dataset.name,
        dataset.digest,
        dataset.source_type,
        dataset.source,
        profile=dataset.profile,
    )
    return DatasetInput(entity, [InputTag(MLFLOW_DATASET_CONTEXT, dataset.context)])


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without an entry for its user
        return "unknown"
