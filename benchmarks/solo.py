"""Lanewise's training of one model beside a plain PyTorch loop, epoch by epoch.

    python benchmarks/solo.py [--epochs 30]

For each optimizer and two widths of *digits-mlp* (`digits_mlp/`), three trainings of the same
configuration take turns, an epoch each:

    lanewise   one epoch of a trial: its streams, training, evaluation, keeping the best weights
    same       the plain loop of the comparison's peers with the kernels that Lanewise chooses
               (fused where torch has them, else foreach)
    default    the plain loop with torch's default

and the table shows the medians of the CPU time of an epoch on one thread, which other processes
disturb little, and of the ratios within each turn.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from comparison.machine import machine, versions
from digits_mlp import ours
from digits_mlp.training import Training, tensors
from digits_mlp.workload import OPTIMIZERS, parts
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

KERNELS = {"rmsprop": {"foreach": True}}  # torch has no fused one; as in trainables.optim
WIDTHS = (32, 128)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--epochs", type=int, default=30)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recipe = ours.plan(Path(folder)).recipe()
    print("| | lanewise | same kernels | torch's default | times same | times default |")
    print("|---|---|---|---|---|---|")
    for optimizer in OPTIMIZERS:
        for width in WIDTHS:
            config = {"optimizer": optimizer, "width": width, "lr": 1e-3, "l2": 1e-4}
            turns = take_turns(epochs_of(recipe, {**config, "dropout": 0.2}), asked.epochs)
            print(row(f"{optimizer}, {width}", turns))
    print(f"\nms of CPU an epoch, median of {asked.epochs}; {machine()}; {versions()}.")


def epochs_of(recipe: Recipe, config: Mapping[str, Any]) -> dict[str, Callable[[], object]]:
    """By name, what trains one more epoch."""
    trial = open_trial(recipe, ours.config(config), seed=0)
    data = tensors(parts())
    same = Training(config, data, **KERNELS.get(config["optimizer"], {"fused": True}))
    return {
        "lanewise": lambda: trial.advance(trial.epoch + 1),
        "same": same.epoch,
        "default": Training(config, data).epoch,
    }


def take_turns(epochs: Mapping[str, Callable[[], object]], count: int) -> dict[str, list[float]]:
    """CPU milliseconds of each epoch, in rotating order; a first one of each is not counted."""
    names = list(epochs)
    turns: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(count + 1):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            began = time.process_time()
            epochs[name]()
            turns[name].append(1000 * (time.process_time() - began))
    return {name: found[1:] for name, found in turns.items()}


def row(label: str, turns: Mapping[str, list[float]]) -> str:
    medians = [f"{statistics.median(found):.1f}" for found in turns.values()]
    ratios = [f"{ratio(turns['lanewise'], turns[name]):.2f}" for name in ("same", "default")]
    return "| " + " | ".join([label, *medians, *ratios]) + " |"


def ratio(one: list[float], other: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    main()
