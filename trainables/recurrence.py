"""LSTM, GRU and RNN layers that train as lanes: torch's own have no rule for `vmap`.

Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, "Learning Phrase
Representations using RNN Encoder-Decoder", with torch's reset gate, behind the hidden product.
Gradients by hand: autograd would keep and read a tensor for each of a step's dozen operations.

K lanes, T steps, B batch, I inputs, J inputs and a one for the biases, H hidden, G columns of
gates. Columns stand in torch's order, but for GRU's. On a CPU torch's sigmoid is five times as
fast as its tanh, so tanh(a) is computed as 2σ(2a) − 1, to the same absolute error. What factors of
two that leaves in the formulas is put into the weights, once per pass instead of once per step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

_TOGETHER = 1 << 18  # values of a step's gates: of more lanes they leave the processor's cache

Initial = tuple[Tensor | None, Tensor | None]  # h, c; zeros where None
Steps = Sequence[Tensor]  # [K, B, …] of each step, in the order that time has


def own_recurrence(module: nn.Module) -> nn.Module:
    """Every plain nn.LSTM, nn.GRU and nn.RNN in `module`, and itself, can be a part of lanes.

    They become instances of the subclasses below and stay what they were in all else. One that
    projects has no kernel here, and one with dropout between its layers draws from torch's global
    generator: these stay torch's, and train alone.
    """
    for part in module.modules():
        own = _OWN.get(type(part))
        if own is not None and not _is_foreign(part):
            part.__class__ = own
    return module


def _is_foreign(part: nn.Module) -> bool:
    assert isinstance(part, nn.RNNBase)
    return part.proj_size > 0 or (part.dropout > 0 and part.num_layers > 1)


class LSTM(nn.LSTM):
    """nn.LSTM, which is run by the kernels here inside of `vmap`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        if not _is_stacked(self, input, *(hx or ())):
            return super().forward(input, hx)
        h, c = hx or (None, None)
        output, (h, c) = _layers(self, input, (h, c))
        return output, (h, c)


class GRU(nn.GRU):
    """nn.GRU, which is run by the kernels here inside of `vmap`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        if not _is_stacked(self, input, hx):
            return super().forward(input, hx)
        output, (h, _) = _layers(self, input, (hx, None))
        return output, h


class RNN(nn.RNN):
    """nn.RNN, which is run by the kernels here inside of `vmap`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        if not _is_stacked(self, input, hx):
            return super().forward(input, hx)
        output, (h, _) = _layers(self, input, (hx, None))
        return output, h


_OWN: dict[type[nn.Module], type[nn.Module]] = {nn.LSTM: LSTM, nn.GRU: GRU, nn.RNN: RNN}


# --- a module inside of vmap ---------------------------------------------------------------------


def _is_stacked(module: nn.RNNBase, input: Any, *initial: Any) -> bool:
    """Whether the call has values of several lanes, in the inputs or the weights."""
    if not isinstance(input, Tensor):
        return False  # packed sequences: their lengths are data
    weights = (getattr(module, name) for name in module._flat_weights_names)
    is_batched = torch._C._functorch.is_batchedtensor
    return any(isinstance(t, Tensor) and is_batched(t) for t in (input, *initial, *weights))


