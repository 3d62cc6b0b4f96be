"""What a person's code logs with MLflow goes to the run of the trial that it runs for.

Inside ``TrialRuns`` (a context around that code, in whichever process and thread it runs) MLflow's
environment is that of the sweep, and ``mlflow_hooks`` are put in as MLflow is imported: whoever
does not import it pays for none of this. The run is looked for when it is first needed. It is made
by the projector, which is asked for it (``wishes``), and its status stays the projector's business.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from lanewise.dashboards import mlflow_hooks
from lanewise.dashboards.runs import params_of
from lanewise.dashboards.state import mask, read_cursor
from lanewise.dashboards.wishes import wait
from lanewise.search.store.home import Home

PATIENCE = 60.0  # seconds that a call of MLflow's waits for the run
DOWN = 10.0  # the same where the projector says that MLflow does not work

_FLUENT = "mlflow.tracking.fluent"
_SERVICE = "mlflow.tracking._tracking_service.utils"
_VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_RUN_ID",
)


@dataclass(frozen=True)
class TrialRuns:
    """The runs of a sweep's trials. Travels to its workers.

    Args:
        uri: the tracking URI, with its password.
        home: the folder, which all workers see.
        variables: further ones of MLflow's environment, such as a user's name and password.
    """

    uri: str = field(repr=False)
    experiment: str
    sweep: str
    home: Home
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, number: int | None, params: Mapping[str, Any]) -> Any:
        """A context for the code of a trial, in the thread that runs it; None: of many trials.

        Threads that the code starts belong to it, too, unless another trial began meanwhile.
        """
        return _inside(TrialRun(self, number, frozenset(params_of(dict(params)))))


@dataclass(frozen=True)
class TrialRun:
    """One trial's run; ``params`` are the names of those that the projector logs."""

    runs: TrialRuns
    number: int | None
    params: frozenset[str]

    @property
    def is_addressed(self) -> bool:
        """Whether MLflow is where the sweep is shown: the code may have turned elsewhere."""
        from mlflow.tracking import get_tracking_uri

        return bool(get_tracking_uri().rstrip("/") == self.runs.uri.rstrip("/"))

    @property
    def known(self) -> tuple[str, str] | None:
        """(run, experiment) if it has been found in this process."""
        return _FOUND.get((self.runs.sweep, self.number))

    def find(self) -> tuple[str, str]:
        """(run, experiment); waits until the projector has made it.

        Raises:
            MlflowException: there is none, and why.
        """
        key = self.runs.sweep, self.number
        if key not in _FOUND:
            self._wait()
            _FOUND[key] = self._look_up()
        return _FOUND[key]

    def _wait(self) -> None:
        runs = self.runs
        try:
            if wait(runs.home, runs.sweep, self.number, lambda: DOWN if self._why() else PATIENCE):
                return
        except OSError as error:
            raise _refused(f"{self} cannot be asked for: {error}") from error
        why = self._why() or f"nobody has made it (see {runs.home.root / 'projector.log'})"
        raise _refused(f"{self} is not in MLflow: {why}")

    def _why(self) -> str:
        return read_cursor(self.runs.home, self.runs.sweep).error or ""

    def _look_up(self) -> tuple[str, str]:
        from mlflow import MlflowClient
        from mlflow.entities import ViewType

        runs, client = self.runs, MlflowClient(tracking_uri=self.runs.uri)
        experiment = client.get_experiment_by_name(runs.experiment)
        if experiment is not None:
            mine = f"tags.`lanewise.sweep` = '{runs.sweep}' and tags.`lanewise.kind` = "
            mine += "'sweep'" if self.number is None else "'trial'"
            if self.number is not None:
                mine += f" and tags.`lanewise.trial` = '{self.number}'"
            order = ["attributes.start_time ASC", "attributes.run_id ASC"]
            found = client.search_runs(
                [experiment.experiment_id], mine, ViewType.ACTIVE_ONLY, order_by=order
            )
            if found:
                return str(found[0].info.run_id), str(found[0].info.experiment_id)
        raise _refused(f"{self} was deleted in MLflow")

    def __str__(self) -> str:
        which = "the sweep" if self.number is None else f"trial {self.number}"
        return f"the run of {which} ({self.runs.sweep} in {mask(self.runs.uri)})"


