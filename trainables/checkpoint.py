"""One safetensors file per checkpoint: tensors, and JSON in its header. No pickle anywhere.

The header's JSON carries a CRC-32 of everything, so that a damaged file is known as one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lanewise.trainables.errors import CheckpointError

FORMAT = 1
_KEY = "lanewise"


def write(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Atomic: a temporary name in the same folder, then a rename."""
    # Own copies: safetensors refuses tensors that share memory, as tied weights do.
    copies = {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}
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
    return tensors, state


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> int:
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(name.encode(), total)
        raw = tensors[name].reshape(-1).view(torch.uint8).numpy()
        total = zlib.crc32(raw.data, total)
    return total
