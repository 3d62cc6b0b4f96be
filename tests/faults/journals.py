"""Journals of finished sweeps that were never trained: simulated, in a moment."""

from __future__ import annotations

from typing import Any

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Event, Launched, Opened
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.store.home import Home
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

EXPERIMENT = "once"


def events(name: str, trials: int, **mlflow: Any) -> list[Event]:
    """All events of a finished sweep of `trials` trials; its id is its name."""
    spec = Spec(
        space=Space({"lr": Float(1e-4, 1e-1, log=True), "batch_size": 64}),
        objectives=(Objective("val_accuracy", "max"),),
        budget=Budget(epochs=3, trials=trials),
        sampler=Plugin("random"),
        scheduler=Plugin("asha"),
        seed=sum(name.encode()),
    )
    details = {
        "sweep_file": {"name": name, "report": False},
        "sweep_yaml": f"name: {name}\n",
        "model": "mlp",
        "data": {"source": "sklearn:digits", "rows": 1797, "columns": 64, "hash": "abc123"},
        "versions": {},
        "mlflow": {"tracking_uri": None, "experiment": EXPERIMENT, **mlflow},
    }
    launched = Launched(name, name, spec.to_json(), details)
    opened = Opened("inline", "asked for", {})
    return [launched, opened, *simulate(make_sweep(spec), _curve, workers=2)]


def write(home: Home, name: str, trials: int, **mlflow: Any) -> None:
    """Puts a finished sweep into the home's journal."""
    journal = home.journal(create=True)
    journal.append(name, -1, events(name, trials, **mlflow))
    journal.close()


def _curve(params: dict[str, Any], epoch: int) -> dict[str, float]:
    return {"val_accuracy": params["lr"] * epoch, "val_loss": 1 / epoch}
