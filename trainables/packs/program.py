"""Networks of well-known layers, run for K lanes at once by batched matrix products.

K lanes, B batch, I inputs, H units, C outputs. A module tree of linear layers, norms, activations,
dropout and residual blocks becomes a program whose parameters carry a lane dimension in front. It
computes what `vmap` of the module would, with a third of the overhead, and lanes may differ in
their widths, activations and dropout rates: a narrower lane is padded with zeros, which stay zero.

Whatever holds another kind of layer has no program and is run by `vmapped` instead.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own convention)

from lanewise.trainables.models.common.layers import Residual
from lanewise.trainables.training import penalties
from lanewise.trainables.training.draws import Dropout

_ELEMENTWISE = tuple(k for k in penalties.ACTIVATIONS if k not in (nn.PReLU, nn.RReLU))
_LAYERS = (nn.Sequential, nn.Identity, nn.Linear, nn.BatchNorm1d, nn.LayerNorm, Dropout, Residual)
_KNOWN = {*_ELEMENTWISE, *_LAYERS}  # these types themselves: a subclass may do anything


class _Affine(torch.autograd.Function):
    """x·Wᵀ + b of all lanes, whose gradients by W and b are written where they are wanted.

    What autograd would do puts every gradient together by copies, as many bytes as the products
    themselves read and write.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x_KBI: Tensor,
        is_wanted: Tensor,
        weight_KHI: Tensor,
        bias_KH: Tensor | None,
        into_KHI: Tensor,
        into_KH: Tensor | None,
    ) -> Tensor:
        """`is_wanted` requires a gradient, also where the inputs do not."""
        ctx.save_for_backward(x_KBI, weight_KHI)
        ctx.into = into_KHI, into_KH
        return _affine(x_KBI, weight_KHI, bias_KH)

    @staticmethod
    def backward(ctx: Any, slope_KBH: Tensor) -> Any:
        x_KBI, weight_KHI = ctx.saved_tensors
        into_KHI, into_KH = ctx.into
        torch.bmm(slope_KBH.transpose(1, 2), x_KBI, out=into_KHI)
        if into_KH is not None:
            torch.sum(slope_KBH, 1, out=into_KH)
        further = torch.bmm(slope_KBH, weight_KHI) if ctx.needs_input_grad[0] else None
        return further, None, None, None, None, None


def _affine(x_KBI: Tensor, weight_KHI: Tensor, bias_KH: Tensor | None) -> Tensor:
    weight_KIH = weight_KHI.transpose(1, 2)
    if bias_KH is None:
        return torch.bmm(x_KBI, weight_KIH)
    return torch.baddbmm(bias_KH.unsqueeze(1), x_KBI, weight_KIH)


@dataclass(frozen=True)
class Linear:
    place: int
    weight: int
    bias: int | None

    def run(self, x_KBI: Tensor, on: Running) -> Tensor:
        weight = on.params[self.weight]
        bias = None if self.bias is None else on.params[self.bias]
        if on.gradients is None:
            return _affine(x_KBI, weight, bias)
        into = None if self.bias is None else on.gradients[self.bias]
        found: Tensor = _Affine.apply(  # type: ignore[no-untyped-call]
            x_KBI, on.is_wanted, weight, bias, on.gradients[self.weight], into
        )
        return found


@dataclass(frozen=True)
class Start:
    """The input of the network or of a part of a block; a dropout may stand right behind it.

    flattens: the network begins by making pictures or sequences flat.
    """

    place: int
    flattens: bool = False

    def run(self, x: Tensor, on: Running) -> Tensor:
        return x.flatten(2) if self.flattens else x


@dataclass(frozen=True)
class Activation:
    """is_fresh: nothing else needs the values that it is given; they may be overwritten."""

    place: int
    is_fresh: bool

    def run(self, x_KBH: Tensor, on: Running) -> Tensor:
        groups = on.activations[self.place]
        if len(groups) == 1:
            module = groups[0].module
            overwrites = self.is_fresh and type(module) is nn.ReLU
            y_KBH: Tensor = x_KBH.relu_() if overwrites else module(x_KBH)
        else:
            parts = [group.module(x_KBH.index_select(0, group.lanes)) for group in groups]
            y_KBH = torch.cat(parts).index_select(0, on.back[self.place])
        if any(group.lifts_zero for group in groups) and on.widths[self.place] is not None:
            y_KBH = y_KBH * on.units(self.place, y_KBH)
        if on.activity is not None:
            on.activity.append(y_KBH.abs().sum((1, 2)))
        return y_KBH