def _layers(module: nn.RNNBase, input: Tensor, initial: Initial) -> tuple[Tensor, Initial]:
    """What torch's forward returns, of one lane as the code inside of `vmap` sees it.

    The weights are read by name: the lanes' are put in their places without torch's knowing.
    """
    is_single = input.dim() == 2
    along = 0 if is_single or not module.batch_first else 1  # the dimension of time
    x_TBI = input.unsqueeze(1) if is_single else input.transpose(0, along)
    first = [None if s is None else s.unsqueeze(1) if is_single else s for s in initial]
    directions = 1 + module.bidirectional
    last: tuple[list[Tensor], list[Tensor]] = ([], [])
    for layer in range(module.num_layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            own = [None if s is None else s[place] for s in first]
            weights = _weights(module, f"l{layer}{'_reverse' * direction}")
            y_TBH, *c_BH = _Stacked.apply(module.mode, bool(direction), x_TBI, *own, *weights)  # type: ignore[no-untyped-call]
            outputs.append(y_TBH)
            last[0].append(y_TBH[-1 + direction])
            last[1].extend(c_BH)
        x_TBI = outputs[0] if directions == 1 else torch.cat(outputs, -1)
    output = x_TBI.squeeze(1) if is_single else x_TBI.transpose(0, along)
    h, c = (torch.stack(states) if states else None for states in last)
    if is_single:
        h, c = (None if s is None else s.squeeze(1) for s in (h, c))
    return output, (h, c)


def _weights(module: nn.RNNBase, of: str) -> list[Tensor | None]:
    names = [f"weight_ih_{of}", f"weight_hh_{of}"]
    if not module.bias:
        return [*(getattr(module, name) for name in names), None, None]
    return [getattr(module, name) for name in (*names, f"bias_ih_{of}", f"bias_hh_{of}")]


class _Stacked(torch.autograd.Function):
    """What `vmap` sees: one lane's layer, whose rule runs those of all lanes."""

    @staticmethod
    def forward(*given: Any) -> Any:
        raise NotImplementedError("recurrent layers have kernels of their own inside of vmap only")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """There is nothing to keep; torch asks for it where there is a rule."""

    @staticmethod
    def vmap(info: Any, in_dims: Sequence[int | None], *given: Any) -> tuple[Any, Any]:
        kind, is_reversed, *tensors = given
        stacked = [
            None
            if t is None
            else t.expand(info.batch_size, *t.shape)
            if d is None
            else t.movedim(d, 0)
            for t, d in zip(tensors, in_dims[2:], strict=True)
        ]
        found = layer(kind, is_reversed, *stacked)
        return found, (0,) * len(found)


def layer(
    kind: str,
    is_reversed: bool,
    x_KTBI: Tensor,
    h_KBH: Tensor | None,
    c_KBH: Tensor | None,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
) -> tuple[Tensor, ...]:
    """One layer of all lanes, in one direction.

    Args:
        kind: as `nn.RNNBase.mode`.
        is_reversed: whether time runs from the last step to the first.
        h, c: the initial state, zeros where None.
        w_ih [K, G, I], w_hh [K, G, H], b_ih and b_hh [K, G] or None: torch's, of every lane.

    Returns:
        hidden states [K, T, B, H]; and of an LSTM, the final cells [K, B, H].
    """
    cell = _CELLS[kind]
    tensors = (x_KTBI, h_KBH, c_KBH, w_ih, w_hh, b_ih, b_hh)
    lanes, _, batch, _ = x_KTBI.shape
    together = lanes if x_KTBI.is_cuda else max(1, _TOGETHER // (batch * w_hh.shape[1]))
    if together < lanes:
        groups = math.ceil(lanes / together)
        split = [[None] * groups if t is None else t.split(together) for t in tensors]
        parts = [layer(kind, is_reversed, *part) for part in zip(*split, strict=True)]
        return tuple(map(torch.cat, zip(*parts, strict=True)))
    if not torch.is_grad_enabled():
        return _forward(cell, is_reversed, tensors, keeps=False)[0]
    found: tuple[Tensor, ...] = _Layer.apply(cell, is_reversed, *tensors)  # type: ignore[no-untyped-call]
    return found


# --- all lanes, through time ---------------------------------------------------------------------


class _Cell(Protocol):
    """The formulas of a kind of layer. What a step needs again on the way back is in `kept`.

    columns: G / H.
    of_h, of_x: the columns to which h and x contribute.
    """

    columns: int

    def of_h(self, columns: Tensor) -> Tensor: ...

    def of_x(self, columns: Tensor) -> Tensor: ...

    def joined(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What x and a one, and h, are multiplied by on the way forth: [K, J, G], [K, H, of_h]."""
        ...

    def forward(
        self,
        x: Steps,
        before: Steps,
        after: Steps,
        w_KJG: Tensor,
        w_KHG: Tensor,
        c_KBH: Tensor | None,
        *,
        keeps: bool,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Fill `after`; what to keep, and further final states."""
        ...

    def back(self, w_ih: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
        """What slopes are multiplied by on the way back: [K, of_x, I], [K, of_h, H]."""
        ...

    def backward(
        self,
        slopes: Steps,
        before: Steps,
        after: Steps,
        w_KGH: Tensor,
        kept: Sequence[Tensor],
        c_slope: Tensor | None,
        into: Steps,
    ) -> list[Tensor]:
        """Fill `into` with the slopes of the columns; the slopes of the initial states."""
        ...

    def parted(self, of_x_KJG: Tensor, of_h_KHG: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Gradients by w_ih, w_hh, b_ih and b_hh, of what the products' gradients are."""
        ...


def _forward(
    cell: _Cell, is_reversed: bool, tensors: Sequence[Any], *, keeps: bool
) -> tuple[tuple[Tensor, ...], list[Tensor]]:
    """What `layer` returns, and what to keep."""
    x_KTBI, h_KBH, c_KBH, *weights = tensors
    lanes, steps, batch, _ = x_KTBI.shape
    x_KTBJ = F.pad(x_KTBI, (0, 1), value=1)
    states = x_KTBI.new_empty(lanes, steps + 1, batch, weights[1].shape[2])
    before, after = _ends(states, is_reversed)
    if h_KBH is None:
        _in_order(before, is_reversed)[0].zero_()
    else:
        _in_order(before, is_reversed)[0].copy_(h_KBH)
    paths = (_in_order(part, is_reversed) for part in (x_KTBJ, before, after))
    kept, last = cell.forward(*paths, *cell.joined(*weights), c_KBH, keeps=keeps)
    return (after, *last), [x_KTBJ, states, *kept]


def _ends(states: Tensor, is_reversed: bool) -> tuple[Tensor, Tensor]:
    """Of T + 1 states, those before and those after each step."""
    early, late = states[:, :-1], states[:, 1:]
    return (late, early) if is_reversed else (early, late)


def _in_order(steps: Tensor, is_reversed: bool) -> Steps:
    found: tuple[Tensor, ...] = steps.unbind(1)
    return found[::-1] if is_reversed else found


class _Layer(torch.autograd.Function):
    """`layer`, with gradients."""

    @staticmethod
    def forward(ctx: Any, cell: _Cell, is_reversed: bool, *tensors: Any) -> Any:
        found, kept = _forward(cell, is_reversed, tensors, keeps=True)
        ctx.cell, ctx.is_reversed = cell, is_reversed
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(tensors[3], tensors[4], *kept)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor | None, c_slope: Tensor | None = None) -> Any:
        cell, is_reversed = ctx.cell, ctx.is_reversed
        w_ih, w_hh, x_KTBJ, states, *kept = ctx.saved_tensors
        before, after = _ends(states, is_reversed)
        if slope is None:
            slope = torch.zeros_like(after)
        slope_KTBG = after.new_empty(*after.shape[:-1], cell.columns * after.shape[-1])
        w_KGI, w_KGH = cell.back(w_ih, w_hh)
        paths = (_in_order(part, is_reversed) for part in (slope, before, after))
        into = _in_order(slope_KTBG, is_reversed)
        initial = cell.backward(*paths, w_KGH, kept, c_slope, into)
        # Wide on the right: a product with a few columns takes four times as long.
        columns = slope_KTBG.flatten(1, 2)
        of_x = torch.bmm(x_KTBJ.flatten(1, 2).mT, columns)
        of_h = torch.bmm(before.flatten(1, 2).mT, cell.of_h(columns))
        further = None
        if ctx.needs_input_grad[2]:
            further = torch.bmm(cell.of_x(columns), w_KGI).view(*after.shape[:-1], -1)
        states_ = [*initial, None][:2]
        wanted = zip(ctx.needs_input_grad[3:], (*states_, *cell.parted(of_x, of_h)), strict=True)
        return None, None, further, *(slope if wants else None for wants, slope in wanted)


def _room(like: Tensor, steps: int, width: int, *, keeps: bool) -> Tensor:
    """[T, K, B, width], of which all steps are the same memory unless it is kept."""
    made = like.new_empty(steps if keeps else 1, *like.shape[:-1], width)
    return made.expand(steps, *made.shape[1:])


def _affine(w_ih: Tensor, bias: Tensor | None) -> Tensor:
    """[K, J, G], contiguous."""
    last = w_ih.new_zeros(w_ih.shape[:2]) if bias is None else bias
    return torch.cat([w_ih.mT, last.unsqueeze(1)], 1)


def _scaled(w_KGI: Tensor, factors: Sequence[float]) -> Tensor:
    """The rows of each gate by its factor."""
    width = w_KGI.shape[1] // len(factors)
    return w_KGI * w_KGI.new_tensor(factors).repeat_interleave(width).unsqueeze(1)


class _Lstm:
    """i, f, o = σ(…), g = tanh(…), c′ = f·c + i·g, h′ = o·tanh(c′).

    Kept are σ of all four columns, with 2·a where tanh(a) is wanted; then g/2, tanh(c)/2 and 2·c.
    What is multiplied by a slope lacks a factor, which the weights on the way back have instead:
    4, 1, 4 and 2 for i, f, g and o; and g's column is of 2·a.
    """

    columns = 4
    _forth, _back = (1.0, 1.0, 2.0, 1.0), (4.0, 1.0, 8.0, 2.0)

    def of_h(self, columns: Tensor) -> Tensor:
        return columns

    of_x = of_h

    def joined(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        bias = None if b_ih is None or b_hh is None else b_ih + b_hh
        w_KGJ = _affine(w_ih, bias).mT
        return _scaled(w_KGJ, self._forth).mT, _scaled(w_hh, self._forth).mT.contiguous()

    def forward(
        self,
        x: Steps,
        before: Steps,
        after: Steps,
        w_KJG: Tensor,
        w_KHG: Tensor,
        c_KBH: Tensor | None,
        *,
        keeps: bool,
    ) -> tuple[list[Tensor], list[Tensor]]:
        like, steps, width = before[0], len(x), w_KHG.shape[1]
        gates = _room(like, steps, 4 * width, keeps=keeps)
        halves, tanhs = (_room(like, steps, width, keeps=keeps) for _ in range(2))
        cells = _room(like, steps + 1, width, keeps=keeps)
        if c_KBH is None:
            cells[0].zero_()
        else:
            torch.mul(c_KBH, 2, out=cells[0])
        zero = like.new_zeros(1)
        parts = (gates, *gates.chunk(4, -1), halves, tanhs, cells[:-1], cells[1:])
        views = zip(x, before, after, *(part.unbind() for part in parts), strict=True)
        for x_t, h, h_next, all_, i, f, g, o, half, tanh, c, c_next in views:
            torch.bmm(x_t, w_KJG, out=all_).baddbmm_(h, w_KHG).sigmoid_()
            torch.sub(g, 0.5, out=half)
            torch.mul(f, c, out=c_next).addcmul_(i, half, value=4)
            torch.sigmoid(c_next, out=tanh).sub_(0.5)
            torch.addcmul(zero, o, tanh, value=2, out=h_next)
        return [gates, halves, tanhs, cells], [cells[-1] / 2]

    def back(self, w_ih: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
        return _scaled(w_ih, self._back), _scaled(w_hh, self._back)

    def backward(
        self,
        slopes: Steps,
        before: Steps,
        after: Steps,
        w_KGH: Tensor,
        kept: Sequence[Tensor],
        c_slope: Tensor | None,
        into: Steps,
    ) -> list[Tensor]:
        gates, halves, tanhs, cells = kept
        like = tanhs[0]
        by_c = torch.zeros_like(like) if c_slope is None else c_slope / 2
        by_h, room = torch.empty_like(like), torch.empty_like(like)
        quarter = like.new_full((1,), 0.25)
        parts = (gates, *gates.chunk(4, -1), halves, tanhs, cells[:-1])
        views = list(zip(into, *(part.unbind() for part in parts), strict=True))
        later: Tensor | None = None
        for slope, (column, all_, i, f, _, o, half, tanh, c) in zip(
            reversed(slopes), reversed(views), strict=True
        ):
            if later is None:
                by_h.copy_(slope)
            else:
                torch.baddbmm(slope, later, w_KGH, out=by_h)
            torch.addcmul(quarter, tanh, tanh, value=-1, out=room).mul_(o)
            by_c.addcmul_(by_h, room, value=2)
            by_i, by_f, by_g, by_o = column.chunk(4, -1)
            torch.mul(by_c, half, out=by_i)
            torch.mul(by_c, c, out=by_f)
            torch.mul(by_c, i, out=by_g)
            torch.mul(by_h, tanh, out=by_o)
            _sigmoid_slope(column, all_, grad_input=column)
            by_c.mul_(f)
            later = column
        assert later is not None
        return [torch.bmm(later, w_KGH), by_c * 2]

    def parted(self, of_x_KJG: Tensor, of_h_KHG: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        of_x, of_h = (_scaled(part.mT, self._back) for part in (of_x_KJG, of_h_KHG))
        return of_x[..., :-1], of_h, of_x[..., -1], of_x[..., -1]


class _Gru:
    """r, z = σ(…), n = tanh(x's part + r·h's part), h′ = n + z·(h − n).

    Four columns: h's part of n, r, z, and first x's part of 2·n, then n.
    """

    columns = 4

    def of_h(self, columns: Tensor) -> Tensor:
        return columns[..., : columns.shape[-1] // 4 * 3]

    def of_x(self, columns: Tensor) -> Tensor:
        return columns[..., columns.shape[-1] // 4 :]

    def joined(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        width = w_hh.shape[2]
        w_KJG = F.pad(_affine(w_ih, b_ih), (width, 0))
        if b_hh is not None:
            w_KJG[:, -1, : 3 * width] += b_hh.roll(width, 1)
        w_KJG[..., 3 * width :] *= 2
        return w_KJG, w_hh.roll(width, 1).mT.contiguous()

    def forward(
        self,
        x: Steps,
        before: Steps,
        after: Steps,
        w_KJG: Tensor,
        w_KHG: Tensor,
        c_KBH: Tensor | None,
        *,
        keeps: bool,
    ) -> tuple[list[Tensor], list[Tensor]]:
        width = w_KHG.shape[1]
        gates = _room(before[0], len(x), 4 * width, keeps=keeps)
        parts = (gates, self.of_h(gates), gates[..., width : 3 * width], *gates.chunk(4, -1))
        views = zip(x, before, after, *(part.unbind() for part in parts), strict=True)
        for x_t, h, h_next, all_, of_h, r_z, n_of_h, r, z, n in views:
            torch.bmm(x_t, w_KJG, out=all_)
            of_h.baddbmm_(h, w_KHG)
            r_z.sigmoid_()
            n.addcmul_(r, n_of_h, value=2).sigmoid_().sub_(0.5).mul_(2)
            torch.lerp(n, h, z, out=h_next)
        return [gates], []

    def back(self, w_ih: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
        return w_ih, w_hh.roll(w_hh.shape[2], 1)

    def backward(
        self,
        slopes: Steps,
        before: Steps,
        after: Steps,
        w_KGH: Tensor,
        kept: Sequence[Tensor],
        c_slope: Tensor | None,
        into: Steps,
    ) -> list[Tensor]:
        (gates,) = kept
        width = w_KGH.shape[2]
        room = torch.empty_like(before[0], memory_format=torch.contiguous_format)
        ahead, by_h = torch.zeros_like(room), torch.empty_like(room)
        parts = (gates[..., width : 3 * width], *gates.chunk(4, -1))
        views = list(zip(before, into, *(part.unbind() for part in parts), strict=True))
        for slope, (h, column, r_z, n_of_h, r, z, n) in zip(
            reversed(slopes), reversed(views), strict=True
        ):
            torch.add(slope, ahead, out=by_h)
            by_n_of_h, by_r, by_z, by_n = column.chunk(4, -1)
            torch.sub(h, n, out=room)
            torch.mul(by_h, room, out=by_z)
            torch.mul(by_h, z, out=ahead)
            torch.sub(by_h, ahead, out=room)
            _tanh_slope(room, n, grad_input=by_n)
            torch.mul(by_n, r, out=by_n_of_h)
            torch.mul(by_n, n_of_h, out=by_r)
            by_r_z = column[..., width : 3 * width]
            _sigmoid_slope(by_r_z, r_z, grad_input=by_r_z)
            ahead.baddbmm_(self.of_h(column), w_KGH)
        return [ahead]

    def parted(self, of_x_KJG: Tensor, of_h_KHG: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        width = of_h_KHG.shape[1]
        of_x, of_h = of_x_KJG.mT, of_h_KHG.mT
        own = of_x[:, width:]
        return own[..., :-1], of_h.roll(-width, 1), own[..., -1], self._hidden_bias(of_x)

    def _hidden_bias(self, of_x: Tensor) -> Tensor:
        bias: Tensor = self.of_h(of_x[..., -1])
        return bias.roll(-(bias.shape[1] // 3), 1)


class _Rnn:
    """h′ = tanh(…) or relu(…)."""

    columns = 1

    def __init__(self, *, is_tanh: bool) -> None:
        self.is_tanh = is_tanh

    def of_h(self, columns: Tensor) -> Tensor:
        return columns

    of_x = of_h

    def joined(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        bias = None if b_ih is None or b_hh is None else b_ih + b_hh
        factor = 2 if self.is_tanh else 1
        return _affine(w_ih, bias) * factor, w_hh.mT.contiguous() * factor

    def forward(
        self,
        x: Steps,
        before: Steps,
        after: Steps,
        w_KJG: Tensor,
        w_KHG: Tensor,
        c_KBH: Tensor | None,
        *,
        keeps: bool,
    ) -> tuple[list[Tensor], list[Tensor]]:
        room = torch.empty_like(before[0], memory_format=torch.contiguous_format)
        for x_t, h, h_next in zip(x, before, after, strict=True):
            torch.bmm(x_t, w_KJG, out=room).baddbmm_(h, w_KHG)
            if self.is_tanh:
                torch.sub(room.sigmoid_(), 0.5, out=h_next).mul_(2)
            else:
                torch.clamp_min(room, 0, out=h_next)
        return [], []

    def back(self, w_ih: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
        return w_ih, w_hh

    def backward(
        self,
        slopes: Steps,
        before: Steps,
        after: Steps,
        w_KGH: Tensor,
        kept: Sequence[Tensor],
        c_slope: Tensor | None,
        into: Steps,
    ) -> list[Tensor]:
        by_h = slopes[-1]
        room = torch.empty_like(by_h, memory_format=torch.contiguous_format)
        for t in reversed(range(len(slopes))):
            if self.is_tanh:
                _tanh_slope(by_h, after[t], grad_input=into[t])
            else:
                _relu_slope(by_h, after[t], 0, grad_input=into[t])
            if t:
                by_h = torch.baddbmm(slopes[t - 1], into[t], w_KGH, out=room)
        return [torch.bmm(into[0], w_KGH)]

    def parted(self, of_x_KJG: Tensor, of_h_KHG: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        of_x = of_x_KJG.mT
        return of_x[..., :-1], of_h_KHG.mT, of_x[..., -1], of_x[..., -1]


_sigmoid_slope = torch.ops.aten.sigmoid_backward.grad_input
_tanh_slope = torch.ops.aten.tanh_backward.grad_input
_relu_slope = torch.ops.aten.threshold_backward.grad_input

_CELLS: dict[str, _Cell] = {
    "LSTM": _Lstm(),
    "GRU": _Gru(),
    "RNN_TANH": _Rnn(is_tanh=True),
    "RNN_RELU": _Rnn(is_tanh=False),
}
