"""Max pooling of lanes: torch's kernel is slow for the many channels that stacked lanes have.

B batch, C channels. Windows of two by two that do not overlap, which halve height and width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_BELOW_ZERO = -(2.0**-149)  # the least of float32


def own_pooling(module: nn.Module) -> nn.Module:
    """Every plain nn.MaxPool2d in `module`, and itself, that halves pictures is faster in lanes."""
    for part in module.modules():
        if type(part) is nn.MaxPool2d and _halves(part):
            part.__class__ = MaxPool2d
    return module


def _halves(part: nn.MaxPool2d) -> bool:
    pairs = (part.kernel_size, part.stride, part.padding, part.dilation)
    plain = tuple((v, v) if isinstance(v, int) else tuple(v) for v in pairs)
    whole = not (part.ceil_mode or part.return_indices)
    return whole and plain == ((2, 2), (2, 2), (0, 0), (1, 1))


class MaxPool2d(nn.MaxPool2d):
    """nn.MaxPool2d, computed by slices inside of `vmap`."""

    def forward(self, input: Tensor) -> Any:
        if not torch._C._functorch.is_batchedtensor(input):
            return super().forward(input)
        found, _ = _Halved.apply(input)  # type: ignore[no-untyped-call]
        return found


class _Halved(torch.autograd.Function):
    """Of equal values the first, by rows, takes the gradient, as in torch.

    Comparisons make truth values, which torch is slow to select by; differences are thresholds'
    work, which runs at the speed of memory.
    """

    generate_vmap_rule = False

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        """The maxima of [..., H, W], and the four that each is one of, [4, ..., H/2, W/2]."""
        height, width = x.shape[-2] // 2, x.shape[-1] // 2
        whole = x[..., : 2 * height, : 2 * width]
        windows = whole.reshape(*x.shape[:-2], height, 2, width, 2)
        four = windows.movedim((-3, -1), (0, 1)).reshape(4, *x.shape[:-2], height, width)
        best = torch.maximum(torch.maximum(four[0], four[1]), torch.maximum(four[2], four[3]))
        return best, four

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        (x,) = inputs
        ctx.shape = x.shape
        ctx.save_for_backward(*output)
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor, _: Any) -> Tensor:
        best, four = ctx.saved_tensors
        height, width = best.shape[-2:]
        parts, left = torch.empty_like(four), slope.clone()
        for part, values in zip(parts, four, strict=True):
            # Nothing below 0, the difference of the largest to itself, is above the threshold.
            torch.ops.aten.threshold_backward(left, values - best, _BELOW_ZERO, grad_input=part)
            left -= part
        windows = parts.view(2, 2, *best.shape).movedim((0, 1), (-3, -1))
        found = windows.reshape(*best.shape[:-2], 2 * height, 2 * width)
        rows, columns = ctx.shape[-2] - 2 * height, ctx.shape[-1] - 2 * width
        return nn.functional.pad(found, (0, columns, 0, rows)) if rows or columns else found

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> tuple[Any, Any]:
        return _Halved.apply(x.movedim(in_dims[0], 0)), (0, 1)  # type: ignore[no-untyped-call]
