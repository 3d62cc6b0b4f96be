"""LSTM, GRU and RNN layers that train as lanes: torch's own have no rule for `vmap`.

Alone they are torch's. Inside of `vmap` one pass through time takes the steps of all lanes, by the
formulas of `cells`, with gradients by hand: autograd would write, keep and read a tensor for each
of a step's dozen operations.

K lanes, T steps, B batch, I inputs, J inputs and a one for the biases, H hidden, G columns.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.packs.cells import CELLS, Cell, Path, Steps

_TOGETHER = 1 << 20  # values of a step's columns: of more lanes they leave the processor's cache
_SPARE = 1 << 28  # bytes of memory kept for the next pass

Initial = tuple[Tensor | None, Tensor | None]  # h, c; zeros where None


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
        own = zip(tensors, in_dims[2:], strict=True)
        stacked = (_by_lane(tensor, at, info.batch_size) for tensor, at in own)
        found = layer(kind, is_reversed, *stacked)
        return found, (0,) * len(found)


def _by_lane(tensor: Any, at: int | None, lanes: int) -> Any:
    """Lanes first; what is no lane's own is that of all."""
    if tensor is None or at is not None:
        return tensor if tensor is None else tensor.movedim(at, 0)
    return tensor.expand(lanes, *tensor.shape)


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
    cell = CELLS[kind]
    tensors = (x_KTBI, h_KBH, c_KBH, w_ih, w_hh, b_ih, b_hh)
    lanes, _, batch, _ = x_KTBI.shape
    together = lanes if x_KTBI.is_cuda else max(1, _TOGETHER // (batch * w_hh.shape[1]))
    if together < lanes:
        groups = math.ceil(lanes / together)
        split = [[None] * groups if t is None else torch.split(t, together) for t in tensors]
        parts = [layer(kind, is_reversed, *part) for part in zip(*split, strict=True)]
        return tuple(map(torch.cat, zip(*parts, strict=True)))
    if not torch.is_grad_enabled():
        return _forward(cell, is_reversed, tensors, keeps=False)[0]
    found: tuple[Tensor, ...] = _Layer.apply(cell, is_reversed, *tensors)  # type: ignore[no-untyped-call]
    return found


# --- all lanes, through time ---------------------------------------------------------------------


def _forward(
    cell: Cell, is_reversed: bool, tensors: Sequence[Any], *, keeps: bool
) -> tuple[tuple[Tensor, ...], list[Tensor], list[Tensor], _Memory]:
    """What `layer` returns; inputs and states, what else to keep, and the memory that it is in."""
    x_KTBI, h_KBH, c_KBH, *weights = tensors
    lanes, steps, batch, _ = x_KTBI.shape
    x_KTBJ = F.pad(x_KTBI, (0, 1), value=1)
    states = x_KTBI.new_empty(lanes, steps + 1, batch, weights[1].shape[2])
    before, after = _ends(states, is_reversed)
    path = Path(_in_order(before, is_reversed), _in_order(after, is_reversed))
    if h_KBH is None:
        path.before[0].zero_()
    else:
        path.before[0].copy_(h_KBH)
    memory = _Memory(path.before[0], keeps=keeps)
    x = _in_order(x_KTBJ, is_reversed)
    kept, last = cell.forward(path, x, *cell.forth(*weights), c_KBH, memory.room)
    if not keeps:
        memory.free()
    return (after, *last), [x_KTBJ, states], kept, memory


def _ends(states: Tensor, is_reversed: bool) -> tuple[Tensor, Tensor]:
    """Of T + 1 states [K, T + 1, …], those before and those after each step."""
    early, late = states[:, :-1], states[:, 1:]
    return (late, early) if is_reversed else (early, late)


def _in_order(steps: Tensor, is_reversed: bool) -> Steps:
    """[K, T, …] as T views in the order that time has."""
    found: tuple[Tensor, ...] = steps.unbind(1)
    return found[::-1] if is_reversed else found


class _Layer(torch.autograd.Function):
    """`layer`, with gradients."""

    @staticmethod
    def forward(ctx: Any, cell: Cell, is_reversed: bool, *tensors: Any) -> Any:
        found, known, ctx.kept, ctx.memory = _forward(cell, is_reversed, tensors, keeps=True)
        ctx.cell, ctx.is_reversed = cell, is_reversed
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(tensors[3], tensors[4], *known)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor | None, c_slope: Tensor | None = None) -> Any:
        if ctx.kept is None:
            raise RuntimeError("a recurrent layer in a lane goes back through its steps only once")
        wants = ctx.needs_input_grad
        further, products, initial = _backward(ctx, slope, c_slope, wants_further=wants[2])
        ctx.kept = None
        ctx.memory.free()
        found = (*[*initial, None][:2], *ctx.cell.gradients(*products))
        wanted = (
            each if wants_it else None for each, wants_it in zip(found, wants[3:], strict=True)
        )
        return None, None, further, *wanted


