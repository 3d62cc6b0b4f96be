"""Writes the runs of one sweep to MLflow, through its public client. Imports MLflow.

Runs are found by their tags before one is made and looked for again afterwards (``existing``), so
neither a kill between making a run and recording it nor an answer that was lost leaves one twice.
A sweep's runs are looked up once, page by page; after any error the writer is thrown away and a new
one looks again.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from lanewise.dashboards import database
from lanewise.dashboards.errors import PermanentError, ReplacedError
from lanewise.dashboards.existing import Candidates, Known, Number, fetch, look_up, of_trial
from lanewise.dashboards.files import Files
from lanewise.dashboards.inputs import Inputs
from lanewise.dashboards.moved import relocate
from lanewise.dashboards.runs import Run
from lanewise.dashboards.state import artifacts, local_file, local_uri, mask
from lanewise.search.store.home import Home

TERMINAL = ("FINISHED", "FAILED", "KILLED")
# Without it, MLflow's pages show the experiment as one of prompts and traces.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
SERVED = ("http", "https", "databricks", "uc")  # these know where artifacts belong
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
# Answers that say for sure that nothing was made; after any other the run may be there, or come.
REFUSALS = frozenset(
    {
        "BAD_REQUEST",
        "INVALID_PARAMETER_VALUE",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "RESOURCE_DOES_NOT_EXIST",
        "ENDPOINT_NOT_FOUND",
    }
)


class Writer:
    """One sweep's runs in MLflow; connects, and makes the experiment if it is missing.

    Args:
        uri: the tracking URI, with its password.
        revive: make the runs anew that a person deleted.
        remembered: the ids of runs that were made before, which a search may not show yet.

    Attributes:
        runs: number (None: the sweep's own) -> the run as MLflow has it.
        experiment_tags: those of the experiment, as MLflow has them.
        repaired: the trials that had several runs: the one that stayed may lack something.
        has_doubt: a run was asked for, and whether it was made, or will be, is not known.

    Raises:
        PermanentError: the experiment was deleted. MLflow's own errors pass through.
    """

    def __init__(
        self,
        home: Home,
        uri: str,
        experiment: str,
        sweep: str,
        *,
        revive: bool = False,
        remembered: Mapping[Number, str] | None = None,
    ) -> None:
        self._database = local_file(home) if uri == local_uri(home) else None
        if self._database is not None:
            database.ready(self._database)
            relocate(home)
        self._file = self._database or _file_of(uri)
        if self._file is not None:
            database.made(self._file)
            self._identity = database.identity(self._file)
        self.home = home
        self.uri = uri
        self.sweep = sweep
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        found = self._experiment(experiment)
        self.experiment_id = str(found.experiment_id)
        artifact_root = str(found.artifact_location).rstrip("/")
        self.experiment_tags: dict[str, str] = dict(found.tags)
        self._refused: set[str] = set()
        self.runs: dict[Number, Known] = {}
        self.repaired: set[Number] = set()
        self.has_doubt = False
        self._unchecked: int | None = None  # the earliest start of a run made since the last check
        self._find(revive, remembered or {})
        self._origin = {
            "mlflow.user": _user(),
            "mlflow.source.name": "lanewise",
            "mlflow.source.type": "LOCAL",
        }
        self._files = Files(uri, artifact_root)
        self._inputs = Inputs(self.client, self._database)

    def close(self) -> None:
        self._files.close()
        self._inputs.close()

    def flush(self) -> None:
        """All that was written is in MLflow for good."""
        if self._database is not None:
            database.flush(self._database)

    def ensure_current(self) -> None:
        """Checks that the database is the one that was connected to.

        Raises:
            ReplacedError: it is not.
        """
        if self._file is not None and database.identity(self._file) != self._identity:
            raise ReplacedError(f"{self._file} was deleted or replaced; it is written anew")

    def write(self, run: Run) -> None:
        """Brings one run to where it should be: made if missing, what is new in one batch."""
        self.ensure_current()
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
        self._tag_experiment(run.experiment_tags)

    def attach(self, number: Number, path: Path, name: str) -> None:
        """Logs a file as an artifact of that name, in place of one that is there."""
        known = self.runs[number]
        if not known.gone:
            self._files.copy(known.artifact_uri, name, path)

    @property
    def is_served(self) -> bool:
        """Whether calls go through a server, and may be carried out twice or much later."""
        return _scheme(self.uri) in SERVED

    # -- the experiment ----------------------------------------------------------------------

    def _experiment(self, name: str) -> Any:
        found = self.client.get_experiment_by_name(name)
        if found is None:
            found = self._make_experiment(name)
        if found.lifecycle_stage != LifecycleStage.ACTIVE:
            raise PermanentError(
                f"experiment '{name}' was deleted in {mask(self.uri)}; restore it "
                f"(mlflow experiments restore --experiment-id {found.experiment_id}) or give "
                "another name"
            )
        return found

    def _make_experiment(self, name: str) -> Any:
        try:
            made = self.client.create_experiment(
                name, artifact_location=self._location(name), tags=EXPERIMENT_TAGS
            )
        except MlflowException as error:
            # Its name is unique: another process was faster, or this request was sent twice.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self.client.get_experiment_by_name(name)
        return self.client.get_experiment(made)

    def _location(self, name: str) -> str | None:
        """A tracking server knows where artifacts belong; beside a bare database, the home does."""
        if self.is_served:
            return None
        folder = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".")
        return (artifacts(self.home) / (folder or "experiment")).as_uri()

    def _tag_experiment(self, tags: Mapping[str, str]) -> None:
        """What the experiment should say of the sweep; a refusal holds nothing else up.

        Some servers let a person log runs and change nothing of the experiment.
        """
        for key, value in tags.items():
            if self.experiment_tags.get(key) == value or key in self._refused:
                continue
            try:
                self.client.set_experiment_tag(self.experiment_id, key, value)
            except MlflowException as error:
                if error.error_code not in REFUSALS:
                    raise
                self._refused.add(key)
            else:
                self.experiment_tags[key] = value

    # -- runs --------------------------------------------------------------------------------

    def _find(self, revive: bool, remembered: Mapping[Number, str]) -> None:
        """Every run of the sweep, by its tags."""
        found = Candidates(look_up(self.client, self.experiment_id, self.sweep), remembered)
        kept = self._settle(found)
        for number, run_id in remembered.items():
            if number not in kept and number not in found.gone:
                seen = fetch(self.client, self.sweep, run_id)
                if seen is not None and seen[0] == number and not seen[1].gone:
                    kept[number] = seen[1]
        self.runs = kept if revive else found.gone | kept

    def _settle(self, found: Candidates) -> dict[Number, Known]:
        """One run for each trial; the others are deleted."""
        kept, doubles = found.chosen()
        for number, others in doubles.items():
            for known in others:
                self.client.delete_run(known.run_id)
            self.repaired.add(number)
        return kept

    @property
    def is_checked(self) -> bool:
        """Whether nothing was made since the last check, that could have been made twice."""
        return self._unchecked is None or not self.is_served

    def check(self, *, whole: bool = False) -> None:
        """Looks again for what was made since the last check, and leaves one run of each.

        Args:
            whole: look at all runs of the sweep.
        """
        also = "" if whole else f"attributes.start_time >= {self._unchecked or 0}"
        remembered = {number: known.run_id for number, known in self.runs.items()}
        runs = look_up(self.client, self.experiment_id, self.sweep, also)
        found = Candidates(runs, remembered)
        for number, known in self.runs.items():
            if not known.gone:
                found.add(number, known)
        repaired, self.repaired = self.repaired, set()
        for number, known in self._settle(found).items():
            self.runs.setdefault(number, known)
            # Where the run stays that is written to, nothing is missing.
            if known.run_id == self.runs[number].run_id:
                self.repaired.discard(number)
        self.repaired |= repaired
        self._unchecked = None

    def _create(self, run: Run) -> Known:
        tags = {key: value for key, value in self._tags(run).items() if value} | self._origin
        self._unchecked = min(run.start, self._unchecked or run.start)
        try:
            with _sent_once():
                made = self.client.create_run(
                    self.experiment_id, start_time=run.start, tags=tags, run_name=run.name
                )
        except Exception as error:
            if getattr(error, "error_code", None) in REFUSALS:
                raise
            self.has_doubt = self.is_served
            if (known := self._made_after_all(run.number)) is None:
                raise
            return known
        info = made.info
        return Known(info.run_id, info.artifact_uri, info.status, info.start_time, tags=tags)

    def _made_after_all(self, number: Number) -> Known | None:
        """The run that was to be made, where only the answer was lost."""
        also = of_trial(number)
        found = Candidates(look_up(self.client, self.experiment_id, self.sweep, also), {})
        return self._settle(found).get(number)

    def _tags(self, run: Run) -> dict[str, str]:
        """With the run that a trial's points to; "" is a tag that the run must not have."""
        if run.number is None:
            return run.tags
        return run.tags | {MLFLOW_PARENT_RUN_ID: self.runs[None].run_id}

    def is_astray(self, number: Number) -> bool:
        """Whether a trial's run points to another parent than the sweep's."""
        known, parent = self.runs[number], self.runs.get(None)
        return number is not None and parent is not None and known.parent != parent.run_id

    def _log(self, known: Known, run: Run) -> None:
        """Points, parameters and changed tags; the client cuts them to MLflow's limits."""
        wanted = self._tags(run)
        tags = {k: v for k, v in wanted.items() if v and known.tags.get(k) != v}
        params = {k: v for k, v in run.params.items() if k not in known.params}
        if tags or params or run.points:
            self.client.log_batch(
                known.run_id,
                [Metric(point.key, point.value, point.at, point.step) for point in run.points],
                [Param(key, value) for key, value in params.items()],
                [RunTag(key, value) for key, value in tags.items()],
            )
        known.tags |= tags
        known.params |= params.keys()
        for key in [key for key, value in wanted.items() if not value and key in known.tags]:
            self.client.delete_tag(known.run_id, key)
            del known.tags[key]

    def _log_datasets(self, known: Known, run: Run) -> None:
        """What the run worked on and MLflow does not yet say."""
        new = [d for d in run.datasets if (d.name, d.digest) not in known.datasets]
        if new:
            self._inputs.log(known.run_id, new)
            known.datasets |= {(dataset.name, dataset.digest) for dataset in new}

    def _turn(self, known: Known, run: Run) -> None:
        if run.status in TERMINAL:
            if (known.status, known.end) != (run.status, run.end):
                self.client.set_terminated(known.run_id, run.status, run.end)
        elif known.status != run.status:
            self.client.update_run(known.run_id, status=run.status)
        known.status, known.end = run.status, run.end

    def _store(self, known: Known, name: str, text: str) -> None:
        if known.files.get(name) != text:
            self._files.write(known.artifact_uri, name, text)
            known.files[name] = text


@contextmanager
def _sent_once() -> Iterator[None]:
    """Inside, MLflow's client does not repeat a request by itself.

    It repeats every kind of request, and a run that is asked for twice is made twice.
    """
    before = os.environ.get(RETRIES)
    os.environ[RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[RETRIES]
        else:
            os.environ[RETRIES] = before


def _file_of(uri: str) -> Path | None:
    """The file of an SQLite database, where the URI is nothing but its path."""
    match = re.fullmatch(r"sqlite:///(/[^?#%]+)", uri)
    return Path(match[1]) if match else None


def _scheme(uri: str) -> str:
    return uri.split(":")[0].split("+")[0]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without an entry for its user
        return "unknown"
