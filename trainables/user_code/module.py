"""What a module of a user's own may be that a built-in one is not.

It may make parts of itself in its first forward pass (torch's lazy layers, `if not hasattr(…)`),
and be of other types of numbers than its data.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from lanewise.trainables.data.info import Info

_EXAMPLES = 2
_COMPLEX = {torch.float64: torch.complex128}


def placed(module: nn.Module, device: str, dtype: torch.dtype) -> nn.Module:
    """The module on the device, its numbers as precise as `dtype` where that is not float32.

    In float32 a module keeps the types that it was built with.
    """
    module = module.to(device)
    if dtype == torch.float32:
        return module

    def cast(tensor: Tensor) -> Tensor:
        # Module.to(dtype) would take the imaginary parts away.
        if tensor.is_complex():
            return tensor.to(_COMPLEX.get(dtype, torch.complex64))
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    return module._apply(cast)  # type: ignore[no-untyped-call, no-any-return]


def input_type(module: nn.Module, own: torch.dtype) -> torch.dtype:
    """What rows of the type `own` are given to a module as: its own type, if it has but one."""
    types = {p.dtype for p in module.parameters() if p.is_floating_point()}
    if not own.is_floating_point or own in types or len(types) != 1:
        return own
    return types.pop()


def is_unfinished(module: nn.Module) -> bool:
    """Whether a forward pass has yet to give parameters or buffers their shapes."""
    return any(map(is_lazy, (*module.parameters(), *module.buffers())))


def first_pass(module: nn.Module, x: Tensor) -> None:
    """Let the module make what it makes in its first forward pass, of a few rows."""
    is_training = module.training
    module.eval()
    with torch.no_grad():
        module(x.clone().to(input_type(module, x.dtype)))
    module.train(is_training)


def example_rows(info: Info, device: str, dtype: torch.dtype) -> Tensor:
    """Rows of the right shape and type, all of them zeros."""
    is_of_names = info.form in ("text", "ids")
    shape = (_EXAMPLES, *info.input_shape)
    return torch.zeros(shape, dtype=torch.int64 if is_of_names else dtype, device=device)


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """What an optimizer is to change."""
    return [p for p in module.parameters() if p.requires_grad]


def are_the_same(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Whether both are the very same tensors."""
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))
