"""What a network is worth as it ships: its metrics, its sizes, and how long it takes. N rows."""

from __future__ import annotations

import statistics
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import DataError
from lanewise.trainables.export.onnx import example
from lanewise.trainables.export.runtime import Run, session
from lanewise.trainables.metrics.losses import make_loss
from lanewise.trainables.metrics.names import complete_loss, of_weights, reported
from lanewise.trainables.metrics.scores import score
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.streamed import chunks
from lanewise.trainables.training.tensors import FoldTensors, fold_tensors

BATCHES = (1, 32)
_ROUNDS, _CALLS, _SECONDS, _WARM = 7, 100, 0.1, 20  # the most calls and seconds of each round
_RESAMPLES = 200
_ROWS = 4096  # of a forward pass


@dataclass(frozen=True)
class Latency:
    """Milliseconds of a call, without what happens to raw rows before it: of the thread's CPU time,
    which is that of a call on an idle machine. Each is that of the least disturbed round.
    """

    p50: float
    p99: float


@dataclass(frozen=True, eq=False)
class Measured:
    """Of a network in onnxruntime on one thread.

    metrics: on the validation part, by their reported names, means over replicas.
    resampled: of each metric its values on resampled validation rows, the same rows for each
        network: the noise of a difference between two.
    parity: the largest absolute difference of a raw output to the trained model's, on random and
        on validation rows; scale: the largest raw output.
    size, zipped: bytes of the file, and of the same compressed.
    parameters, nonzero: numbers of weights.
    latency: by the number of rows, once it was measured; see `latencies`.
    """

    metrics: Mapping[str, float]
    resampled: Mapping[str, Array]
    parity: float
    scale: float
    size: int
    zipped: int
    parameters: int
    nonzero: int
    latency: Mapping[int, Latency] = field(default_factory=dict)


def measure(network: bytes, model: TrainedModel, trained: TrainedModel) -> Measured:
    """Measures a network.

    Args:
        model: whose weights it has, for their number; trained: which it is compared with, and
            whose recipe has the data.

    Raises:
        DataError: the recipe has no data.
    """
    recipe, run = trained.recipe, session(network, len(model.modules))
    own = validation_outputs(run, trained)
    reference = torch_outputs(trained)
    names = validation_names(recipe)
    differences = [_difference(a, b) for a, b in zip(own, reference, strict=True)]
    differences.append(_random_parity(run, trained))
    weights = [p.detach() for m in model.modules for p in m.parameters()]
    return Measured(
        metrics=_metrics(own, trained, names),
        resampled=_resampled(own, trained, [n for n in names if n == recipe.monitor]),
        parity=max(differences),
        scale=max(float(output.abs().max()) for output in reference),
        size=len(network),
        zipped=len(zlib.compress(network, 9)),
        parameters=sum(weight.numel() for weight in weights),
        nonzero=sum(int(torch.count_nonzero(weight)) for weight in weights),
    )


def validation_names(recipe: Recipe) -> list[str]:
    """The reported metrics that weights have on the validation part."""
    task = recipe.prepared.info.task if recipe.prepared else ""
    names = of_weights(reported(recipe.metrics, recipe.monitor, task))
    return [name for name in names if name.startswith("val_")]


def folds_of(model: TrainedModel) -> list[FoldTensors]:
    """The data of each replica.

    Raises:
        DataError: there are none.
    """
    if model.recipe.prepared is None:
        raise DataError("data", "variants are compared on the data that the model was trained on")
    folds = fold_tensors(model.recipe.prepared, "cpu", "float32")
    seeds = len(model.modules) // len(folds)
    return [fold for fold in folds for _ in range(seeds)]


# -- metrics -------------------------------------------------------------------------------------


def validation_outputs(run: Run, model: TrainedModel) -> list[Tensor]:
    """The raw outputs of each replica on its own validation part."""
    count = len(model.modules)
    found = []
    for number, fold in enumerate(folds_of(model)):
        # All replicas are given the same rows: their inputs have one number of them.
        parts = [run([part.numpy()] * count)[number] for part in chunks(fold.x_val, _ROWS)]
        found.append(torch.from_numpy(np.concatenate(parts)))
    return found


def torch_outputs(model: TrainedModel) -> list[Tensor]:
    """The same of the trained model itself."""
    from lanewise.trainables.export.pytorch import answering

    return validation_outputs(answering(model).run, model)


def _metrics(
    outputs: Sequence[Tensor],
    model: TrainedModel,
    names: Sequence[str],
    rows: Sequence[Tensor] | None = None,
) -> dict[str, float]:
    """Means over replicas; of some rows of each, None for all."""
    task = model.info.task
    loss = make_loss(complete_loss(model.loss, task), task)
    short = [name.removeprefix("val_") for name in names]
    each = []
    for number, (output, fold) in enumerate(zip(outputs, folds_of(model), strict=True)):
        y = fold.y_val
        if rows is not None:
            output, y = output[rows[number]], y[rows[number]]
        each.append(score(short, output, y, loss, fold.scale, task))
    return {f"val_{name}": statistics.fmean(one[name] for one in each) for name in short}


def _resampled(
    outputs: Sequence[Tensor], model: TrainedModel, names: Sequence[str]
) -> dict[str, Array]:
    random = np.random.default_rng(0)
    counts = [len(output) for output in outputs]
    found = []
    for _ in range(_RESAMPLES if names else 0):
        rows = [torch.from_numpy(random.integers(0, count, count)) for count in counts]
        found.append(_metrics(outputs, model, names, rows))
    return {name: np.array([one[name] for one in found]) for name in names}


# -- parity, latency -----------------------------------------------------------------------------


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).abs().max())


def _random_parity(run: Run, model: TrainedModel) -> float:
    from lanewise.trainables.export.pytorch import answering

    xs = [example(model.info, 64, seed).numpy() for seed in range(len(model.modules))]
    pairs = zip(run(xs), answering(model).run(xs), strict=True)
    return max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs)


def latencies(networks: Sequence[bytes], model: TrainedModel) -> list[dict[int, Latency]]:
    """Of each network, by the number of rows. They take turns, so that none has the quiet hour."""
    runs = [session(network, len(model.modules)) for network in networks]
    found: list[dict[int, Latency]] = [{} for _ in runs]
    for rows in BATCHES:
        xs = [example(model.info, rows, seed).numpy() for seed in range(len(model.modules))]
        for run in runs:
            for _ in range(_WARM):
                run(xs)
        rounds = [[list(_times(run, xs)) for run in runs] for _ in range(_ROUNDS)]
        for place, each in enumerate(zip(*rounds, strict=True)):
            p50, p99 = (min(float(np.percentile(t, share)) for t in each) for share in (50, 99))
            found[place][rows] = Latency(p50, p99)
    return found


def _times(run: Run, xs: Sequence[Array]) -> Iterator[float]:
    """Milliseconds."""
    ends = time.perf_counter() + _SECONDS
    for _ in range(_CALLS):
        began = time.thread_time()
        run(xs)
        yield 1000 * (time.thread_time() - began)
        if time.perf_counter() > ends:
            return
