"""How the forward passes of K lanes are run at once: as a program, or by `vmap` of any module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
from torch import Tensor, nn

from lanewise.trainables.packs.lane import Lane
from lanewise.trainables.packs.program import Group, Op, Running, lifts_zero, norm_parameters, run
from lanewise.trainables.packs.stack import Stack
from lanewise.trainables.training import penalties
from lanewise.trainables.training.draws import Draws
from lanewise.trainables.training.penalties import Watched


class Engine(Protocol):
    """Runs lanes that compute the same."""

    def mask_shape(self, key: int, size: int) -> tuple[int, ...]:
        """Of a dropout's mask for one lane and a batch of `size` rows."""
        ...

    def bound(self, lanes: Sequence[Lane]) -> Bound:
        """Ready for these lanes, in this order."""
        ...


class Bound(Protocol):
    """An engine that knows its lanes."""

    def forward(
        self,
        params: Sequence[Tensor],
        buffers: Mapping[str, Tensor],
        x: Tensor,
        masks: Mapping[int, Tensor],
        *,
        is_training: bool,
        is_shared: bool = False,
        extra: Watched | None,
    ) -> Tensor:
        """Outputs [K, B, C].

        params: [K, …], in order; buffers: [K, …], by name, which training may change in place.
        x: [K, B, …], or, if it is shared, [B, …] for the same rows in every lane.
        masks: [K, …] by a slot's key.
        extra: gets Σ|a| over the activations of each lane, and what its terms add, [K].
        """
        ...

    def training(self, stack: Stack, rows_KP: Tensor, buffers: Mapping[str, Tensor]) -> Training:
        """Ready for the steps of an epoch; rows: the lanes' parameters, changed by each step."""
        ...


class Training(Protocol):
    """The forward and backward passes of one step after the other."""

    def forward(self, x: Tensor, masks: Mapping[int, Tensor], extra: Watched | None) -> Tensor:
        """As `Bound.forward`."""
        ...

    def backward(self, total: Tensor) -> Tensor:
        """The gradient [K, P] of something that came of the outputs; good until the next step."""
        ...


class ProgramEngine:
    """Lanes of up to the widths of `shapes`.

    Args:
        ops: of every lane's program.
        widths: of the stack, behind each place.
    """

    def __init__(self, ops: Sequence[Op], widths: Sequence[int]) -> None:
        self.ops, self.widths = ops, widths

    def mask_shape(self, key: int, size: int) -> tuple[int, ...]:
        return (size, self.widths[key])

    def bound(self, lanes: Sequence[Lane]) -> Bound:
        return _BoundProgram(self, lanes)


class _BoundProgram:
    def __init__(self, engine: ProgramEngine, lanes: Sequence[Lane]) -> None:
        self.ops = engine.ops
        programs = [lane.program for lane in lanes if lane.program is not None]
        device = lanes[0].data.x_train.device
        self.true: list[Tensor | None] = []
        for place, width in enumerate(engine.widths):
            true = [program.widths[place] for program in programs]
            is_padded = any(each != width for each in true)
            self.true.append(torch.tensor(true, device=device) if is_padded else None)
        self.groups: dict[int, list[Group]] = {}
        self.back: dict[int, Tensor] = {}
        self.units: dict[int, Tensor] = {}
        made: dict[tuple[str, ...], tuple[list[Group], Tensor]] = {}
        for place in programs[0].activations:
            modules = [program.activations[place] for program in programs]
            kinds = tuple(map(repr, modules))
            if kinds not in made:
                made[kinds] = _grouped(modules, kinds, device)
            self.groups[place], self.back[place] = made[kinds]

    def forward(
        self,
        params: Sequence[Tensor],
        buffers: Mapping[str, Tensor],
        x: Tensor,
        masks: Mapping[int, Tensor],
        *,
        is_training: bool,
        is_shared: bool = False,
        extra: Watched | None,
    ) -> Tensor:
        if is_shared:
            x = x.expand(len(params[0]), *x.shape)
        return run(self.ops, x, self.running(params, buffers, masks, is_training, extra))

    def running(
        self,
        params: Sequence[Tensor],
        buffers: Mapping[str, Tensor],
        masks: Mapping[int, Tensor],
        is_training: bool,
        extra: Watched | None,
    ) -> Running:
        return Running(
            params,
            buffers,
            masks,
            self.true,
            self.groups,
            self.back,
            is_training,
            activity=extra.activity if extra else None,
            known_units=self.units,
        )

    def training(self, stack: Stack, rows_KP: Tensor, buffers: Mapping[str, Tensor]) -> Training:
        return _ProgramTraining(self, stack, rows_KP, buffers)


class _ProgramTraining:
    """Linear layers put their gradients where they belong; those of norms are small, and copied."""

    def __init__(
        self, bound: _BoundProgram, stack: Stack, rows_KP: Tensor, buffers: Mapping[str, Tensor]
    ) -> None:
        self.bound, self.buffers = bound, buffers
        self.gradient_KP = torch.zeros_like(rows_KP)
        self.gradients = stack.views(self.gradient_KP)
        self.params = stack.views(rows_KP.detach())
        self.small = norm_parameters(bound.ops)
        for number in self.small:
            self.params[number].requires_grad_()
        self.is_wanted = torch.zeros((), requires_grad=True)

    def forward(self, x: Tensor, masks: Mapping[int, Tensor], extra: Watched | None) -> Tensor:
        on = self.bound.running(self.params, self.buffers, masks, True, extra)
        on.gradients, on.is_wanted = self.gradients, self.is_wanted
        return run(self.bound.ops, x, on)

    def backward(self, total: Tensor) -> Tensor:
        total.backward()  # type: ignore[no-untyped-call]
        for number in self.small:
            slope = self.params[number].grad
            assert slope is not None
            self.gradients[number].copy_(slope)
            self.params[number].grad = None
        return self.gradient_KP


