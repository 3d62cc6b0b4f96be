"""What all contenders share: the numbers of the search, and the rows.

scikit-learn's digits, 1,200 rows to train on and 597 to compare by, the same for all. N rows, F
features.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

EPOCHS, ETA, BATCH = 27, 3, 64
WIDTHS = (16, 32, 64, 128)
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
METRIC = "val_accuracy"
SLOTS = 2  # trials at a time

TRAIN = 1200
_SHUFFLE = 0  # seed of the one shuffle

Array = npt.NDArray[np.generic]


class Parts(NamedTuple):
    """x: [N, F], y: int64 [N]."""

    x_train: Array
    y_train: Array
    x_val: Array
    y_val: Array


def raw_parts() -> Parts:
    """The pixels as they are, float64."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(_SHUFFLE).permutation(len(y))
    X, y = X[order], y[order].astype(np.int64)
    return Parts(X[:TRAIN], y[:TRAIN], X[TRAIN:], y[TRAIN:])


def parts() -> Parts:
    """Standardised by the training rows (pixels that are constant there only centred), float32."""
    x_train, y_train, x_val, y_val = raw_parts()
    mean, std = x_train.mean(0), x_train.std(0)
    std[np.ptp(x_train, axis=0) == 0] = 1.0
    scaled = [((x - mean) / std).astype(np.float32) for x in (x_train, x_val)]
    return Parts(scaled[0], y_train, scaled[1], y_val)


def write(folder: Path) -> None:
    """train.npz and val.npz, which `sweep.yaml` reads beside itself; not standardised."""
    x_train, y_train, x_val, y_val = raw_parts()
    np.savez(folder / "train.npz", X=x_train, y=y_train)
    np.savez(folder / "val.npz", X=x_val, y=y_val)
