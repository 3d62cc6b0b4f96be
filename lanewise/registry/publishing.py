"""Registers a promotion: its files, tags and card as a version in MLflow. Imports MLflow."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanewise.dashboards.digits import rows_of
from lanewise.dashboards.drain import drain
from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.state import pending, read_cursor
from lanewise.machine import versions
from lanewise.registry.card import Facts, card
from lanewise.registry.opening import registry_at
from lanewise.registry.packaging import package
from lanewise.registry.promotion import Promotion
from lanewise.registry.tradeoff import Point, picture
from lanewise.search.store.home import Home
from lanewise.search.store.view import View
from lanewise.spaces import flatten
from lanewise.trainables.export.about import CARD, About
from lanewise.trainables.export.examples import example_rows

if TYPE_CHECKING:
    from lanewise.registry.store import Version

PICTURE = "tradeoff.svg"


def publish(done: Promotion, home: Home, uri: str | None) -> Version:
    """Writes the files of a promotion and registers them.

    Args:
        uri: of the MLflow that shows the sweep; None for the home's own.

    Raises:
        ProjectionError: MLflow cannot be written.
    """
    view, request, registry = done.view, done.request, registry_at(home, uri)
    experiment, sweep_run = _shown(view, home, registry.uri)
    about, text = _about(done), card(_facts(done))
    with tempfile.TemporaryDirectory(prefix="lanewise-") as scratch:
        folder = Path(scratch)
        artifacts = _artifacts(done, about, text, folder)

        def packaged(model_id: str) -> Path:
            metadata = {"lanewise": {**asdict(about), "sha256": _data(view).get("hash")}}
            rows = example_rows(done.model.preprocess[0])
            package(folder / "model", artifacts, about, rows, metadata, model_id)
            (folder / "model" / CARD).write_text(text, encoding="utf-8")
            if done.measured.variants:
                (folder / "model" / PICTURE).write_text(_picture(done), encoding="utf-8")
            return folder / "model"

        return registry.register(
            request.name,
            request.alias,
            packaged,
            experiment_id=experiment,
            run_id=registry.run_of(experiment, view.launch.sweep, done.trial.number) or sweep_run,
            tags=_tags(done, about),
            params={name: str(v) for name, v in flatten(done.trial.best_params).items()},
            card=text,
        )


def _shown(view: View, home: Home, uri: str) -> tuple[str, str]:
    """The experiment and the run of the sweep in MLflow, once all of it is shown there."""
    sweep = view.launch.sweep
    cursor = read_cursor(home, sweep)
    if cursor.run_id is None or pending(home, sweep, view.journal):
        drain(home, sweep, uri=uri)
        cursor = read_cursor(home, sweep)
    if cursor.experiment_id is None or cursor.run_id is None:
        raise ProjectionError(f"MLflow does not show {sweep}: lanewise sync {sweep}")
    return cursor.experiment_id, cursor.run_id


def _about(done: Promotion) -> About:
    from lanewise.trainables.export.folder import about_of

    measured = done.measured
    about = about_of(measured.model, done.request.name)
    if measured.unexported:
        return replace(about, variant=measured.chosen)
    metrics = {**about.metrics, measured.metric: measured.shipped.value}
    return replace(about, variant=measured.chosen, metrics=metrics)


def _artifacts(done: Promotion, about: About, text: str, folder: Path) -> dict[str, Path]:
    """The folders that ship: the exported model, and the bundle."""
    from lanewise.trainables.export.folder import write

    done.measured.model.save(folder / "bundle")
    made = {"bundle": folder / "bundle"}
    if done.measured.network is not None:
        write(done.measured.model, done.measured.network, folder / "exported", about, card=text)
        made["exported"] = folder / "exported"
    return made


def _data(view: View) -> Mapping[str, Any]:
    data: Mapping[str, Any] = view.launch.details.get("data") or {}
    return data


def _tags(done: Promotion, about: About) -> dict[str, str]:
    view, trial = done.view, done.trial
    assert trial.best is not None
    name = done.measured.metric
    told: dict[str, Any] = {
        "sweep": view.launch.sweep,
        "sweep_name": view.launch.name,
        "trial": trial.number,
        "task": about.task,
        "variant": about.variant,
        "metric": name,
        "value": about.metrics.get(name, trial.best[1]),
        "digits": rows_of(view.launch).get("val", 0),
        "size": len(done.measured.network or b"") or _weights(done),
        "trained_on": "train + val" if done.request.refit else "train",
        "data": _data(view).get("hash"),
    }
    return {f"lanewise.{key}": str(value) for key, value in told.items() if value is not None}


def _weights(done: Promotion) -> int:
    """Bytes of a bundle's parameters and buffers."""
    tensors = [
        each for module in done.measured.model.modules for each in module.state_dict().values()
    ]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _facts(done: Promotion) -> Facts:
    prepared = done.model.recipe.prepared
    assert prepared is not None
    return Facts(
        name=done.request.name,
        view=done.view,
        trial=done.trial,
        prepared=prepared,
        info=done.model.info,
        fitted=done.model.preprocess[0],
        measured=done.measured,
        is_refit=done.request.refit,
        evaluation=done.evaluation,
        versions=versions() | {"onnxruntime": importlib.metadata.version("onnxruntime")},
    )


def _picture(done: Promotion) -> str:
    points = [
        Point(each.name, each.value, each.p99_of_1, each.size, each.name == done.measured.chosen)
        for each in done.measured.variants
        if not each.problem
    ]
    rows = rows_of(done.view.launch).get("val")
    metric = done.measured.metric + (f" on {rows:,} rows" if rows else "")
    title = f"{done.request.name}: what each variant costs and is worth"
    return picture(points, metric, title, done.request.limits)