@dataclass(frozen=True)
class BatchNorm:
    """All lanes' channels side by side are the channels of one batch norm."""

    place: int
    weight: int
    bias: int
    mean: str
    var: str
    count: str
    eps: float
    momentum: float

    def run(self, x_KBH: Tensor, on: Running) -> Tensor:
        K, B, H = x_KBH.shape
        if on.is_training:
            on.buffers[self.count].add_(1)
        y = F.batch_norm(
            x_KBH.transpose(0, 1).reshape(B, K * H),
            on.buffers[self.mean].view(K * H),
            on.buffers[self.var].view(K * H),
            on.params[self.weight].reshape(K * H),
            on.params[self.bias].reshape(K * H),
            on.is_training,
            self.momentum,
            self.eps,
        )
        return y.view(B, K, H).transpose(0, 1)


@dataclass(frozen=True)
class LayerNorm:
    """Over a lane's true units: padding is no part of the mean and the variance."""

    place: int
    weight: int
    bias: int
    eps: float

    def run(self, x_KBH: Tensor, on: Running) -> Tensor:
        weight, bias = on.params[self.weight].unsqueeze(1), on.params[self.bias].unsqueeze(1)
        true_K = on.widths[self.place]
        if true_K is None:
            return F.layer_norm(x_KBH, x_KBH.shape[-1:], eps=self.eps) * weight + bias
        true_K11 = true_K.view(-1, 1, 1)
        units_K1H = on.units(self.place, x_KBH)
        # Padding is 0 and adds nothing, but would get a gradient through the mean.
        mean = (x_KBH * units_K1H).sum(-1, keepdim=True) / true_K11
        centred = (x_KBH - mean) * units_K1H
        variance = centred.square().sum(-1, keepdim=True) / true_K11
        return centred * torch.rsqrt(variance + self.eps) * weight + bias


@dataclass(frozen=True)
class Block:
    """See `layers.Residual`."""

    place: int
    skip: tuple[Op, ...]
    branch: tuple[Op, ...]
    after: tuple[Op, ...]

    def run(self, x: Tensor, on: Running) -> Tensor:
        skipped = run(self.skip, x, on)
        return run(self.after, skipped + run(self.branch, x, on), on)


Op = Linear | Start | Activation | BatchNorm | LayerNorm | Block


@dataclass(frozen=True)
class Program:
    """What one module computes.

    ops: equal for modules that may be lanes of one stack, whatever their widths.
    widths: true units behind each place; activations: the module at each place; rates: of dropout
        behind a place. These differ between lanes.
    """

    ops: tuple[Op, ...]
    widths: tuple[int, ...]
    activations: Mapping[int, nn.Module]
    rates: Mapping[int, float]


@dataclass(frozen=True)
class Group:
    """The lanes that have one activation at a place."""

    module: nn.Module
    lanes: Tensor
    lifts_zero: bool  # f(0) ≠ 0: padding would not stay zero


@dataclass
class Running:
    """What a program runs on.

    params: [K, …] in the order of module.parameters(); buffers: [K, …] by name.
    masks: of dropout behind a place, [K, B, H] with 1 / (1 − p) in it; absent for none.
    widths: of the lanes behind a place, [K], or None where none is padded.
    activations: groups of lanes at a place; back: their order put right, where there are several.
    gradients: where those of linear layers are put, like params; None for a pass without them.
    is_wanted: something that requires a gradient, for layers whose inputs do not.
    activity: gets Σ|a| of each activation, [K]; None where nobody wants it.
    """

    params: Sequence[Tensor]
    buffers: Mapping[str, Tensor]
    masks: Mapping[int, Tensor]
    widths: Sequence[Tensor | None]
    activations: Mapping[int, Sequence[Group]]
    back: Mapping[int, Tensor]
    is_training: bool
    gradients: Sequence[Tensor] | None = None
    is_wanted: Tensor | None = None
    activity: list[Tensor] | None = None
    known_units: dict[int, Tensor] = field(default_factory=dict)  # a memo of `units`

    def units(self, place: int, like: Tensor) -> Tensor:
        """1 for a lane's true units, 0 for padding; [K, 1, H]."""
        if place not in self.known_units:
            true_K = self.widths[place]
            assert true_K is not None
            numbers_H = torch.arange(like.shape[-1], device=like.device)
            mask_KH = numbers_H < true_K.unsqueeze(1)
            self.known_units[place] = mask_KH.unsqueeze(1).to(like.dtype)
        return self.known_units[place]


