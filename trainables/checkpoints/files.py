"""One safetensors file per checkpoint: tensors, and JSON in its header. No pickle anywhere.

The header's JSON carries a CRC-32 of everything, so that a damaged file is known as one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lanewise.trainables.errors import CheckpointError, ModelError

FORMAT = 1
_KEY = "lanewise"
_COMPLEX, _INDICES, _VALUES, _SIZE = "#complex", "#indices", "#values", "#size"


def write(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Atomic: a temporary name in the same folder, then a rename."""
    # Own copies: safetensors refuses tensors that share memory, as tied weights do.
    copies = {
        part: tensor.to("cpu", copy=True).contiguous()
        for name, whole in tensors.items()
        for part, tensor in _parts(name, whole.detach())
    }
    text = json.dumps({**state, "format": FORMAT})
    header = {_KEY: text, "crc32": str(_checksum(text, copies))}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(save(copies, header))
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the state of a checkpoint.

    Raises:
        CheckpointError: the file is missing, damaged, or of a newer format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = header[_KEY]
        whole = int(header["crc32"]) == _checksum(text, tensors)
        state: dict[str, Any] = json.loads(text)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is no readable checkpoint: {error}") from error
    if not whole:
        raise CheckpointError(f"{path} is damaged: its checksum differs")
    if state.get("format") != FORMAT:
        made = state.get("format")
        raise CheckpointError(f"{path} has format {made}, this release reads {FORMAT}")
    return _joined(tensors), state


def _parts(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What the file format has: dense tensors of real numbers."""
    if tensor.layout == torch.sparse_coo:
        sparse = tensor.coalesce()
        yield f"{name}{_INDICES}", sparse.indices()
        yield f"{name}{_SIZE}", torch.tensor(sparse.shape)
        yield from _parts(f"{name}{_VALUES}", sparse.values())
    elif tensor.layout != torch.strided or tensor.is_quantized:
        kind = "quantized" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
        message = f"{name} is {kind}, which no checkpoint holds (dense or sparse_coo)"
        raise ModelError("model", message)
    elif tensor.is_complex():
        yield f"{name}{_COMPLEX}", torch.view_as_real(tensor.resolve_conj())
    else:
        yield name, tensor


def _joined(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `_parts` took apart."""
    found = {}
    for name, tensor in parts.items():
        if name.endswith(_COMPLEX):
            name, tensor = name.removesuffix(_COMPLEX), torch.view_as_complex(tensor)
        found[name] = tensor
    for name in [n for n in found if n.endswith(_INDICES)]:
        whole = name.removesuffix(_INDICES)
        indices, values = found.pop(name), found.pop(f"{whole}{_VALUES}")
        size = found.pop(f"{whole}{_SIZE}").tolist()
        found[whole] = torch.sparse_coo_tensor(indices, values, size, check_invariants=True)
    return found


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> int:
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(name.encode(), total)
        raw = tensors[name].reshape(-1).view(torch.uint8).numpy()
        total = zlib.crc32(raw.data, total)
    return total
