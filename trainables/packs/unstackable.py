"""What of a module shows, before any pass, that it cannot be a lane."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn

from lanewise.trainables.checkpoints.extra_state import modules_with_extra
from lanewise.trainables.user_code.module import is_unfinished


class UnstackableError(Exception):
    """Why a module trains alone, in a line."""


def check_stackable(module: nn.Module, dtype: torch.dtype) -> None:
    """Raise UnstackableError unless all of the module can be rows of tensors of `dtype`."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise UnstackableError("it is compiled by torch.jit.script")
    if is_unfinished(module):
        raise UnstackableError("a part of it has no shape after a forward pass")
    if extra := [
        type(module.get_submodule(name)).__name__ for name, _ in modules_with_extra(module)
    ]:
        raise UnstackableError(f"{extra[0]} has an extra state")
    for name, parameter in module.named_parameters():
        if parameter.dtype != dtype:
            raise UnstackableError(f"{name} is {_word(parameter.dtype)}")
    for name, buffer in module.named_buffers():
        if buffer.is_complex() or buffer.layout != torch.strided:
            kind = buffer.dtype if buffer.is_complex() else buffer.layout
            raise UnstackableError(f"{name} is {_word(kind)}")
    if shared := _overlap(module.named_parameters()):
        raise UnstackableError(f"{' and '.join(shared)} share memory")


def _overlap(named: Iterable[tuple[str, Tensor]]) -> tuple[str, str] | None:
    """Two different parameters of which one changes with the other."""
    extents = sorted(
        (tensor.device.type, tensor.data_ptr(), tensor.data_ptr() + _extent(tensor), name)
        for name, tensor in named
        if tensor.numel()
    )
    for (device, _, end, name), (other_device, first, _, other) in pairwise(extents):
        if device == other_device and first < end:
            return name, other
    return None


def _extent(tensor: Tensor) -> int:
    """Bytes from its first number to its last."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in pairs)
    return (last + 1) * tensor.element_size()


def _word(kind: torch.dtype | torch.layout) -> str:
    return str(kind).removeprefix("torch.")
