"""What may ship, each measured as it would ship, and which of it is the best within the limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.errors import ExportError
from lanewise.trainables.export.measure import Measured, measure
from lanewise.trainables.export.variants import VARIANTS, Original

PARITY = 1e-4  # of float32's outputs to PyTorch's, of outputs up to 1, and so of larger ones

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
        """Milliseconds that 99 of 100 single rows do not exceed."""
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
    original, made, skipped = Original(model), list[Candidate](), dict[str, str]()
    original.network  # noqa: B018  (what cannot be exported at all has no variants)
    for name in variants:
        progress(name)
        try:
            variant = VARIANTS[name].make(original)
        except ExportError as error:
            skipped[name] = error.message
            continue
        measured = measure(variant.network, variant.model, model)
        if name == "float32":
            _check_parity(measured)
        made.append(Candidate(name, variant.network, variant.model, measured))
    return Comparison(tuple(made), skipped)


def choose(
    found: Sequence[Candidate],
    metric: str,
    mode: str,
    max_latency: float | None = None,
    max_size: int | None = None,
) -> Candidate:
    """The best within the limits: by the metric, and of those that it does not tell apart the
    fastest.

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
    best = max(within, key=lambda one: sign * one.measured.metrics[metric])
    ties = [one for one in within if is_tied(one, best, metric)]
    return min(ties, key=lambda one: one.measured.latency[1].p50)


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
