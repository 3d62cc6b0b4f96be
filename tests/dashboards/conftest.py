"""Homes with journals of simulated sweeps, and one migrated MLflow database that tests copy."""

from __future__ import annotations

import math
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lanewise.dashboards.drain import drain
from lanewise.dashboards.service import quiet
from lanewise.dashboards.state import local_uri
from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Event, Failure, Launched, Opened
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run, Sweep
from lanewise.search.store.home import Home
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Choice, Float, Int, Repeat, Space

SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "hidden": Repeat(Int(16, 64), times=(1, 3)),
        "optimizer": Choice([{"sgd": {"momentum": Float(0.0, 0.99)}}, "adam"]),
        "batch_size": 64,
    }
)


def spec(trials: int = 8, epochs: int = 9, scheduler: str = "asha", space: Space = SPACE) -> Spec:
    return Spec(
        space=space,
        objectives=(Objective("val_accuracy", "max"),),
        budget=Budget(epochs=epochs, trials=trials),
        sampler=Plugin("random"),
        scheduler=Plugin(scheduler),
        seed=7,
    )


def curve(params: dict[str, Any], epoch: int) -> dict[str, float]:
    """Better near lr 0.01; peaks before its last epoch, so that best and last differ."""
    near = math.exp(-abs(math.log10(params["lr"]) + 2))
    return {"val_accuracy": near * (1 - 1 / (1 + epoch)) - 0.01 * (epoch == 9), "loss": 1 / epoch}


def launched(spec: Spec, sweep: str = "s1", name: str = "digits", **mlflow: Any) -> Launched:
    details = {
        "sweep_file": {"name": name, "report": False},  # it takes seconds; who wants it, asks
        "sweep_yaml": f"name: {name}\n",
        "model": "mlp",
        "data": {"source": "sklearn:digits", "rows": 1797, "columns": 64, "hash": "abc123"},
        "versions": {},
        "mlflow": {"tracking_uri": None, "experiment": "exp", **mlflow},
    }
    return Launched(sweep, name, spec.to_json(), details)


def failing(sweep: Sweep, kind: str = "bug", message: str = "Traceback:\n  boom") -> Run:
    """The next trial, failed."""
    run = sweep.ask()
    assert isinstance(run, Run)
    sweep.fail(run.number, Failure(kind, message))
    return run


class Lab:
    """A home in which a test writes a sweep's events and looks at MLflow."""

    # Test modules cannot import this one: they find what they need here.
    spec = staticmethod(spec)
    curve = staticmethod(curve)
    failing = staticmethod(failing)

    def __init__(self, home: Home) -> None:
        self.home = home
        self.journal = home.journal(create=True)

    def write(self, events: Iterable[Event], sweep: str = "s1") -> None:
        self.journal.append(sweep, self.journal.last(sweep), list(events))

    def simulated(self, trials: int = 8, sweep: str = "s1", **mlflow: Any) -> list[Event]:
        """All events of a finished sweep."""
        asked = spec(trials)
        first = launched(asked, sweep, **mlflow)
        return [
            first,
            Opened("inline", "asked for", {}),
            *simulate(make_sweep(asked), curve, workers=3),
        ]

    def begun(self, asked: Spec | None = None, sweep: str = "s1", **mlflow: Any) -> Sweep:
        """A sweep whose launch is in the journal; the test goes on with it (``take``)."""
        asked = asked or spec()
        made = make_sweep(asked)
        self.write([launched(asked, sweep, **mlflow)], sweep)
        made.opened("inline", "asked for", {})
        self.take(made, sweep)
        return made

    def take(self, sweep: Sweep, name: str = "s1") -> None:
        self.write(sweep.drain(), name)

    def drain(self, sweep: str = "s1", **options: Any) -> int:
        return drain(self.home, sweep, **options)

    @property
    def uri(self) -> str:
        return local_uri(self.home)

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def runs(self, sweep: str = "s1") -> tuple[Any, dict[int, Any]]:
        """(the parent, the children by number), each checked to be there once."""
        client = self.client()
        found, token = [], None
        experiment = client.get_experiment_by_name("exp").experiment_id
        while True:
            page = client.search_runs([experiment], page_token=token)
            found += [run for run in page if run.data.tags["lanewise.sweep"] == sweep]
            token = page.token
            if not token:
                break
        parents = [run for run in found if run.data.tags["lanewise.kind"] == "sweep"]
        assert len(parents) == 1
        children = [run for run in found if run.data.tags["lanewise.kind"] == "trial"]
        numbers = [int(run.data.tags["lanewise.trial"]) for run in children]
        assert len(numbers) == len(set(numbers))
        assert {run.data.tags["mlflow.parentRunId"] for run in children} <= {parents[0].info.run_id}
        return parents[0], dict(zip(numbers, children, strict=True))

    def lengths(self) -> dict[tuple[str, str], int]:
        """(run, metric) -> the length of its history."""
        client = self.client()
        parent, children = self.runs()
        return {
            (run.info.run_id, key): len(client.get_metric_history(run.info.run_id, key))
            for run in [parent, *children.values()]
            for key in run.data.metrics
        }

    def artifact(self, run: Any, name: str) -> str:
        folder = run.info.artifact_uri.removeprefix("file://")
        return (Path(folder) / name).read_text()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with all migrations done, which takes seconds."""
    quiet()
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with warnings.catch_warnings():
        # Of MLflow's own models, which are configured once, on SQLAlchemy 2.1.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated")
        from mlflow import MlflowClient

        MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A home without an MLflow database."""
    made = Lab(Home(tmp_path / "home"))
    yield made
    made.journal.close()


@pytest.fixture
def new_database(template: Path, lab: Lab) -> Callable[[], None]:
    """Puts an empty MLflow database into the home; called once for every test that asks."""

    def put() -> None:
        for file in lab.home.root.glob("mlflow.db*"):
            file.unlink()
        shutil.copy(template, lab.home.root / "mlflow.db")

    put()
    return put
