"""What the corrected score and a verification cost, in CPU seconds.

    python benchmarks/honesty.py --cost [--rounds 5]

Row values: 100 configurations of *digits-mlp* train for 3 epochs in packs, with the values of their
validation rows and without, in turn. Estimate: 3,000 evaluations of made-up models, as many as
1,000 trials under ASHA make, are folded as they come (256 at a time), and the best corrected and
compared with 1,000 others. Verification: 64 configurations of a sweep train for 2 epochs, and two
of them as 5 folds × 5 seeds, in turn; what a lane's epoch takes, by training row. One thread, the
median and the least and most of the rounds. CPU time, since other work may share the machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lanewise.estimators import lanes
from lanewise.plan import Plan, make_plan
from lanewise.search.core.sweep import Run
from lanewise.search.selection.estimate import corrected, tied
from lanewise.search.selection.sample import Sample
from lanewise.search.selection.stream import Evaluation, Stream
from lanewise.sweepfile import parse
from lanewise.trainables.recipe import Recipe

TRIALS, EPOCHS, FOLD = 1000, 3, 256
CONFIGS = 100
METRICS = (("mean", 270, 2), ("mean", 2000, 2), ("roc_auc", 2000, 2), ("roc_auc", 800, 10))
SPACE = {
    "hidden": {"repeat": {"times": [1, 3], "of": {"int": [16, 128], "log": True}}},
    "dropout": {"float": [0.0, 0.5]},
    "lr": {"float": [1e-4, 1e-1], "log": True},
    "optimizer": {"choice": ["sgd", "adam", "rmsprop"]},
    "batch_size": 64,
}

HEADS = ("what", "CPU seconds, median (least to most)")


def table(rounds: int) -> Iterator[tuple[str, str]]:
    """A row for each cost."""
    plan = _plan()
    recipe = replace(plan.recipe(), threads=1)
    configs = [plan.spec.space.sample(np.random.default_rng(n)) for n in range(CONFIGS)]
    without = replace(recipe, resampled=None)
    pairs = [
        (_seconds(_train, recipe, configs, EPOCHS),
         _seconds(_train, without, configs, EPOCHS))
        for _ in range(rounds)
    ]  # fmt: skip
    scale = TRIALS / CONFIGS
    yield "packs, 1,000 trials × 3 epochs", _told([scale * b for _, b in pairs])
    yield "… more with row values", _told([scale * (a - b) for a, b in pairs])
    for statistic, rows, classes in METRICS:
        name = f"estimate of {statistic}, {rows} rows" + f", {classes} classes" * (classes > 2)
        given = _made_up(statistic, rows, classes)
        yield name, _told([_seconds(_estimate, *given) for _ in range(rounds)])
    yield from _verification(configs[:64], without, rounds)


def _verification(
    configs: Sequence[dict[str, Any]], recipe: Recipe, rounds: int
) -> Iterator[tuple[str, str]]:
    folded = replace(_plan(folds=5, seeds=5).recipe(), threads=1, resampled=None)
    sweeps, again = [], []
    for number in range(rounds):
        some = [configs[(2 * number + k) % len(configs)] for k in range(2)]
        sweeps.append(_per_row(recipe, configs, len(configs)))
        again.append(_per_row(folded, some, 50))
    yield "a lane's epoch of 1,000 rows in the sweep, ms", _told([1e6 * each for each in sweeps])
    yield "… in its verification, ms", _told([1e6 * each for each in again])
    shares = [b / a for a, b in zip(sweeps, again, strict=True)]
    yield "… as a multiple of the sweep's", _told(shares)


def _per_row(recipe: Recipe, configs: Sequence[dict[str, Any]], count: int) -> float:
    assert recipe.prepared is not None
    rows = len(recipe.prepared.folds[0].y_train)
    return _seconds(_train, recipe, configs, 2) / (2 * count * rows)


def _plan(**more: Any) -> Plan:
    body = {
        "name": "cost",
        "data": {"source": "sklearn:digits", "test_seed": 0},
        "model": "mlp",
        "objective": {"maximize": "val_accuracy"},
        "space": SPACE,
        "budget": {"trials": TRIALS, "epochs": 27},
    }
    return make_plan(parse({**body, **more}, "honesty --cost"), Path())


def _train(recipe: Recipe, configs: Sequence[dict[str, Any]], epochs: int) -> None:
    runs = [Run(n, config, n, attempt=1, epoch=0, until=epochs) for n, config in enumerate(configs)]
    for trained in lanes.train(recipe, runs, None):
        if trained.error is not None:
            raise trained.error


def _made_up(statistic: str, rows: int, classes: int) -> tuple[Sample, list[Evaluation]]:
    rng = np.random.default_rng(0)
    columns = classes if classes > 2 else 1
    codes_N = rng.integers(0, classes, rows)
    is_class = np.eye(classes)[codes_N].T[-columns:]
    shared = rng.normal(size=(columns, rows))
    evaluations = []
    for number in range(TRIALS * EPOCHS):
        quality = 1.5 * (1 - np.exp(-rng.exponential()))
        noise = 0.7 * shared + 0.7 * rng.normal(size=shared.shape)
        values = (quality * is_class + noise).astype(np.float32)
        if statistic == "mean":
            values = (values > 0).astype(np.uint8)
        evaluations.append(Evaluation(number // EPOCHS, number % EPOCHS, values))
    number_type = "bits" if statistic == "mean" else "<f4"
    rows_N = np.arange(rows)
    sample = Sample(
        statistic, "max", rows_N, codes_N, classes, columns, number_type, rows, is_share=True
    )
    return sample, evaluations


def _estimate(sample: Sample, evaluations: Sequence[Evaluation]) -> None:
    stream = Stream(sample)
    for first in range(0, len(evaluations), FOLD):
        stream.take(evaluations[first : first + FOLD])
    corrected(stream, stream.naive)
    values = {each.trial: each.values_KN for each in evaluations}
    tied(stream, 0, values, dict.fromkeys(values, 0.9))


def _seconds(work: Callable[..., object], *arguments: Any) -> float:
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def _told(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
