"""Attention and linear layers that are quick in lanes, and short attention that is quick alone.

Vaswani et al. 2017, "Attention Is All You Need". Attention has no parameters: inside of `vmap` the
lanes are more rows of one batch. torch's own, `scaled_dot_product_attention`, does evaluations and
long sequences; for short ones in training most of its time goes into copies, rows of a softmax
that are shorter than a vector, and products with a few columns, so these have a pass by hand.

K lanes, B batch, T steps, H heads, D width, d = D / H, E = 3 D, M = B · H, I inputs, O outputs.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

SHORT = 64  # steps; of longer ones torch's own keeps no [T, T]
_VECTOR = 16  # values; torch's softmax of shorter rows is slow


class Linear(nn.Linear):
    """nn.Linear, which inside of `vmap` is one product a lane, however many dimensions x has.

    `vmap` alone copies the weight for every row of the batch.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not _is_stacked(input, self.weight):
            return super().forward(input)
        found: Tensor = _StackedLinear.apply(input, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return found


def attend(qkv_BTE: Tensor, heads: int, known_BT: Tensor | None, *, is_training: bool) -> Tensor:
    """softmax(q kᵀ / √d) v of every head, side by side: [B, T, D].

    Args:
        qkv_BTE: for each head its q, k and v, d of each.
        known_BT: False where there is nothing to attend to, the padding; at least one is True.
        is_training: gradients may be asked for.
    """
    if _is_stacked(qkv_BTE, known_BT):
        found: Tensor = _StackedAttention.apply(qkv_BTE, known_BT, heads, is_training)  # type: ignore[no-untyped-call]
        return found
    return _attend(qkv_BTE, known_BT, heads, is_training)


def _attend(qkv_BTE: Tensor, known_BT: Tensor | None, heads: int, is_training: bool) -> Tensor:
    batch, steps, _ = qkv_BTE.shape
    is_short = steps <= SHORT and qkv_BTE.device.type == "cpu"
    if is_short and is_training and qkv_BTE.requires_grad:
        found: Tensor = _Short.apply(qkv_BTE, known_BT, heads)  # type: ignore[no-untyped-call]
        return found
    q, k, v = qkv_BTE.view(batch, steps, heads, 3, -1).permute(3, 0, 2, 1, 4)
    mask = None if known_BT is None else known_BT[:, None, None, :]
    o_BHTd = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return o_BHTd.transpose(1, 2).reshape(batch, steps, -1)


class _Short(torch.autograd.Function):
    """Attention by batched products whose results are rows of T values, not of d: see above."""

    @staticmethod
    def forward(ctx: Any, qkv_BTE: Tensor, known_BT: Tensor | None, heads: int) -> Tensor:
        batch, steps, _ = qkv_BTE.shape
        columns = qkv_BTE.transpose(1, 2).contiguous().view(batch * heads, 3, -1, steps)
        q_MdT, k_MdT, v_MdT = columns.unbind(1)
        p_MTT = _softmax(q_MdT, k_MdT, known_BT)
        o_MdT = torch.bmm(v_MdT, p_MTT.transpose(1, 2))
        ctx.save_for_backward(columns, p_MTT)
        ctx.heads = heads
        return o_MdT.view(batch, -1, steps).transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_BTD: Tensor) -> Any:
        columns, p_MTT = ctx.saved_tensors
        q_MdT, k_MdT, v_MdT = columns.unbind(1)
        batch, steps, width = slope_BTD.shape
        heads = ctx.heads
        o_MdT = slope_BTD.transpose(1, 2).contiguous().view(batch * heads, -1, steps)
        slope_MTT = _softmax_slope(torch.bmm(o_MdT.transpose(1, 2), v_MdT), p_MTT)
        scale = 1 / math.sqrt(width // heads)
        found = slope_BTD.new_empty(batch, steps, heads, 3, width // heads)
        for place, slope_MdT in enumerate(
            (
                _product(k_MdT, slope_MTT.transpose(1, 2), scale),
                _product(q_MdT, slope_MTT, scale),
                torch.bmm(o_MdT, p_MTT),
            )
        ):
            slope_BHdT = slope_MdT.view(batch, heads, -1, steps)
            found[:, :, :, place].copy_(slope_BHdT.permute(0, 3, 1, 2))
        return found.view(batch, steps, -1), None, None


def _product(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """scale · a b, of batches of matrices."""
    return torch.baddbmm(a.new_empty(()), a, b, beta=0, alpha=scale)


def _softmax(q_MdT: Tensor, k_MdT: Tensor, known_BT: Tensor | None) -> Tensor:
    """softmax(q kᵀ / √d), [M, T, T]."""
    scale, steps = 1 / math.sqrt(q_MdT.shape[1]), q_MdT.shape[2]
    is_tiny = steps < _VECTOR
    if is_tiny:
        scale *= math.log2(math.e)  # 2^x takes a third of the time of eˣ
    s_MTT = _product(q_MdT.transpose(1, 2), k_MdT, scale)
    if known_BT is not None:
        s_BHTT = s_MTT.view(len(known_BT), -1, steps, steps)
        s_BHTT.masked_fill_(~known_BT[:, None, None, :], -math.inf)
    if not is_tiny:
        return torch.softmax(s_MTT, -1)
    p_MTT = s_MTT.sub_(s_MTT.amax(-1, keepdim=True)).exp2_()
    return p_MTT.div_(p_MTT.sum(-1, keepdim=True))


def _softmax_slope(slope_MTT: Tensor, p_MTT: Tensor) -> Tensor:
    """From the gradient by p to that by what the softmax is of: p · (g − Σ g p)."""
    if p_MTT.shape[-1] >= _VECTOR:
        return torch._softmax_backward_data(slope_MTT, p_MTT, -1, p_MTT.dtype)
    each_MTT = slope_MTT.mul_(p_MTT)
    return torch.addcmul(each_MTT, p_MTT, each_MTT.sum(-1, keepdim=True), value=-1)


# --- inside of vmap ------------------------------------------------------------------------------


def _is_stacked(*given: Tensor | None) -> bool:
    """Whether one of them has values of several lanes."""
    is_batched = torch._C._functorch.is_batchedtensor
    return any(tensor is not None and is_batched(tensor) for tensor in given)


def _lanes(info: Any, tensor: Tensor | None, dim: int | None) -> Tensor | None:
    """The lanes' dimension in front; what all share is spread over them."""
    if tensor is None:
        return None
    if dim is None:
        return tensor.expand(info.batch_size, *tensor.shape)
    return tensor.movedim(dim, 0)


class _Stacked(torch.autograd.Function):
    """What `vmap` sees of one lane; the rule, of all lanes, is differentiated below it."""

    @staticmethod
    def forward(*given: Any) -> Any:
        raise NotImplementedError("this is for the inside of vmap only")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """There is nothing to keep; torch asks for it where there is a rule."""


class _StackedLinear(_Stacked):
    @staticmethod
    def vmap(
        info: Any, in_dims: Any, input: Tensor, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, int]:
        x, weight_KOI, bias_KO = (
            _lanes(info, tensor, dim)
            for tensor, dim in zip((input, weight, bias), in_dims, strict=True)
        )
        assert x is not None
        assert weight_KOI is not None
        x_KNI, weight_KIO = x.reshape(len(x), -1, x.shape[-1]), weight_KOI.transpose(1, 2)
        if bias_KO is None:
            y_KNO = torch.bmm(x_KNI, weight_KIO)
        else:
            y_KNO = torch.baddbmm(bias_KO.unsqueeze(1), x_KNI, weight_KIO)
        return y_KNO.view(*x.shape[:-1], -1), 0


class _StackedAttention(_Stacked):
    @staticmethod
    def vmap(
        info: Any,
        in_dims: Any,
        qkv: Tensor,
        known: Tensor | None,
        heads: int,
        is_training: bool,
    ) -> tuple[Tensor, int]:
        qkv_KBTE = _lanes(info, qkv, in_dims[0])
        known_KBT = _lanes(info, known, in_dims[1])
        assert qkv_KBTE is not None
        known_NT = None if known_KBT is None else known_KBT.reshape(-1, known_KBT.shape[-1])
        o_NTD = _attend(qkv_KBTE.flatten(0, 1), known_NT, heads, is_training)
        return o_NTD.view(*qkv_KBTE.shape[:3], -1), 0
