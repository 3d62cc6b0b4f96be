"""Which rows an epoch of a replica trains on, and how they change: the same alone and packed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanewise.trainables.data.table import Array
from lanewise.trainables.training.augment import Augment, Augmented
from lanewise.trainables.training.streams import balanced, order
from lanewise.trainables.training.tensors import FoldTensors


def epoch_rows(
    config: Mapping[str, Any], data: FoldTensors, seed: int, replica: int, epoch: int
) -> Array:
    """Numbers of training rows in the order of an epoch; int64 [N]."""
    if config["sampling"] == "balanced":
        return balanced(seed, replica, epoch, data.y_train.cpu().numpy())
    return order(seed, replica, epoch, len(data.x_train))


def augmented(
    config: Mapping[str, Any], data: FoldTensors, seed: int, replica: int, epoch: int
) -> Augmented | None:
    """What changes the inputs of an epoch; None where nothing does."""
    augment = Augment.of(config)
    if len(data.x_train.shape) < 4:  # what a user's own model calls a shift moves no pictures
        augment = Augment(noise=augment.noise)
    if not augment.does_something:
        return None
    return Augmented(augment, seed, replica, epoch, len(data.x_train))
