"""Attention and linear layers that are quick in lanes, and short attention that is quick alone.

Vaswani et al. 2017, "Attention Is All You Need". Attention has no parameters: inside of `vmap` the
lanes are more rows of one batch. torch's own is `scaled_dot_product_attention`. Of short sequences
most of its time goes into copies and into a softmax of rows that are shorter than a vector, so that
their training, and all of it in lanes, has passes by hand.

K lanes, B batch, T steps, H heads, D width, d = D / H, E = 3 D, I inputs, O outputs.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

SHORT = 24  # steps; of longer ones torch's own is as quick, and keeps no [T, T]
_VECTOR = 16  # values; torch's softmax of shorter rows is slow, and so are narrower products


class Linear(nn.Linear):
    """nn.Linear, which inside of `vmap` is one product a lane, however many dimensions x has.

    `vmap` alone copies the weight for every row of the batch.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not _is_stacked(input, self.weight):
            return super().forward(input)
        return _linear(input, self.weight, self.bias)


def attend(qkv_BTE: Tensor, heads: int, known_BT: Tensor | None) -> Tensor:
    """softmax(q kᵀ / √d) v of every head, side by side: [B, T, D].

    Args:
        qkv_BTE: the q of all heads, then their k, then their v.
        known_BT: False where there is nothing to attend to, the padding; at least one is True.
    """
    if _is_stacked(qkv_BTE, known_BT):
        found: Tensor = _StackedAttention.apply(qkv_BTE, known_BT, heads)  # type: ignore[no-untyped-call]
        return found
    return _attend(qkv_BTE, known_BT, heads)


def normed(x: Tensor, norm: nn.LayerNorm, linear: Linear) -> Tensor:
    """linear(norm(x)). In lanes the norm's weight and bias become part of the linear layer's, which
    are much smaller than x.
    """
    if not _is_stacked(x, linear.weight):
        found: Tensor = linear(norm(x))
        return found
    plain = F.layer_norm(x, norm.normalized_shape, eps=norm.eps)
    weight, bias = linear.weight * norm.weight, linear.bias + linear.weight @ norm.bias
    return _linear(plain, weight, bias)


def _attend(qkv_BTE: Tensor, known_BT: Tensor | None, heads: int) -> Tensor:
    batch, steps, _ = qkv_BTE.shape
    if steps <= SHORT and qkv_BTE.requires_grad and qkv_BTE.device.type == "cpu":
        found: Tensor = _Short.apply(qkv_BTE, known_BT, heads)  # type: ignore[no-untyped-call]
        return found
    q, k, v = qkv_BTE.view(batch, steps, 3, heads, -1).permute(2, 0, 3, 1, 4)
    mask = None if known_BT is None else known_BT[:, None, None, :]
    o_BHTd = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return o_BHTd.transpose(1, 2).reshape(batch, steps, -1)


class _Short(torch.autograd.Function):
    """Attention by products of every head's part of the values, without bringing it together."""

    @staticmethod
    def forward(ctx: Any, qkv_BTE: Tensor, known_BT: Tensor | None, heads: int) -> Tensor:
        o_BTD, p_HBTT = _short(qkv_BTE, known_BT, heads)
        ctx.save_for_backward(qkv_BTE, p_HBTT)
        return o_BTD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_BTD: Tensor) -> Any:
        qkv_BTE, p_HBTT = ctx.saved_tensors
        heads = len(p_HBTT)
        parts, slopes = _parts(qkv_BTE, 3 * heads), _parts(slope_BTD, heads)
        q, k, v = parts[:heads], parts[heads : 2 * heads], parts[2 * heads :]
        slope_HBTT = torch.empty_like(p_HBTT)
        for head, (slope_BTd, v_BTd) in enumerate(zip(slopes, v, strict=True)):
            torch.bmm(slope_BTd, v_BTd.transpose(1, 2), out=slope_HBTT[head])
        slope_HBTT = _softmax_slope(slope_HBTT, p_HBTT).mul_(1 / math.sqrt(q[0].shape[2]))
        of_q = [_product(*pair) for pair in zip(slope_HBTT, k, strict=True)]
        of_k = [_product(s.transpose(1, 2), each) for s, each in zip(slope_HBTT, q, strict=True)]
        of_v = [_product(p.transpose(1, 2), each) for p, each in zip(p_HBTT, slopes, strict=True)]
        return torch.cat([*of_q, *of_k, *of_v], 2), None, None


