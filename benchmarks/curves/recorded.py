"""The recorded learning curves as they lie in this folder, one NAME.npz for each workload.

A file is an npz archive without pickles:

    about       JSON: {"space": its form, "metric": …, "mode": …, "steps": {"val": …, "test": …}}
    params      JSON: the configurations
    val, test   uint16 [configurations, seeds, epochs]: differences from one epoch to the next,
                modulo 2**16, of whole numbers of steps; 65535 where a replica has failed

An accuracy's step is one row of its part, so that it is exact; an error's is 0.001, and one above
65.534 counts as that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lanewise.spaces import Space

FOLDER = Path(__file__).parent
NAMES = ("table", "image", "series", "text")
FAILED = 2**16 - 1
ERROR_STEP = 0.001

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Curves:
    """Learning curves of configurations drawn at random from a space.

    Attributes:
        params: the configurations; in no order.
        val, test: [configuration, seed, epoch], of epoch 1 first; NaN once a replica has failed.
        metric: "accuracy" or "mae"; mode: "max" or "min", which of it is better.
    """

    name: str
    space: Space
    params: Sequence[Mapping[str, Any]]
    val: Values
    test: Values
    metric: str
    mode: str


def load(name: str) -> Curves:
    """The curves of a workload, of NAMES."""
    with np.load(path(name), allow_pickle=False) as found:
        about = json.loads(found["about"].tobytes())
        params = json.loads(found["params"].tobytes())
        val, test = (_decoded(found[part], about["steps"][part]) for part in ("val", "test"))
    space = Space.from_json(about["space"])
    return Curves(name, space, params, val, test, about["metric"], about["mode"])


def write(curves: Curves, steps: Mapping[str, float]) -> None:
    """The file of a workload. steps: of its "val" and of its "test", as above."""
    about = {
        "space": curves.space.to_json(),
        "metric": curves.metric,
        "mode": curves.mode,
        "steps": dict(steps),
    }
    np.savez_compressed(
        path(curves.name),
        about=_text(about),
        params=_text(curves.params),
        val=_encoded(curves.val, steps["val"]),
        test=_encoded(curves.test, steps["test"]),
    )


def path(name: str) -> Path:
    return FOLDER / f"{name}.npz"


def _encoded(values: Values, step: float) -> Codes:
    counts = np.where(np.isnan(values), FAILED, np.minimum(np.rint(values / step), FAILED - 1))
    return np.diff(counts.astype(np.uint16), axis=2, prepend=np.uint16(0))


def _decoded(codes: Codes, step: float) -> Values:
    counts = np.cumsum(codes, axis=2, dtype=np.uint16)
    return np.where(counts == FAILED, np.nan, counts * step)


def _text(value: object) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)