def _grouped(
    modules: Sequence[nn.Module], kinds: Sequence[str], device: torch.device
) -> tuple[list[Group], Tensor]:
    """Lanes by activation, and where each lane's part is once the groups stand in a row."""
    members = {kind: [k for k, other in enumerate(kinds) if other == kind] for kind in kinds}
    groups = [
        Group(modules[lanes[0]], torch.tensor(lanes, device=device), lifts_zero(modules[lanes[0]]))
        for lanes in members.values()
    ]
    together = torch.cat([group.lanes for group in groups])
    return groups, torch.argsort(together)


class VmapEngine:
    """Any module: the code of one, with the parameters and buffers of all lanes.

    Args:
        module: the one; draws: what its layers draw from.
        names: of the parameters that are trained, in order.
        shapes: of the dropouts' masks, by slot and size of the batch.
    """

    def __init__(
        self,
        module: nn.Module,
        draws: Draws,
        names: Sequence[str],
        shapes: Mapping[int, Mapping[int, tuple[int, ...]]],
    ) -> None:
        self.module, self.draws, self.names = module, draws, names
        self._slots, self._shapes = _slots(module), shapes

    def mask_shape(self, key: int, size: int) -> tuple[int, ...]:
        return self._shapes[key][size]

    def bound(self, lanes: Sequence[Lane]) -> Bound:
        return self

    def forward(
        self,
        params: Sequence[Tensor],
        buffers: Mapping[str, Tensor],
        x: Tensor,
        masks: Mapping[int, Tensor],
        *,
        is_training: bool,
        is_shared: bool = False,
        extra: Watched | None,
    ) -> Tensor:
        named = {**dict(zip(self.names, params, strict=True)), **buffers}
        if is_shared:
            x = x.clone()  # the data is shared by all trials, and a module may work in place on it

        def one(
            tensors: dict[str, Tensor], x: Tensor, masks: dict[int, Tensor]
        ) -> tuple[Tensor, ...]:
            for name, tensor in tensors.items():
                for home, key in self._slots[name]:
                    home[key] = tensor
            with self.draws.replaced(_Handed(masks)), watching as seen:
                output: Tensor = self.module(x)
            nothing = output.new_zeros(())
            return output, sum(seen.activity, nothing), sum(seen.terms, nothing)

        self.module.train(is_training)
        kept = {
            name: [(home, key, home[key]) for home, key in s] for name, s in self._slots.items()
        }
        in_dims = (0, None if is_shared else 0, 0)
        watching: AbstractContextManager[Watched] = nullcontext(Watched())
        if extra is not None:
            watching = penalties.watched(self.module)
        try:
            output, activity, terms = torch.vmap(one, in_dims=in_dims)(named, x, dict(masks))
        finally:
            for places in kept.values():
                for home, key, tensor in places:
                    home[key] = tensor
        if extra is not None:
            extra.activity.append(activity)
            extra.terms.append(terms)
        return output

    def training(self, stack: Stack, rows_KP: Tensor, buffers: Mapping[str, Tensor]) -> Training:
        return _VmapTraining(self, stack, rows_KP, buffers)


class _VmapTraining:
    def __init__(
        self, engine: VmapEngine, stack: Stack, rows_KP: Tensor, buffers: Mapping[str, Tensor]
    ) -> None:
        self.engine, self.stack, self.buffers = engine, stack, buffers
        self.leaf_KP = rows_KP.detach().requires_grad_()

    def forward(self, x: Tensor, masks: Mapping[int, Tensor], extra: Watched | None) -> Tensor:
        params = self.stack.views(self.leaf_KP)
        return self.engine.forward(params, self.buffers, x, masks, is_training=True, extra=extra)

    def backward(self, total: Tensor) -> Tensor:
        (gradient_KP,) = torch.autograd.grad(total, self.leaf_KP)
        return gradient_KP


class _Handed(Draws):
    """Hands out what was drawn before, in the order of the calls."""

    def __init__(self, masks: Mapping[int, Tensor]) -> None:
        super().__init__()
        self._drawn, self._calls = masks, 0

    def dropout(self, x: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
        mask = self._drawn.get(self._calls)
        self._calls += 1
        return x if mask is None else x * mask

    def normal(self, like: Tensor) -> Tensor:
        drawn = self._drawn.get(self._calls)
        self._calls += 1
        return torch.zeros_like(like) if drawn is None else drawn


def _slots(module: nn.Module) -> dict[str, list[tuple[dict[str, Tensor | None], str]]]:
    """Where each parameter and buffer hangs in the tree; a tied one at several places."""
    names = {id(t): n for n, t in (*module.named_parameters(), *module.named_buffers())}
    found: dict[str, list[tuple[dict[str, Tensor | None], str]]] = {n: [] for n in names.values()}
    for part in module.modules():
        for home in (part._parameters, part._buffers):
            for key, tensor in home.items():
                if tensor is not None:
                    found[names[id(tensor)]].append((home, key))  # type: ignore[arg-type]
    return found