def _short(qkv_BTE: Tensor, known_BT: Tensor | None, heads: int) -> tuple[Tensor, Tensor]:
    """What attention gives, and its weights [H, B, T, T]."""
    batch, steps, _ = qkv_BTE.shape
    parts = _parts(qkv_BTE, 3 * heads)
    s_HBTT = qkv_BTE.new_empty(heads, batch, steps, steps)
    for head in range(heads):
        torch.bmm(parts[head], parts[heads + head].transpose(1, 2), out=s_HBTT[head])
    p_HBTT = _softmax(s_HBTT, 1 / math.sqrt(parts[0].shape[2]), known_BT)
    both = zip(p_HBTT, parts[2 * heads :], strict=True)
    return torch.cat([_product(p_BTT, v_BTd) for p_BTT, v_BTd in both], 2), p_HBTT


def _parts(x_BTE: Tensor, count: int) -> tuple[Tensor, ...]:
    """So many columns side by side; views, which products take as they are."""
    return torch.split(x_BTE, x_BTE.shape[2] // count, 2)


def _product(p_BTT: Tensor, x_BTd: Tensor) -> Tensor:
    """p x; transposed where it would have few columns, for which products are slow."""
    if x_BTd.shape[2] < _VECTOR <= x_BTd.shape[1]:
        return torch.bmm(x_BTd.transpose(1, 2), p_BTT.transpose(1, 2)).transpose(1, 2)
    return torch.bmm(p_BTT, x_BTd)


def _softmax(s_HBTT: Tensor, scale: float, known_BT: Tensor | None) -> Tensor:
    """softmax(scale · s) over the last dimension; `s` is used up."""
    is_tiny = s_HBTT.shape[-1] < _VECTOR
    s_HBTT.mul_(scale * math.log2(math.e) if is_tiny else scale)
    if known_BT is not None:
        s_HBTT.masked_fill_(~known_BT[:, None, :], -math.inf)
    if not is_tiny:
        return torch.softmax(s_HBTT, -1)
    # 2^x takes a third of the time of eˣ.
    p_HBTT = s_HBTT.sub_(s_HBTT.amax(-1, keepdim=True)).exp2_()
    return p_HBTT.div_(p_HBTT.sum(-1, keepdim=True))


def _softmax_slope(slope_HBTT: Tensor, p_HBTT: Tensor) -> Tensor:
    """From the gradient by p to that by what the softmax is of: p · (g − Σ g p)."""
    if p_HBTT.shape[-1] >= _VECTOR:
        return torch._softmax_backward_data(slope_HBTT, p_HBTT, -1, p_HBTT.dtype)
    each_HBTT = slope_HBTT.mul_(p_HBTT)
    return torch.addcmul(each_HBTT, p_HBTT, each_HBTT.sum(-1, keepdim=True), value=-1)


# --- inside of vmap ------------------------------------------------------------------------------


def _linear(x: Tensor, weight_OI: Tensor, bias_O: Tensor | None) -> Tensor:
    """As F.linear, by a product of matrices, for which `vmap` has a product of stacks."""
    y_NO = torch.mm(x.reshape(-1, x.shape[-1]), weight_OI.t())
    if bias_O is not None:
        y_NO.add_(bias_O)
    return y_NO.view(*x.shape[:-1], -1)


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


class _StackedAttention(torch.autograd.Function):
    """What `vmap` sees of one lane; the rule, of all lanes, is differentiated below it."""

    @staticmethod
    def forward(*given: Any) -> Any:
        raise NotImplementedError("this is for the inside of vmap only")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """There is nothing to keep; torch asks for it where there is a rule."""

    @staticmethod
    def vmap(
        info: Any,
        in_dims: Any,
        qkv: Tensor,
        known: Tensor | None,
        heads: int,
    ) -> tuple[Tensor, int]:
        qkv_KBTE = _lanes(info, qkv, in_dims[0])
        known_KBT = _lanes(info, known, in_dims[1])
        assert qkv_KBTE is not None
        known_NT = None if known_KBT is None else known_KBT.reshape(-1, known_KBT.shape[-1])
        qkv_NTE = qkv_KBTE.flatten(0, 1)
        is_evaluated = not qkv_NTE.requires_grad and qkv_NTE.shape[1] <= SHORT
        if is_evaluated and qkv_NTE.device.type == "cpu":
            o_NTD, _ = _short(qkv_NTE, known_NT, heads)
        else:
            o_NTD = _attend(qkv_NTE, known_NT, heads)
        return o_NTD.view(*qkv_KBTE.shape[:3], -1), 0