def _backward(
    ctx: Any, slope: Tensor | None, c_slope: Tensor | None, *, wants_further: bool
) -> tuple[Tensor | None, tuple[Tensor, Tensor], list[Tensor]]:
    """Slopes of the inputs; their products with columns' slopes; slopes of the initial states."""
    cell: Cell = ctx.cell
    w_ih, w_hh, x_KTBJ, states = ctx.saved_tensors
    before, after = _ends(states, ctx.is_reversed)
    slope = torch.zeros_like(after) if slope is None else slope
    columns_KTBG = ctx.memory.take(*after.shape[:3], cell.columns * after.shape[3])
    h, h_next, by_h, into = (
        _in_order(each, ctx.is_reversed) for each in (before, after, slope, columns_KTBG)
    )
    w_KGI, w_KGH = cell.back(w_ih, w_hh)
    initial = cell.backward(Path(h, h_next), ctx.kept, by_h, c_slope, w_KGH, into)
    flat = columns_KTBG.flatten(1, 2)
    # Wide on the right: a product with few columns takes four times as long.
    x_KJG = torch.bmm(x_KTBJ.flatten(1, 2).mT, flat)
    h_KHG = torch.bmm(before.flatten(1, 2).mT, cell.of_h(flat))
    further = torch.bmm(cell.of_x(flat), w_KGI) if wants_further else None
    if further is not None:
        further = further.view(*after.shape[:3], -1)
    return further, (x_KJG, h_KHG), initial


# --- memory --------------------------------------------------------------------------------------


class _Memory:
    """What a pass keeps for its way back, lent to later passes when that is done.

    The system clears every page of fresh memory, which takes longer than the formulas do.

    Args:
        like: [K, B, …], of the type and on the device wanted.
        keeps: whether the steps are told apart.
    """

    _spare: ClassVar[list[Tensor]] = []
    _lock = threading.Lock()

    def __init__(self, like: Tensor, *, keeps: bool) -> None:
        self._like, self._keeps = like, keeps
        self._lent: list[Tensor] = []

    def room(self, steps: int, width: int) -> Tensor:
        """[steps, K, B, width]."""
        made = self.take(steps if self._keeps else 1, *self._like.shape[:2], width)
        return made.expand(steps, *made.shape[1:])

    def take(self, *shape: int) -> Tensor:
        """With anything in it."""
        count = math.prod(shape)
        self._lent.append(self._borrow(count))
        return self._lent[-1][:count].view(shape)

    def _borrow(self, count: int) -> Tensor:
        like = self._like
        with self._lock:
            for number, flat in enumerate(self._spare):  # the smallest first
                if len(flat) >= count and flat.dtype == like.dtype and flat.device == like.device:
                    return self._spare.pop(number)
        return like.new_empty(count)

    def free(self) -> None:
        """Nobody reads what is in it any more."""
        if self._like.is_cuda:
            return  # torch lends it again by itself
        lent, self._lent, spare = self._lent, [], self._spare
        with self._lock:
            spare += lent
            spare.sort(key=len)
            while sum(flat.nbytes for flat in spare) > _SPARE:
                spare.pop()