_FOUND: dict[tuple[str, int | None], tuple[str, str]] = {}


def _refused(text: str) -> Exception:
    from mlflow.exceptions import MlflowException

    refused: Exception = MlflowException(f"lanewise: {text}")
    return refused


# -- which code runs where -----------------------------------------------------------------------

_local = threading.local()
_lock = threading.Lock()
_entered: list[TrialRun] = []  # by all threads, the newest last


def current() -> TrialRun | None:
    """The run that the calling thread's logging belongs to."""
    own: TrialRun | None = getattr(_local, "run", None)
    if own is None and _entered:
        own = _entered[-1]  # a thread that the code has started
    return own if own is not None and own.is_addressed else None


@contextmanager
def _inside(run: TrialRun) -> Iterator[None]:
    before = getattr(_local, "run", None)
    with _process(run), mlflow_hooks.own_stack(sys.modules.get(_FLUENT)):
        _local.run = run
        with _lock:
            _entered.append(run)
        try:
            yield
        finally:
            if (fluent := sys.modules.get(_FLUENT)) is not None:
                mlflow_hooks.end_all(fluent)
            _local.run = before
            with _lock:
                _entered.remove(run)


_users = 0
_kept = ExitStack()


@contextmanager
def _process(run: TrialRun) -> Iterator[None]:
    """The process's MLflow is the sweep's, from the first who comes to the last who goes."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _kept.enter_context(_environment(run.runs))
            _kept.enter_context(_settings())
            mlflow_hooks.put_in(_FLUENT, current)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _kept.close()


@contextmanager
def _environment(runs: TrialRuns) -> Iterator[None]:
    before = dict(os.environ)
    for name in _VARIABLES:
        os.environ.pop(name, None)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.update({**runs.variables, "MLFLOW_TRACKING_URI": runs.uri})
    try:
        yield
    finally:
        for name in {*_VARIABLES, *runs.variables, "MLFLOW_DISABLE_TELEMETRY"}:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)


@contextmanager
def _settings() -> Iterator[None]:
    """What MLflow was told in this process (``set_tracking_uri``) holds again afterwards."""
    names = ((_SERVICE, "_tracking_uri"), (_FLUENT, "_active_experiment_id"))
    before = [getattr(sys.modules.get(module), name, None) for module, name in names]
    for module, name in names:
        _set(sys.modules.get(module), name, None)
    try:
        yield
    finally:
        for (module, name), value in zip(names, before, strict=True):
            _set(sys.modules.get(module), name, value)


def _set(module: ModuleType | None, name: str, value: Any) -> None:
    if hasattr(module, name):
        setattr(module, name, value)


@contextmanager
def unlogged() -> Iterator[None]:
    """Inside, what code logs with MLflow is thrown away: it is only tried, for no trial."""
    with TemporaryDirectory(prefix="lanewise-") as folder:
        nowhere = TrialRuns(
            f"sqlite:///{folder}/mlflow.db",
            "",
            "",
            Home(Path(folder)),
            {"_MLFLOW_SERVER_ARTIFACT_ROOT": Path(folder, "artifacts").as_uri()},
        )
        with (
            _environment(nowhere),
            _settings(),
            mlflow_hooks.own_stack(sys.modules.get(_FLUENT)),
        ):
            try:
                yield
            finally:
                if (fluent := sys.modules.get(_FLUENT)) is not None:
                    mlflow_hooks.end_all(fluent)


def variables() -> dict[str, str]:
    """What this process's environment says of MLflow and workers elsewhere cannot know."""
    return {
        name: value for name, value in os.environ.items() if name.startswith("MLFLOW_TRACKING_")
    }