def run(ops: Sequence[Op], x: Tensor, on: Running) -> Tensor:
    """The outputs [K, B, …] of `ops` for inputs [K, B, …]."""
    for op in ops:
        x = op.run(x, on)
        mask = on.masks.get(op.place)
        if mask is not None:
            x = x * mask
    return x


def norm_parameters(ops: Sequence[Op]) -> list[int]:
    """The numbers of the parameters that norms scale and shift by."""
    found: list[int] = []
    for op in ops:
        match op:
            case BatchNorm() | LayerNorm():
                found += [op.weight, op.bias]
            case Block():
                found += norm_parameters((*op.skip, *op.branch, *op.after))
    return found


def lifts_zero(module: nn.Module) -> bool:
    """Whether an activation makes something of nothing, as sigmoid does."""
    return bool(module(torch.zeros(1)).item() != 0)


def stack_widths(program: Program) -> tuple[int, ...]:
    """A little wider than the program, so that other lanes find room in its stack, too.

    By value, so that both ways through a block stay equally wide; inputs and outputs stay.
    """
    fixed = {program.widths[0], program.widths[-1]}
    return tuple(width if width in fixed else _rounded(width) for width in program.widths)


def _rounded(width: int) -> int:
    """Up to a multiple of a quarter of the power of two below: 16, 20, 24, 28, 32, 40 …"""
    step = max(1, (1 << width.bit_length() - 1) // 4)
    return -(-width // step) * step


def stack_shapes(ops: Sequence[Op], widths: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The shapes of the parameters of `ops` with these widths behind their places."""
    shapes: dict[int, tuple[int, ...]] = {}

    def walk(ops: Sequence[Op], width: int) -> int:
        for op in ops:
            match op:
                case Linear(place, weight, bias):
                    shapes[weight] = (widths[place], width)
                    width = widths[place]
                    if bias is not None:
                        shapes[bias] = (width,)
                case BatchNorm() | LayerNorm():
                    shapes[op.weight] = shapes[op.bias] = (width,)
                case Block():
                    walk(op.skip, width)
                    width = walk(op.after, walk(op.branch, width))
        return width

    walk(ops, widths[0])
    return tuple(shapes[number] for number in range(len(shapes)))


def compile_module(module: nn.Module, shape: tuple[int, ...]) -> Program | None:
    """The program of a module for examples of `shape`; None where it has another kind of layer."""
    compiler = _Compiler(module, math.prod(shape))
    flattens = len(shape) > 1
    if flattens:
        if not (type(module) is nn.Sequential and len(module) and _is_flatten(module[0])):
            return None
        compiler.flatten = module[0]
    try:
        start = compiler.start(flattens)
        ops = (start, *compiler.sequence(module))
    except _UnknownLayerError:
        return None
    if len(compiler.used) != len(list(module.parameters())):
        return None  # tied, or not used at all
    return Program(ops, tuple(compiler.widths), compiler.activations, compiler.rates)


def _is_flatten(module: nn.Module) -> bool:
    if type(module) is not nn.Flatten or _is_customised(module):
        return False
    return bool(module.start_dim == 1 and module.end_dim == -1)


class _UnknownLayerError(Exception):
    """A layer that programs do not know."""


class _Compiler:
    def __init__(self, module: nn.Module, inputs: int) -> None:
        self.numbers = {id(p): number for number, p in enumerate(module.parameters())}
        self.names = {id(b): name for name, b in module.named_buffers()}
        self.used: set[int] = set()
        self.width = inputs
        self.widths: list[int] = []
        self.activations: dict[int, nn.Module] = {}
        self.rates: dict[int, float] = {}
        self.seen: set[int] = set()
        self.flatten: nn.Module | None = None  # the one that the start stands for
        self.is_fresh = False  # see Activation

    def start(self, flattens: bool = False) -> Start:
        self.is_fresh = False
        return Start(self._place(), flattens)

    def sequence(self, module: nn.Module) -> list[Op]:
        """The ops of a module, its dropouts noted behind the op before them."""
        kind = type(module)
        if module is self.flatten:
            return []
        if _is_customised(module) or id(module) in self.seen or kind not in _KNOWN:
            raise _UnknownLayerError
        self.seen.add(id(module))
        if kind is nn.Sequential:
            return [op for child in module.children() for op in self.sequence(child)]
        if kind is nn.Identity:
            return []
        if isinstance(module, Dropout):
            self._dropout(module.p)
            return []
        if isinstance(module, Residual):
            self.is_fresh = False
            return [self._block(module)]
        leaf = self._leaf(module)
        self.is_fresh = isinstance(leaf, Linear | BatchNorm | LayerNorm)
        return [leaf]

    def _leaf(self, module: nn.Module) -> Op:
        if type(module) is nn.Linear:
            if module.in_features != self.width:
                raise _UnknownLayerError
            self.width = module.out_features
            bias = None if module.bias is None else self._number(module.bias)
            weight = self._number(module.weight)
            return Linear(self._place(), weight, bias)
        if type(module) in _ELEMENTWISE:
            place = self._place()
            plain = copy.copy(module)
            if getattr(plain, "inplace", False):
                plain.inplace = False  # type: ignore[assignment]
            self.activations[place] = plain
            return Activation(place, self.is_fresh)
        if type(module) is nn.BatchNorm1d:
            return self._batch_norm(module)
        if type(module) is nn.LayerNorm:
            return self._layer_norm(module)
        raise _UnknownLayerError

    def _batch_norm(self, module: nn.BatchNorm1d) -> BatchNorm:
        is_plain = module.affine and module.track_running_stats and module.momentum is not None
        if not is_plain or module.num_features != self.width:
            raise _UnknownLayerError
        buffers = (module.running_mean, module.running_var, module.num_batches_tracked)
        mean, var, count = (self.names[id(buffer)] for buffer in buffers)
        assert module.momentum is not None
        weight, bias = self._number(module.weight), self._number(module.bias)
        place = self._place()
        return BatchNorm(place, weight, bias, mean, var, count, module.eps, module.momentum)

    def _layer_norm(self, module: nn.LayerNorm) -> LayerNorm:
        if module.normalized_shape != (self.width,) or module.weight is None or module.bias is None:
            raise _UnknownLayerError
        weight, bias = self._number(module.weight), self._number(module.bias)
        return LayerNorm(self._place(), weight, bias, module.eps)

    def _block(self, module: Residual) -> Block:
        width = self.width
        skip = (self.start(), *self.sequence(module.skip))
        skipped, self.width = self.width, width
        branch = (self.start(), *self.sequence(module.branch))
        if self.width != skipped:
            raise _UnknownLayerError
        after = (self.start(), *self.sequence(module.after))
        self.is_fresh = False
        return Block(self._place(), skip, branch, after)

    def _dropout(self, p: float) -> None:
        self.is_fresh = False
        place = len(self.widths) - 1
        if place in self.rates:
            raise _UnknownLayerError
        self.rates[place] = p

    def _number(self, parameter: Tensor) -> int:
        number = self.numbers[id(parameter)]
        if not parameter.requires_grad or number in self.used:
            raise _UnknownLayerError
        self.used.add(number)
        return number

    def _place(self) -> int:
        self.widths.append(self.width)
        return len(self.widths) - 1


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _is_customised(module: nn.Module) -> bool:
    """Whether its owner changed what this very module does: a hook, a method of its own, a mode."""
    hooks = any(getattr(module, name) for name in _HOOKS)
    return hooks or "forward" in vars(module) or not module.training
