"""The data of a sweep as MLflow's datasets: one for each part, with its role. Pure values.

MLflow knows a dataset by its name and digest, once in an experiment. The digest of a part follows
from the rows of its source and how they are split: sweeps of one task that show the same digest
trained on the same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FILES = ("csv", "parquet", "npz", "npy", "images", "text", "series")
NOT_FILES = ("sklearn", "python")
LONGEST_NAME = 500  # MLflow's limit
DIGITS = 8  # of a digest, as MLflow's own have
_CUT = (
    "split",
    "group",
    "order",
    "folds",
    "stratify",
    "anomaly",
    "reshuffle",
)  # which rows a part gets
ROLES = {"train": "training", "val": "validation", "test": "test"}


class Dataset(NamedTuple):
    """One part, in MLflow's terms. source and profile are JSON; context is its role in the run."""

    name: str
    digest: str
    source_type: str
    source: str
    profile: str
    context: str


def datasets(data: Mapping[str, Any], base: str, seed: int) -> tuple[Dataset, ...]:
    """The datasets of a launch.

    Args:
        data: its identity: source, rows, hash, split, parts; may lack what older releases lacked.
        base: the folder that relative paths are relative to.
        seed: of the sweep, which decides which rows come into which part.
    """
    return tuple(_datasets(data, base, seed)) if data.get("source") and data.get("hash") else ()


def _datasets(data: Mapping[str, Any], base: str, seed: int) -> Iterator[Dataset]:
    cut = {key: data[key] for key in _CUT if data.get(key)} | {"seed": seed}
    parts = dict(data.get("parts") or {"train": data.get("rows")})
    if "folds" in data or "reshuffle" in data:
        # All rows but those of the test part train and validate in turn.
        parts = {"train": parts["train"] + parts["val"], "test": parts["test"]}
    for part, rows in parts.items():
        role = ROLES[part]
        held = data.get(role) or data  # a source of its own, or the common one
        about = _about(data, held) | {"rows": rows}
        if part == "val" and "baselines" in data:
            about["baselines"] = data["baselines"]
        digest = str(held["hash"])[:DIGITS]
        if rows != held.get("rows"):
            about |= cut | {"rows_of_source": held["rows"]}
            digest = _digest(held["hash"], role, cut)
        if rows:
            yield _dataset(held["source"], digest, role, base, about)


def _about(data: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: data.get(key) for key in ("columns", "target", "group", "order", "series")}
    kept |= {"hash": rows["hash"], "rows_without_target": rows.get("dropped")}
    if not data.get("target"):  # nothing is foretold
        kept |= {"target": None, "rows_without_target": None}
    return {key: value for key, value in kept.items() if value is not None}


def _dataset(source: str, digest: str, role: str, base: str, about: Mapping[str, Any]) -> Dataset:
    kind, _, rest = source.partition(":")
    if kind in NOT_FILES:
        name, source_type = rest, "code"
        where: dict[str, Any] = {"tags": {"mlflow.source.name": source}}
    else:
        file = Path(base) / Path(rest if kind in FILES else source).expanduser()
        name, source_type, where = file.name, "local", {"uri": str(file)}
    return Dataset(
        name[-LONGEST_NAME:], digest, source_type, json.dumps(where), json.dumps(about), role
    )


def _digest(content: str, role: str, cut: Mapping[str, Any]) -> str:
    text = json.dumps([content, role, cut], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
