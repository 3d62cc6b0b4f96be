"""Smaller numbers: weights of 8 bits, by onnxruntime's quantiser.

dynamic: weights are int8, what goes into a product is quantised by its own range as it comes.
static: what goes into a layer is quantised by the range that it has on training rows, stored as
pairs of QuantizeLinear and DequantizeLinear around each layer (QDQ), which onnxruntime merges.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import ExportError

# Not convolutions and recurrences: onnxruntime runs neither with weights that are signed.
_DYNAMIC = ["MatMul", "Gemm", "Gather"]
_STATIC = ["MatMul", "Gemm", "Conv"]
_INTEGER = {"MatMulInteger", "DequantizeLinear", "DynamicQuantizeMatMul"}


def dynamic(network: bytes) -> bytes:
    """The network with weights of 8 bits.

    Raises:
        ExportError: it has no layer of the types that this is for.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _files(network) as (source, made):
        quantize_dynamic(source, made, op_types_to_quantize=_DYNAMIC, weight_type=QuantType.QInt8)
        return _checked(made, _DYNAMIC)


def static(network: bytes, batches: Sequence[Mapping[str, Array]]) -> bytes:
    """The network with layers of 8 bits.

    Args:
        batches: inputs of training rows, by which the ranges are measured.

    Raises:
        ExportError: it has no layer of the types that this is for.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> Mapping[str, Array] | None:
            return next(self.left, None)

    with _files(network) as (source, made):
        quantize_static(
            source,
            made,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_STATIC,
            per_channel=True,
            extra_options={"CalibTensorRangeSymmetric": False},
        )
        return _checked(made, _STATIC)


def _checked(made: Path, types: Sequence[str]) -> bytes:
    import onnx

    content = made.read_bytes()
    nodes = {node.op_type for node in onnx.load_from_string(content).graph.node}
    if not nodes & _INTEGER:
        names = ", ".join(types)
        message = f"it has no layer whose weights could be int8 (of ONNX's {names})"
        raise ExportError("variant", message)
    return content


@contextmanager
def _files(network: bytes) -> Iterator[tuple[Path, Path]]:
    """The network in a file, simplified as the quantiser wants it, and the name of another."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, _quiet():
        given, source = Path(folder) / "given.onnx", Path(folder) / "source.onnx"
        given.write_bytes(network)
        quant_pre_process(str(given), str(source), skip_symbolic_shape=True)
        yield source, Path(folder) / "made.onnx"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without its advice, which goes to the root logger."""
    root: Any = logging.getLogger()
    before = root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="onnx")
            yield
    finally:
        logging.disable(before)
