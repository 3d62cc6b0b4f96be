"""A bundle: a trained model as a folder that needs neither its data nor its sweep.

bundle.json          what the model is, with a hash of every other file and of itself
preprocessing.json   what turns raw rows into its inputs, one entry a replica
weights.safetensors  parameters and buffers, named "REPLICA.NAME"
code/                of a user's own model the source, to be read and compared; it is never run
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from lanewise.trainables.checkpoints import files as checkpoints
from lanewise.trainables.checkpoints.state import read_info, read_preprocess
from lanewise.trainables.config import complete
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Inputs, from_json
from lanewise.trainables.errors import CheckpointError, ModelError
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.sealed import Sealed
from lanewise.trainables.user_code.source import Source, source_of

BUNDLE, PREPROCESSING, WEIGHTS, CODE = (
    "bundle.json",
    "preprocessing.json",
    "weights.safetensors",
    "code",
)
SEALED = Sealed("bundle", BUNDLE, format=1)


def versions() -> dict[str, str]:
    """Of what trains here."""
    libraries = ("lanewise", "torch", "numpy")
    found = {library: importlib.metadata.version(library) for library in libraries}
    return {"python": platform.python_version(), **found}


@dataclass(frozen=True)
class Origin:
    """Where a model is from.

    sweep, name, trial: the sweep's id and name, and the trial's number; None without a sweep.
    data: what the data were (source, rows, columns, hash, split, parts); None if unknown.
    versions: of what it was trained with.
    """

    sweep: str | None = None
    name: str | None = None
    trial: int | None = None
    data: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=versions)


@dataclass(frozen=True, eq=False)
class Bundle:
    """All that a trained model is.

    recipe: without data; model, base, loss, metrics, monitor, mode, seeds and dtype are stored.
    given: the trial's configuration as it was asked for; config: the same with all defaults.
    seed: of the trial; replicas: how many there are, those of a fold beside each other.
    preprocess: one per replica. tensors: "REPLICA.NAME", as `weights.state_of` names them.
    epoch, metrics: the best epoch, whose weights these are, and its row.
    source: of a user's own model.
    """

    recipe: Recipe
    given: Mapping[str, Any]
    config: Mapping[str, Any]
    seed: int
    replicas: int
    info: Info
    preprocess: tuple[Inputs, ...]
    tensors: Mapping[str, Tensor]
    epoch: int
    metrics: Mapping[str, float]
    source: Source | None = None
    origin: Origin = field(default_factory=Origin)


def of_checkpoint(path: Path, recipe: Recipe, origin: Origin | None = None) -> Bundle:
    """The best weights in a model trial's checkpoint.

    Args:
        recipe: of the trial; its data are not needed.

    Raises:
        CheckpointError: damaged, or without a finished epoch.
    """
    tensors, state = checkpoints.read(path)
    rows, fits, seeds = dict(state["rows"]), read_preprocess(state), state["seeds"]
    epoch = state["best_epoch"]
    if epoch not in rows:
        raise CheckpointError(f"{path} has no finished epoch")
    best = state.get("best", state)  # it may train with another configuration by now
    return Bundle(
        recipe=replace(recipe, loss=state.get("loss"), seeds=seeds, prepared=None),
        given=best["given"],
        # The checkpoint may be older than a hyperparameter, which then was at its default.
        config=complete(recipe.model, best["config"]),
        seed=state["seed"],
        replicas=state["replicas"],
        info=read_info(state),
        preprocess=tuple(fits[number // seeds] for number in range(state["replicas"])),
        tensors=_best(tensors, state["replicas"]),
        epoch=epoch,
        metrics=rows[epoch],
        source=source_of(recipe.model or "", recipe.base),
        origin=origin or Origin(data=state["data"]),
    )


def _best(tensors: Mapping[str, Tensor], replicas: int) -> dict[str, Tensor]:
    prefixes = {f"{number}.best.": f"{number}." for number in range(replicas)}
    return {
        own + name.removeprefix(prefix): tensor
        for prefix, own in prefixes.items()
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


# -- writing ---------------------------------------------------------------------------------------


def write(bundle: Bundle, folder: Path) -> None:
    """Atomic: a temporary folder beside it, then a rename. A bundle that is there is replaced.

    Raises:
        ModelError: `folder` is a file, or a folder of something else.
    """
    with SEALED.replacing(folder, partial(ModelError, "save")) as draft:
        _fill(draft, bundle)


def _fill(folder: Path, bundle: Bundle) -> None:
    each = [json.loads(fitted.to_json()) for fitted in bundle.preprocess]
    (folder / PREPROCESSING).write_text(json.dumps(each), encoding="utf-8")
    checkpoints.write(folder / WEIGHTS, bundle.tensors, {})
    if bundle.source is not None:
        (folder / CODE).mkdir()
        (folder / CODE / Path(bundle.source.file).name).write_bytes(bundle.source.content)
    SEALED.seal(_told(bundle), folder)


def _told(bundle: Bundle) -> dict[str, Any]:
    recipe, source, origin = bundle.recipe, bundle.source, bundle.origin
    return {
        "versions": dict(origin.versions),
        "model": recipe.model,
        "code": None if source is None else {"file": source.file, "base": source.base},
        "given": dict(bundle.given),
        "config": dict(bundle.config),
        "loss": None if recipe.loss is None else dict(recipe.loss),
        "reported": list(recipe.metrics),
        "monitor": recipe.monitor,
        "mode": recipe.mode,
        "dtype": recipe.dtype,
        "seed": bundle.seed,
        "seeds": recipe.seeds,
        "replicas": bundle.replicas,
        "epoch": bundle.epoch,
        "metrics": dict(bundle.metrics),
        "info": asdict(bundle.info),
        "sweep": None
        if origin.sweep is None
        else {"id": origin.sweep, "name": origin.name, "trial": origin.trial},
        "data": None if origin.data is None else dict(origin.data),
    }


# -- reading ---------------------------------------------------------------------------------------


def is_bundle(folder: Path) -> bool:
    return (folder / BUNDLE).is_file()


def read(folder: Path) -> Bundle:
    """The bundle in a folder.

    Raises:
        CheckpointError: there is none, or it is damaged, or of a newer format.
    """
    told = SEALED.read(folder)
    try:
        hashes = told["files"]
        for name in hashes:
            SEALED.check(folder, name, hashes[name])
        tensors, _ = checkpoints.read(SEALED.check(folder, WEIGHTS, hashes[WEIGHTS]))
        fitted = SEALED.check(folder, PREPROCESSING, hashes[PREPROCESSING])
        each = json.loads(fitted.read_text(encoding="utf-8"))
        code, sweep = told["code"], told["sweep"] or {}
        return Bundle(
            recipe=Recipe(
                model=told["model"],
                base=code["base"] if code else ".",
                loss=told["loss"],
                metrics=tuple(told["reported"]),
                monitor=told["monitor"],
                mode=told["mode"],
                dtype=told["dtype"],
                seeds=told["seeds"],
            ),
            given=told["given"],
            config=complete(told["model"], told["config"]),
            seed=told["seed"],
            replicas=told["replicas"],
            info=read_info(told),
            preprocess=tuple(from_json(json.dumps(fitted)) for fitted in each),
            tensors=tensors,
            epoch=told["epoch"],
            metrics=told["metrics"],
            source=None if code is None else _read_source(folder, code),
            origin=Origin(
                sweep.get("id"),
                sweep.get("name"),
                sweep.get("trial"),
                told["data"],
                told["versions"],
            ),
        )
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise CheckpointError(f"{folder} is no readable bundle: {why}") from error


def _read_source(folder: Path, code: Mapping[str, str]) -> Source:
    content = (folder / CODE / Path(code["file"]).name).read_bytes()
    return Source(code["file"], code["base"], content)
