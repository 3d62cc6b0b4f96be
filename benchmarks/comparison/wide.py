"""The workload *wide-mlp*: 784-512-512-10 in batches of 256, on made-up rows like MNIST's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

SWEEP = Path(__file__).parent / "wide.yaml"
ROWS, PIXELS, CLASSES = 4000, 784, 10
_NOISE = 0.35  # per pixel: most rows can be told, not all


def lay_out(folder: Path) -> Path:
    """The sweep file with its data beside it, in `folder`."""
    rng = np.random.default_rng(0)
    centres = (rng.random((CLASSES, PIXELS)) < 0.2).astype(np.float32)  # a fifth is ink
    y = rng.integers(CLASSES, size=ROWS)
    blurred = rng.random((ROWS, 1)).astype(np.float32) * centres[y]
    noise = rng.normal(0, _NOISE, (ROWS, PIXELS)).astype(np.float32)
    np.savez(folder / "wide.npz", X=np.clip(blurred + noise, 0, 1), y=y)
    return Path(shutil.copy(SWEEP, folder / "sweep.yaml"))
