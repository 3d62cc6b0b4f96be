"""The variants of a network that may ship: which there are, and what makes each of them.

A row here adds one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.table import Array
from lanewise.trainables.export import prune, quantize
from lanewise.trainables.export.measure import folds_of
from lanewise.trainables.export.onnx import onnx_of, program

EPOCHS = 10  # of training on, behind a pruning
_BATCH, _BATCHES = 64, 8  # training rows that calibrate ranges


@dataclass(frozen=True, eq=False)
class Made:
    """A variant: its ONNX model, and the trained model whose weights it has."""

    network: bytes
    model: TrainedModel


@dataclass(frozen=True, eq=False)
class Original:
    """The trained model that variants are made of, and its ONNX model."""

    model: TrainedModel
    network: bytes


@dataclass(frozen=True)
class Variant:
    """make: raises ExportError with the reason, in one line, why a model has no such variant."""

    summary: str
    make: Callable[[Original], Made]


def exported(model: TrainedModel) -> bytes:
    return onnx_of(program(model.modules, model.info))


def _float32(of: Original) -> Made:
    return Made(of.network, of.model)


def _dynamic(of: Original) -> Made:
    return Made(quantize.dynamic(of.network), of.model)


def _static(of: Original) -> Made:
    return Made(quantize.static(of.network, list(_training_rows(of.model))), of.model)


def _sparse(share: float) -> Callable[[Original], Made]:
    def make(of: Original) -> Made:
        model = prune.sparse(of.model, share, EPOCHS)
        return Made(exported(model), model)

    return make


def _narrow(share: float) -> Callable[[Original], Made]:
    def make(of: Original) -> Made:
        model = prune.narrow(of.model, share, EPOCHS)
        return Made(exported(model), model)

    return make


def _training_rows(model: TrainedModel) -> Iterator[Mapping[str, Array]]:
    """Inputs of all replicas, the same number of rows of each."""
    parts = [fold.x_train for fold in folds_of(model)]
    rows = min(len(x) for x in parts)
    for first in range(0, min(rows, _BATCH * _BATCHES), _BATCH):
        last = min(first + _BATCH, rows)
        yield {f"x{number}": x[first:last].numpy() for number, x in enumerate(parts)}


VARIANTS: dict[str, Variant] = {
    "float32": Variant("as it was trained", _float32),
    "int8-dynamic": Variant("weights of 8 bits", _dynamic),
    "int8-static": Variant("weights and what goes into layers of 8 bits", _static),
    "sparse-50": Variant("the smaller half of the weights is 0", _sparse(0.5)),
    "sparse-80": Variant("the smallest 80 % of the weights are 0", _sparse(0.8)),
    "narrow-50": Variant("the weaker half of each hidden layer's units is taken out", _narrow(0.5)),
}
