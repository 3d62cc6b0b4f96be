"""What may ship, each measured as it would ship, and which of it is the best within the limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.errors import ExportError
from lanewise.trainables.export.measure import Measured, latencies, measure
from lanewise.trainables.export.variants import VARIANTS, Made, Original, exported

PARITY = 1e-4  # of float32's outputs to PyTorch's, of outputs up to 1, and so of larger ones
_AS_LONG = 1.1  # times of two measurements of the same differ by as much
_AS_LARGE = 1.1  # times of a file that saves nothing worth having

Progress = Callable[[str], None]  # the variant that is made next


@dataclass(frozen=True, eq=False)
class Candidate:
    """One variant.

    network: its ONNX model; model: whose weights it has.
    """

    variant: str
    network: bytes = field(repr=False)
    model: TrainedModel = field(repr=False)
    measured: Measured = field(repr=False)

    @property
    def latency(self) -> float:
        """Milliseconds that 99 of 100 calls with a single row do not exceed."""
        return self.measured.latency[1].p99

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.measured.size


@dataclass(frozen=True, eq=False)
class Comparison:
    """candidates: float32 first; skipped: why a model has no such variant, by its name."""

    candidates: tuple[Candidate, ...]
    skipped: Mapping[str, str]


def candidates(
    model: TrainedModel,
    variants: Iterable[str] = tuple(VARIANTS),
    progress: Progress = lambda variant: None,
) -> Comparison:
    """Makes and measures the variants of a model, whose recipe has its data.

    Raises:
        ExportError: the model cannot be exported, or gives other values in onnxruntime.
        DataError: the recipe has no data.
    """
    original, made, skipped = Original(model, exported(model)), dict[str, Made](), dict[str, str]()
    for name in variants:
        progress(name)
        try:
            made[name] = VARIANTS[name].make(original)
        except ExportError as error:
            skipped[name] = error.message
    measured = {name: measure(one.network, one.model, model) for name, one in made.items()}
    if "float32" in measured:
        _check_parity(measured["float32"])
    times = latencies([one.network for one in made.values()], model)
    found = []
    for (name, one), latency in zip(made.items(), times, strict=True):
        whole = replace(measured[name], latency=latency)
        model_of = _with_threshold(one.model, whole)
        found.append(Candidate(name, one.network, model_of, whole))
    return Comparison(tuple(found), skipped)


def _with_threshold(model: TrainedModel, measured: Measured) -> TrainedModel:
    """With the threshold of anomalies that is the best for the variant's own scores."""
    if model.info.task != "anomaly":
        return model
    best = {"val_threshold": measured.metrics["val_threshold"]}
    return replace(model, metrics={**model.metrics, **best})


def choose(
    found: Sequence[Candidate],
    metric: str,
    mode: str,
    max_latency: float | None = None,
    max_size: int | None = None,
) -> Candidate:
    """The best within the limits: by the metric, of those that it does not tell apart the fastest
    for a single row, of those that take about as long the smallest, and so the metric once more.

    Two are not told apart where their difference is no larger than its standard error over
    resampled validation rows.

    Args:
        metric: as reported, "val_accuracy"; mode: "max" or "min".
        max_latency: milliseconds, of the 99th percentile of a single row; max_size: bytes.

    Raises:
        ExportError: none is within the limits; names the nearest.
    """
    within = [one for one in found if _excess(one, max_latency, max_size) <= 1]
    if not within:
        raise ExportError("variant", _none_fits(found, max_latency, max_size))
    sign = 1 if mode == "max" else -1

    def worth(one: Candidate) -> float:
        return sign * one.measured.metrics[metric]

    best = max(within, key=worth)
    ties = [one for one in within if is_tied(one, best, metric)]
    fastest = min(one.measured.latency[1].p50 for one in ties)
    quick = [one for one in ties if one.measured.latency[1].p50 <= fastest * _AS_LONG]
    smallest = min(one.size for one in quick)
    return max((one for one in quick if one.size <= smallest * _AS_LARGE), key=worth)


def is_tied(one: Candidate, best: Candidate, metric: str) -> bool:
    """Whether validation rows do not tell the two apart; see `choose`."""
    difference = abs(one.measured.metrics[metric] - best.measured.metrics[metric])
    if difference == 0 or metric not in one.measured.resampled:
        return difference == 0
    both = (each.measured.resampled[metric] for each in (one, best))
    return bool(difference <= np.std(np.subtract(*both)))


def _excess(one: Candidate, max_latency: float | None, max_size: int | None) -> float:
    """The largest share of a limit that it takes; above 1 it is over."""
    shares = [one.latency / max_latency] if max_latency is not None else []
    shares += [one.size / max_size] if max_size is not None else []
    return max(shares, default=0.0)


def _none_fits(found: Sequence[Candidate], max_latency: float | None, max_size: int | None) -> str:
    nearest = min(found, key=lambda one: _excess(one, max_latency, max_size))
    limits = [f"{max_latency:g} ms"] if max_latency is not None else []
    limits += [f"{max_size:,} bytes"] if max_size is not None else []
    has = f"{nearest.latency:.3g} ms (99th percentile of a row) and {nearest.size:,} bytes"
    return f"no variant is within {' and '.join(limits)}; the nearest is {nearest.variant}: {has}"


def _check_parity(measured: Measured) -> None:
    bar = PARITY * max(1.0, measured.scale)
    if not measured.parity <= bar:
        message = f"onnxruntime's outputs differ from PyTorch's by {measured.parity:.2g}"
        raise ExportError("model", f"{message}, more than {bar:.2g}")
