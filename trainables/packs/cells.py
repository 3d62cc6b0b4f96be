"""The formulas of LSTM, GRU and RNN, forth and back through time, for all lanes at once.

Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, "Learning Phrase
Representations using RNN Encoder-Decoder", with torch's reset gate, behind the hidden product.

K lanes, T steps, B batch, I inputs, J inputs and a one for the biases, H hidden, G columns. A
column is what h or x contributes to: four gates of LSTM, in torch's order.

On a CPU torch's sigmoid is five times as fast as its tanh, so tanh(a) is computed as 2·σ(2a) − 1,
with the same absolute error. Twos and fours that this leaves in the formulas are put into the
weights, once per pass instead of once per step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Steps = Sequence[Tensor]  # [K, B, …] of each step, in the order that time has
Gradients = tuple[Tensor, Tensor, Tensor, Tensor]  # by w_ih, w_hh, b_ih, b_hh

_sigmoid_back = torch.ops.aten.sigmoid_backward.grad_input
_tanh_back = torch.ops.aten.tanh_backward.grad_input
_relu_back = torch.ops.aten.threshold_backward.grad_input


@dataclass(frozen=True)
class Path:
    """Hidden states [K, B, H] before and after each step, views of the same memory."""

    before: Steps
    after: Steps


class Cell(Protocol):
    """The formulas of a kind of layer.

    columns: G / H.
    """

    columns: int

    def of_h(self, columns: Tensor) -> Tensor:
        """Those that h contributes to, G_h of them."""
        ...

    def of_x(self, columns: Tensor) -> Tensor:
        """Those that x contributes to, in torch's order, G_x of them."""
        ...

    def forth(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What x with a one, and h, are multiplied by on the way forth: [K, J, G], [K, H, G_h]."""
        ...

    def forward(
        self,
        path: Path,
        x: Steps,
        w_KJG: Tensor,
        w_KHG: Tensor,
        c_KBH: Tensor | None,
        room: Callable[[int, int], Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Fill `path.after`.

        Args:
            c_KBH: an LSTM's initial cells, zeros where None.
            room: (T, width) → [T, K, B, width], all steps the same memory unless it is kept.

        Returns:
            what the way back needs, [T, K, B, …] or [T + 1, K, B, …]; further final states.
        """
        ...

    def back(self, w_ih: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
        """What slopes are multiplied by on the way back: [K, G_x, I], [K, G_h, H]."""
        ...

    def backward(
        self,
        path: Path,
        kept: Sequence[Tensor],
        slopes: Steps,
        c_slope: Tensor | None,
        w_KGH: Tensor,
        columns: Steps,
    ) -> list[Tensor]:
        """Fill `columns` with the slopes of what h and x contributed to.

        Args:
            slopes: of the hidden states after each step, by what the layer puts out.
            c_slope: of an LSTM's last cells, zeros where None.

        Returns:
            slopes of the states before the first step.
        """
        ...

    def gradients(self, x_KJG: Tensor, h_KHG: Tensor) -> Gradients:
        """What the products of inputs and columns' slopes say of the weights, [K, …]."""
        ...


class LSTM:
    """i, f, o = σ(…), g = tanh(…), c′ = f·c + i·g, h′ = o·tanh(c′).

    Kept are σ of all columns, of 2a where g is tanh(a); g/2, tanh(c′)/2, and 2·c. So slopes of
    columns lack the factors 4, 1, 8 and 2, which the weights have on the way back.
    """

    columns = 4
    _FORTH, _BACK = (1.0, 1.0, 2.0, 1.0), (4.0, 1.0, 8.0, 2.0)

    def of_h(self, columns: Tensor) -> Tensor:
        return columns

    of_x = of_h

    def forth(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        scale_G = _by_gate(w_hh, self._FORTH)
        return _joined(w_ih, b_ih, b_hh).mul_(scale_G), w_hh.mT.contiguous().mul_(scale_G)

    def forward(
        self,
        path: Path,
        x: Steps,
        w_KJG: Tensor,
        w_KHG: Tensor,
        c_KBH: Tensor | None,
        room: Callable[[int, int], Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        steps, width = len(x), w_KHG.shape[1]
        gates, cells = room(steps, 4 * width), room(steps + 1, width)
        halves, tanhs = room(steps, width), room(steps, width)
        if c_KBH is None:
            cells[0].zero_()
        else:
            torch.mul(c_KBH, 2, out=cells[0])
        zero = w_KJG.new_zeros(1)
        parts = (gates, *gates.chunk(4, -1), halves, tanhs, cells[:-1], cells[1:])
        views = zip(x, path.before, path.after, *(part.unbind() for part in parts), strict=True)
        for x_t, h, h_next, all_, i, f, g, o, half, tanh, c, c_next in views:
            torch.bmm(x_t, w_KJG, out=all_).baddbmm_(h, w_KHG).sigmoid_()
            torch.sub(g, 0.5, out=half)
            torch.mul(f, c, out=c_next).addcmul_(i, half, value=4)
            torch.sigmoid(c_next, out=tanh).sub_(0.5)
            torch.addcmul(zero, o, tanh, value=2, out=h_next)
        return [gates, halves, tanhs, cells], [cells[-1] / 2]

    def back(self, w_ih: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
        scale_G1 = _by_gate(w_hh, self._BACK).unsqueeze(1)
        return w_ih * scale_G1, w_hh * scale_G1

    def backward(
        self,
        path: Path,
        kept: Sequence[Tensor],
        slopes: Steps,
        c_slope: Tensor | None,
        w_KGH: Tensor,
        columns: Steps,
    ) -> list[Tensor]:
        gates, halves, tanhs, cells = kept
        by_h = slopes[-1].clone(memory_format=torch.contiguous_format)
        by_c = torch.zeros_like(by_h) if c_slope is None else c_slope / 2
        room, quarter = torch.empty_like(by_h), by_h.new_full((1,), 0.25)
        parts = (gates, *gates.chunk(4, -1), halves, tanhs, cells[:-1])
        views = list(zip(columns, *(part.unbind() for part in parts), strict=True))
        for t in reversed(range(len(slopes))):
            column, all_, i, f, _, o, half, tanh, c = views[t]
            by_i, by_f, by_g, by_o = column.chunk(4, -1)
            torch.addcmul(quarter, tanh, tanh, value=-1, out=room).mul_(o)
            by_c.addcmul_(by_h, room, value=2)
            torch.mul(by_c, half, out=by_i)
            torch.mul(by_c, c, out=by_f)
            torch.mul(by_c, i, out=by_g)
            torch.mul(by_h, tanh, out=by_o)
            _sigmoid_back(column, all_, grad_input=column)
            by_c.mul_(f)
            if t:
                torch.baddbmm(slopes[t - 1], column, w_KGH, out=by_h)
        return [torch.bmm(columns[0], w_KGH, out=by_h), by_c.mul_(2)]

    def gradients(self, x_KJG: Tensor, h_KHG: Tensor) -> Gradients:
        scale_G = _by_gate(h_KHG.mT, self._BACK)
        return _parted(x_KJG * scale_G, h_KHG * scale_G)


class GRU:
    """r, z = σ(…), n = tanh(n_x + r·n_h), h′ = n + z·(h − n).

    Columns: n_h, what h contributes to n, then r, z and n_x. In the place of n_x stands n later,
    and the slope of what n is the tanh of.
    """

    columns = 4

    def of_h(self, columns: Tensor) -> Tensor:
        return columns[..., : columns.shape[-1] // 4 * 3]

    def of_x(self, columns: Tensor) -> Tensor:
        return columns[..., columns.shape[-1] // 4 :]

    def forth(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        width = w_hh.shape[2]
        w_KJG = F.pad(_joined(w_ih, b_ih, None), (width, 0))
        if b_hh is not None:
            w_KJG[:, -1, : 3 * width] += b_hh.roll(width, 1)
        w_KJG[..., 3 * width :] *= 2
        return w_KJG, w_hh.roll(width, 1).mT.contiguous()

    def forward(
        self,
        path: Path,
        x: Steps,
        w_KJG: Tensor,
        w_KHG: Tensor,
        c_KBH: Tensor | None,
        room: Callable[[int, int], Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        width = w_KHG.shape[1]
        gates = room(len(x), 4 * width)
        parts = (gates, self.of_h(gates), gates[..., width : 3 * width], *gates.chunk(4, -1))
        views = zip(x, path.before, path.after, *(part.unbind() for part in parts), strict=True)
        for x_t, h, h_next, all_, of_h, r_z, n_h, r, z, n in views:
            torch.bmm(x_t, w_KJG, out=all_)
            of_h.baddbmm_(h, w_KHG)
            r_z.sigmoid_()
            n.addcmul_(r, n_h, value=2).sigmoid_().sub_(0.5).mul_(2)
            torch.lerp(n, h, z, out=h_next)
        return [gates], []

    def back(self, w_ih: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
        return w_ih, w_hh.roll(w_hh.shape[2], 1)

    def backward(
        self,
        path: Path,
        kept: Sequence[Tensor],
        slopes: Steps,
        c_slope: Tensor | None,
        w_KGH: Tensor,
        columns: Steps,
    ) -> list[Tensor]:
        (gates,) = kept
        width = w_KGH.shape[2]
        by_h = slopes[-1].clone(memory_format=torch.contiguous_format)
        room, ahead = torch.empty_like(by_h), torch.empty_like(by_h)
        parts = (gates[..., width : 3 * width], *gates.chunk(4, -1))
        views = list(zip(path.before, columns, *(part.unbind() for part in parts), strict=True))
        for t in reversed(range(len(slopes))):
            h, column, r_z, n_h, r, z, n = views[t]
            by_n_h, by_r, by_z, by_n = column.chunk(4, -1)
            by_r_z = column[..., width : 3 * width]
            torch.sub(h, n, out=room)
            torch.mul(by_h, room, out=by_z)
            torch.mul(by_h, z, out=ahead)
            torch.sub(by_h, ahead, out=room)
            _tanh_back(room, n, grad_input=by_n)
            torch.mul(by_n, r, out=by_n_h)
            torch.mul(by_n, n_h, out=by_r)
            _sigmoid_back(by_r_z, r_z, grad_input=by_r_z)
            if t:
                torch.add(ahead, slopes[t - 1], out=by_h).baddbmm_(self.of_h(column), w_KGH)
        return [ahead.baddbmm_(self.of_h(columns[0]), w_KGH)]

    def gradients(self, x_KJG: Tensor, h_KHG: Tensor) -> Gradients:
        width = h_KHG.shape[1]
        w_ih, w_hh, b_ih, _ = _parted(x_KJG[..., width:], h_KHG.roll(-width, 2))
        return w_ih, w_hh, b_ih, x_KJG[:, -1, : 3 * width].roll(-width, 1)


class RNN:
    """h′ = tanh(…) or relu(…)."""

    columns = 1

    def __init__(self, *, is_tanh: bool) -> None:
        self.is_tanh = is_tanh

    def of_h(self, columns: Tensor) -> Tensor:
        return columns

    of_x = of_h

    def forth(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        scale = 2 if self.is_tanh else 1
        return _joined(w_ih, b_ih, b_hh).mul_(scale), w_hh.mT.contiguous().mul_(scale)

    def forward(
        self,
        path: Path,
        x: Steps,
        w_KJG: Tensor,
        w_KHG: Tensor,
        c_KBH: Tensor | None,
        room: Callable[[int, int], Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        column = room(1, w_KHG.shape[1])[0]
        for x_t, h, h_next in zip(x, path.before, path.after, strict=True):
            torch.bmm(x_t, w_KJG, out=column).baddbmm_(h, w_KHG)
            if self.is_tanh:
                torch.sub(column.sigmoid_(), 0.5, out=h_next).mul_(2)
            else:
                torch.clamp_min(column, 0, out=h_next)
        return [], []

    def back(self, w_ih: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
        return w_ih, w_hh

    def backward(
        self,
        path: Path,
        kept: Sequence[Tensor],
        slopes: Steps,
        c_slope: Tensor | None,
        w_KGH: Tensor,
        columns: Steps,
    ) -> list[Tensor]:
        by_h = slopes[-1].clone(memory_format=torch.contiguous_format)
        for t in reversed(range(len(slopes))):
            if self.is_tanh:
                _tanh_back(by_h, path.after[t], grad_input=columns[t])
            else:
                _relu_back(by_h, path.after[t], 0, grad_input=columns[t])
            if t:
                torch.baddbmm(slopes[t - 1], columns[t], w_KGH, out=by_h)
        return [torch.bmm(columns[0], w_KGH, out=by_h)]

    def gradients(self, x_KJG: Tensor, h_KHG: Tensor) -> Gradients:
        return _parted(x_KJG, h_KHG)


CELLS: dict[str, Cell] = {
    "LSTM": LSTM(),
    "GRU": GRU(),
    "RNN_TANH": RNN(is_tanh=True),
    "RNN_RELU": RNN(is_tanh=False),
}


def _joined(w_ih: Tensor, b_ih: Tensor | None, b_hh: Tensor | None) -> Tensor:
    """[K, J, G] of its own, whose last row are the biases."""
    biases = [bias for bias in (b_ih, b_hh) if bias is not None]
    row_KG = sum(biases, w_ih.new_zeros(w_ih.shape[:2]))
    return torch.cat([w_ih.mT, row_KG.unsqueeze(1)], 1)


def _parted(x_KJG: Tensor, h_KHG: Tensor) -> Gradients:
    bias_KG = x_KJG[:, -1]
    return x_KJG[:, :-1].mT, h_KHG.mT, bias_KG, bias_KG.clone()  # each may be written to


def _by_gate(like_KGH: Tensor, factors: Sequence[float]) -> Tensor:
    """The factor of each of G columns."""
    return like_KGH.new_tensor(factors).repeat_interleave(like_KGH.shape[1] // len(factors))
