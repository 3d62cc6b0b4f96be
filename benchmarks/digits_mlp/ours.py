"""The workload as Lanewise has it, for those who compare one training with another."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digits_mlp import workload
from lanewise.plan import Plan, make_plan
from lanewise.sweepfile import read

SWEEP = Path(__file__).parent / "sweep.yaml"


def lay_out(folder: Path) -> Path:
    """The sweep file with its data beside it, in `folder`."""
    workload.write(folder)
    return Path(shutil.copy(SWEEP, folder))


def plan(folder: Path) -> Plan:
    """The checked sweep; its files are written into `folder`."""
    return make_plan(read(lay_out(folder)), folder)


def config(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """A peer's configuration (see `training`) in Lanewise's words."""
    kept = {name: theirs[name] for name in ("lr", "l2", "dropout", "optimizer")}
    if theirs["optimizer"] == "sgd":
        kept["optimizer"] = {"name": "sgd", "momentum": 0.9}
    if "norm" in theirs:
        kept["norm"] = theirs["norm"]
    batch = theirs.get("batch", workload.BATCH)
    return {**kept, "hidden": [theirs["width"]] * 2, "batch_size": batch}
