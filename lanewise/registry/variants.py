"""The variants of a model as they were measured, and the one of them that ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lanewise.registry.errors import LimitsError, RegistryError
from lanewise.registry.limits import Limits, duration, size
from lanewise.search.core.spec import Objective
from lanewise.trainables.errors import ExportError, listing, nearest

if TYPE_CHECKING:
    from lanewise.trainables.checkpoints.trained import TrainedModel
    from lanewise.trainables.export.candidates import Candidate

BUNDLE = "pytorch"  # instead of a variant's name, where a model does not export
FLOAT = "float32"


@dataclass(frozen=True)
class Variant:
    """One variant.

    value: of the metric on held-out rows; delta: to float32. size: bytes of its network;
    p50, p99: seconds, of batches of one row and of 32. problem: why the model has none such.
    """

    name: str
    value: float = 0.0
    delta: float = 0.0
    size: int = 0
    parameters: int = 0
    p50_of_1: float = 0.0
    p99_of_1: float = 0.0
    p50_of_32: float = 0.0
    p99_of_32: float = 0.0
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured, and what ships.

    metric: by which variants are compared. variants: empty where the model does not export, and
    ``unexported`` says why. chosen: the one that ships. model: with its weights; network: its ONNX
    model.
    """

    metric: str
    variants: tuple[Variant, ...]
    chosen: str
    model: TrainedModel
    network: bytes | None
    unexported: str = ""

    @property
    def shipped(self) -> Variant:
        """The measures of the one that ships."""
        return next(each for each in self.variants if each.name == self.chosen)


def check_variants(text: str) -> tuple[str, ...]:
    """The names in ``--variants``, float32 first: the others are compared with it.

    Raises:
        RegistryError: one of them is none.
    """
    from lanewise.trainables.export.variants import VARIANTS

    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in VARIANTS:
            allowed = f"{listing(VARIANTS)}{nearest(name, VARIANTS)}"
            raise RegistryError(f"--variants: {name!r} is no variant ({allowed})")
    return tuple(dict.fromkeys([FLOAT, *names]))


def measure(
    model: TrainedModel, objective: Objective, names: tuple[str, ...] | None, limits: Limits
) -> Measured:
    """Makes and measures variants of a model, whose recipe has its data.

    Args:
        names: of ``check_variants``; None for all of them.

    Raises:
        LimitsError: none is within the limits.
    """
    from lanewise.trainables.export.candidates import candidates, choose
    from lanewise.trainables.export.variants import VARIANTS

    try:
        found = candidates(model, names or tuple(VARIANTS))
    except ExportError as error:
        if limits != Limits():
            message = f"it does not export, so nothing of it is within limits: {error.message}"
            raise LimitsError(message) from None
        return Measured(objective.metric, (), BUNDLE, model, None, error.message)
    first = found.candidates[0]
    # A metric of training is none of what ships.
    is_known = objective.metric in first.measured.metrics
    metric, mode = (objective.metric, objective.mode) if is_known else ("val_loss", "min")
    told = [_variant(each, first, metric) for each in found.candidates]
    told += [Variant(name, problem=reason) for name, reason in found.skipped.items()]
    latency = None if limits.latency is None else limits.latency * 1000
    try:
        best = choose(found.candidates, metric, mode, latency, limits.size)
    except ExportError:
        raise LimitsError(_none_fits(told, limits)) from None
    return Measured(metric, tuple(told), best.variant, best.model, best.network)


def _variant(one: Candidate, first: Candidate, metric: str) -> Variant:
    measured, of_1, of_32 = one.measured, one.measured.latency[1], one.measured.latency[32]
    value = measured.metrics[metric]
    return Variant(
        name=one.variant,
        value=value,
        delta=value - first.measured.metrics[metric],
        size=measured.size,
        parameters=measured.nonzero,
        p50_of_1=of_1.p50 / 1000,
        p99_of_1=of_1.p99 / 1000,
        p50_of_32=of_32.p50 / 1000,
        p99_of_32=of_32.p99 / 1000,
    )


def _none_fits(variants: list[Variant], limits: Limits) -> str:
    """Which variant misses the limits by the least, and by how much."""

    def excess(each: Variant) -> float:
        over_time = each.p99_of_1 / limits.latency if limits.latency else 0.0
        return max(over_time, each.size / limits.size if limits.size else 0.0)

    nearest = min((each for each in variants if not each.problem), key=excess)
    missed = []
    if limits.latency and nearest.p99_of_1 > limits.latency:
        has = duration(nearest.p99_of_1)
        missed.append(f"takes {has} for a row (99th percentile) of {duration(limits.latency)}")
    if limits.size and nearest.size > limits.size:
        missed.append(f"has {size(nearest.size)} of {size(limits.size)}")
    return f"no variant is within the limits; the nearest, {nearest.name}, {' and '.join(missed)}"
