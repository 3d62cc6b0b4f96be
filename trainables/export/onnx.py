"""The networks of a trained model as one ONNX model, through `torch.export`.

Inputs "x0", "x1" …, one a replica: [N, *shape], float32, or int64 of tokens and ids. Outputs
"output0", "output1" …: raw outputs [N, C], float32. N is dynamic.
"""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import Tensor, nn

from lanewise.trainables.checkpoints.weights import weights_of
from lanewise.trainables.data.info import Info
from lanewise.trainables.errors import ExportError
from lanewise.trainables.export.explain import unsupported, untraced
from lanewise.trainables.training.latent import Generative
from lanewise.trainables.user_code.module import input_type

_ROWS = 2  # of the example: one row would be taken for a constant
_LARGEST = 2**31 - 1  # bytes of a file that protobuf writes


class Replicas(nn.Module):
    """One module that answers for all: of x0, x1 … the raw outputs of each replica, float32."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.replicas = nn.ModuleList(modules)

    def forward(self, *xs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self._one(m, x) for m, x in zip(self.replicas, xs, strict=True))

    def _one(self, module: nn.Module, x: Tensor) -> Tensor:
        output: Tensor = module(x.to(input_type(module, x.dtype)))
        return output.float()


def program(modules: Sequence[nn.Module], info: Info) -> torch.export.ExportedProgram:
    """What `torch.export` makes of the replicas, with a dynamic number of rows.

    Raises:
        ExportError: says where, in one line.
    """
    if any(isinstance(module, Generative) for module in modules):
        message = "a generator makes rows and predicts none, so that there is nothing to serve"
        raise ExportError("model", f"{message}; keep its bundle, and use sample(rows)")
    whole = Replicas([_on_cpu(module) for module in modules]).eval()
    xs = tuple(example(info, _ROWS) for _ in modules)
    rows = torch.export.Dim("rows")
    with torch.no_grad(), _quiet():
        try:
            return torch.export.export(
                whole, xs, dynamic_shapes=(tuple({0: rows} for _ in xs),), strict=False
            )
        except Exception as error:  # whatever a user's module raises when it is traced
            raise ExportError("model", untraced(error)) from error


def onnx_of(exported: torch.export.ExportedProgram) -> bytes:
    """The ONNX model, with its weights inside.

    Raises:
        ExportError: an operator that ONNX lacks, or more than one file holds.
    """
    count = len(exported.graph_signature.user_inputs)
    with torch.no_grad(), _quiet():
        try:
            made: Any = torch.onnx.export(
                exported,
                dynamo=True,
                input_names=[f"x{number}" for number in range(count)],
                output_names=[f"output{number}" for number in range(count)],
                verbose=False,
            )
        except Exception as error:  # its errors are of many types
            raise ExportError("model", unsupported(error, exported)) from error
    proto = made.model_proto
    _clean(proto)
    if proto.ByteSize() > _LARGEST:
        raise ExportError("model", f"{proto.ByteSize() / 1e9:.1f} GB: an ONNX file holds 2 GB")
    return bytes(proto.SerializeToString())


def example(info: Info, rows: int, seed: int = 0) -> Tensor:
    """Random inputs of the right shape and type."""
    random = torch.Generator().manual_seed(seed)
    shape = (rows, *info.input_shape)
    if info.form == "ids":
        sizes = info.vocabulary if isinstance(info.vocabulary, tuple) else ()
        columns = [torch.randint(0, size, (rows,), generator=random) for size in sizes]
        return torch.stack(columns, 1)
    if info.form == "text":
        assert isinstance(info.vocabulary, int)
        # From 1: 0 is padding, and a text has a token.
        return torch.randint(1, info.vocabulary, shape, generator=random)
    return torch.randn(shape, generator=random)


def _on_cpu(module: nn.Module) -> nn.Module:
    """The module itself, or a copy of one on a GPU, which stays there."""
    is_there = all(tensor.device.type == "cpu" for tensor in weights_of(module).values())
    return module if is_there else copy.deepcopy(module).cpu()


# -- what is left out of the file ----------------------------------------------------------------


def _clean(proto: Any) -> None:
    """Without the exporter's notes, which name files of this machine; N is called "N"."""
    del proto.metadata_props[:]
    graphs = [proto.graph, *proto.functions]
    for graph in graphs:
        del graph.metadata_props[:]
        graph.doc_string = ""
        for node in graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
        for value in (*graph.value_info, *getattr(graph, "initializer", ())):
            del value.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]
        value.type.tensor_type.shape.dim[0].dim_param = "N"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of itself: FutureWarnings of its own calls, notes on weights
    that a recurrent layer keeps twice, optional libraries that are not installed, and the
    graph up to the operator that it lacks.
    """
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.filterwarnings("ignore", category=FutureWarning, module="torch|copyreg")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch|onnx")
            warnings.filterwarnings("ignore", message="The tensor attributes? .*_flat_weights")
            yield
    finally:
        logging.disable(before)
