"""What the variants of a network are worth as they ship: two models of the digits.

    python benchmarks/variants.py [--epochs 27]

Each variant's accuracy on the validation part, the largest difference of a raw output to the
trained model's, bytes of the file and of the same compressed, weights that are not 0, and
milliseconds of CPU of a call in onnxruntime on one thread, of 1 row and of 32: the median and the
99th percentile.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from comparison.machine import machine, versions
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.inputs import read_as
from lanewise.trainables.data.source import load
from lanewise.trainables.export.candidates import Candidate, Comparison, candidates, choose
from lanewise.trainables.models import MODELS
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

CONFIGS: dict[str, dict[str, Any]] = {"mlp": {"hidden": [128, 64]}, "cnn": {}}


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--epochs", type=int, default=27)
    asked = arguments.parse_args()
    for name, config in CONFIGS.items():
        show(name, candidates(trained(name, config, asked.epochs)))
    print(f"{machine()}; {versions()}, onnxruntime {version('onnxruntime')}.")


def trained(name: str, config: Mapping[str, Any], epochs: int) -> TrainedModel:
    table = load("sklearn:digits", target=None, base=Path())
    rows, reading = read_as(table, MODELS[name].forms, None)
    data = prepare(rows, source="sklearn:digits", task="multiclass", reading=reading)
    recipe = Recipe(
        model=name,
        prepared=data.for_trials(),
        monitor="val_accuracy",
        mode="max",
        epochs=epochs,
        threads=1,
    )
    trial = open_trial(recipe, config, seed=0)
    trial.advance(epochs)
    with tempfile.TemporaryDirectory() as folder:
        trial.save(Path(folder) / "c")
        return TrainedModel.load(Path(folder) / "c", recipe)


def show(name: str, found: Comparison) -> None:
    best = choose(found.candidates, "val_accuracy", "max").variant
    print(f"| {name} | accuracy | difference | bytes | zipped | weights | 1 row | 32 rows |")
    print("|---|---|---|---|---|---|---|---|")
    for one in found.candidates:
        print(row(one, is_best=one.variant == best))
    for variant, why in found.skipped.items():
        print(f"| {variant} | {why} | | | | | | |")
    print()


def row(one: Candidate, *, is_best: bool) -> str:
    measured = one.measured
    times = [measured.latency[rows] for rows in (1, 32)]
    name = f"**{one.variant}**" if is_best else one.variant
    cells = [
        f"{measured.metrics['val_accuracy']:.3f}",
        f"{measured.parity:.2g}",
        f"{measured.size:,}",
        f"{measured.zipped:,}",
        f"{measured.nonzero:,}",
        *(f"{time.p50:.3f} ({time.p99:.3f})" for time in times),
    ]
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
