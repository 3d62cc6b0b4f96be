"""Many replicas trained as lanes of one stacked model. K lanes, P parameters, B batch, C classes.

One forward pass over all lanes, one backward pass of the sum of their losses, then a step of each
lane's own optimizer: a lane computes what it would compute alone (`replica.Replica`), whoever sits
beside it. An epoch is the unit: between two of them lanes come and go.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lanewise.trainables.data.table import Array
from lanewise.trainables.failures import OUT_OF_MEMORY, failure_kind
from lanewise.trainables.metrics.losses import Criterion, make_criterion, make_loss
from lanewise.trainables.metrics.names import complete_loss, of_weights, reported
from lanewise.trainables.metrics.row_values import row_values
from lanewise.trainables.metrics.scores import scores_of
from lanewise.trainables.optim.optimizer_type import Step
from lanewise.trainables.packs.data import Data, Scored
from lanewise.trainables.packs.engines import Engine, ProgramEngine, VmapEngine
from lanewise.trainables.packs.lane import Lane, class_weight_rows, first_line, weight_places
from lanewise.trainables.packs.program import stack_shapes, stack_widths
from lanewise.trainables.packs.stack import PARAM, Shapes, Stack
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.penalties import Watched, has_terms
from lanewise.trainables.training.streamed import Features, chunks

SLACK = 1.5  # the most parameters of a stack for one of a lane's own
MOST = 32  # lanes of one pack: with more, the others' decisions are not awaited while one trains
_MASKS = 1 << 22  # values of masks drawn at once, for several steps
_GATHER = 1 << 22  # values of inputs copied at once, for several steps
_EVALUATE = 1 << 16  # rows of all lanes together in a forward pass of an evaluation


class Pack:
    """Lanes that compute the same, in one stack. A `pool.Group`, but for the trials.

    Args:
        recipe: of all of them.
        data: what its lanes train on.
        lane: the first to come, which says what the pack is like; it is not seated yet.
        on_break: told when an epoch fails as a whole, so that no such pack is made again.
    """

    def __init__(
        self, recipe: Recipe, data: Data, lane: Lane, on_break: Callable[[Pack, str], None]
    ) -> None:
        self.recipe, self.data = recipe, data
        self.key = kind_of(lane)
        self.batch_sizes = lane.batch_sizes
        self.widths, self.shapes = _room_for(lane)
        self.lanes: list[Lane] = []
        self._on_break = on_break
        assert lane.parked is not None
        like = _padded_buffers(lane, self.widths)
        device = str(lane.parked.rows.device)
        self.stack = Stack(self.shapes, like, getattr(torch, recipe.dtype), device)
        self.engine: Engine = (
            VmapEngine(lane.module, lane.draws, lane.names, {s.key: s.shapes for s in lane.slots})
            if lane.program is None or self.widths is None
            else ProgramEngine(lane.program.ops, self.widths)
        )
        assert recipe.prepared is not None
        info = recipe.prepared.info
        self._classes, self._task = len(info.classes or ()), info.task
        self._loss = complete_loss(recipe.loss, info.task)
        self._loss_of = make_loss(self._loss, info.task)
        names = reported(recipe.metrics, recipe.monitor, info.task)
        self._scratch: dict[int, Array] = {}
        self._measured, self._wants_norm = of_weights(names), "grad_norm" in names

    def scratch(self, key: int, count: int, numpy_type: type) -> Array:
        """Room for `count` values, the same one each time: fresh memory costs as much as masks."""
        known = self._scratch.get(key)
        if known is None or known.size < count:
            known = self._scratch[key] = np.empty(count, dtype=numpy_type)
        return known[:count]

    # -- seating ------------------------------------------------------------------------------

    def has_room_for(self, lane: Lane) -> bool:
        """Whether the lane computes what this pack does, and would not be padded too much."""
        return len(self.lanes) < MOST and kind_of(lane) == self.key and self._fits(lane)

    def _fits(self, lane: Lane) -> bool:
        if lane.shapes == self.shapes:
            return True
        if lane.program is None or self.widths is None or lane.stepper.divides_by_zero:
            return False
        covers = all(a >= b for a, b in zip(self.widths, lane.program.widths, strict=True))
        return covers and _count(self.shapes) <= SLACK * _count(lane.shapes)

    def seat(self, lane: Lane) -> None:
        """Takes a parked lane in; it trains from the next epoch on."""
        assert lane.parked is not None
        lane.place = self.stack.seat(lane.parked, lane.shapes)
        lane.parked, lane.pack = None, self
        self.lanes.append(lane)

    def drop(self, lane: Lane) -> None:
        """Lets a lane go; the last one takes its place."""
        self._swap(lane.place, len(self.lanes) - 1)
        self.stack.drop_last()
        self.lanes.pop()
        lane.pack, lane.place = None, -1

    def _swap(self, one: int, other: int) -> None:
        if one == other:
            return
        self.stack.swap(one, other)
        lanes = self.lanes
        lanes[one], lanes[other] = lanes[other], lanes[one]
        lanes[one].place, lanes[other].place = one, other

    def _to_the_front(self, due: Sequence[Lane]) -> None:
        """Those who wait for a decision sit behind those who train."""
        count = len(due)
        behind = [lane for lane in due if lane.place >= count]
        idle = [lane for lane in self.lanes[:count] if not lane.owner.is_due(lane)]
        for lane, other in zip(behind, idle, strict=True):
            self._swap(lane.place, other.place)

    # -- an epoch -----------------------------------------------------------------------------

    def due(self) -> list[Lane]:
        """The lanes with an epoch to train."""
        return [lane for lane in self.lanes if lane.owner.is_due(lane)]

    def turn(self) -> None:
        """Train an epoch of the lanes that are due, and tell their owners."""
        due = self.due()
        self._to_the_front(due)
        lanes = self.lanes[: len(due)]
        began = time.monotonic()
        try:
            found = Epoch(self, lanes).run()
        except Exception as error:
            self._broke(lanes, error)
            return
        except BaseException as error:  # a person's Ctrl-C: the values are of no epoch
            for lane in lanes:
                lane.owner.lane_failed(lane, error, is_displaced=True)
            raise
        share = (time.monotonic() - began) / len(lanes)
        for lane, metrics in zip(lanes, found, strict=True):
            lane.epoch_done(metrics, share)

    def _broke(self, lanes: Sequence[Lane], error: Exception) -> None:
        """An epoch ended in the middle; nobody's values are of any use. Who is to blame?"""
        is_displaced = len(lanes) > 1 and failure_kind(error) != OUT_OF_MEMORY
        if is_displaced:
            self._on_break(self, first_line(error))
        for lane in lanes:
            lane.owner.lane_failed(lane, error, is_displaced=is_displaced)


class Epoch:
    """One epoch of the first lanes of a pack."""

    def __init__(self, pack: Pack, lanes: Sequence[Lane]) -> None:
        self.pack, self.lanes, self.count = pack, lanes, len(lanes)
        self.stack = pack.stack
        self.buffers = {name: b[: self.count] for name, b in self.stack.buffers.items()}
        self.rows_KP = self.stack.rows[PARAM, : self.count]
        self.engine = pack.engine.bound(lanes)
        self.dtype, self.device = self.rows_KP.dtype, self.rows_KP.device

    def run(self) -> list[dict[str, float]]:
        """The metrics of each lane, after training and evaluation."""
        found = self.train()
        for name, values_K in self._evaluate().items():
            for metrics, value in zip(found, values_K.tolist(), strict=True):
                metrics[name] = value
        return found

    def train(self) -> list[dict[str, float]]:
        """An epoch's steps; train_loss and grad_norm of each lane."""
        steps = self._steps()
        adjust = Adjust(self, wants_norm=self.pack._wants_norm)
        criterion = self._criterion()
        activity_K = self._column("activity_l1")
        has_extra = bool(activity_K.any()) or has_terms(self.lanes[0].module)
        training = self.engine.training(self.stack, self.rows_KP, self.buffers)
        lrs = [lane.config["lr"] for lane in self.lanes]
        changing = [
            (k, lane.rate) for k, lane in enumerate(self.lanes) if not lane.rate.is_constant
        ]
        before = [lane.done * len(self.pack.batch_sizes) for lane in self.lanes]
        losses, norms = [], []
        for number, (x_KBF, masks, *targets) in enumerate(self._batches()):
            for k, rate in changing:
                lrs[k] = rate.at(before[k] + number)
            extra = Watched() if has_extra else None
            output_KBC = training.forward(x_KBF, masks, extra)
            loss_K, plain_K = criterion(output_KBC, *targets)
            total = loss_K.sum()
            if extra and extra.activity:
                total = total + (activity_K / x_KBF.shape[1] * sum(extra.activity)).sum()
            if extra and extra.terms:
                total = total + torch.stack(extra.terms).sum()
            gradient_KP = training.backward(total)
            norm_K = adjust(gradient_KP) if adjust.does_something else None
            _take(steps, gradient_KP, lrs)
            losses.append(plain_K)
            if norm_K is not None:
                norms.append(norm_K)
        for first, end, _ in steps:
            for lane in self.lanes[first + 1 : end]:
                lane.stepper.follow(self.lanes[first].stepper)
        return self._trained(losses, norms, adjust)

    def _steps(self) -> list[tuple[int, int, Step]]:
        """(first lane, the one behind the last, step) of lanes side by side that step alike."""
        found, first, lanes = [], 0, self.lanes
        for place in range(1, len(lanes) + 1):
            if place == len(lanes) or not lanes[place].steps_like(lanes[first]):
                step = lanes[first].bind_step(self.stack.rows, place - first)
                found.append((first, place, step))
                first = place
        return found

    def _trained(
        self, losses: list[Tensor], norms: list[Tensor], adjust: Adjust
    ) -> list[dict[str, float]]:
        weights = torch.tensor(self.pack.batch_sizes, dtype=torch.float64)
        mean_K = weights @ torch.stack(losses).cpu().double() / weights.sum()
        found = [{"train_loss": value} for value in mean_K.tolist()]
        if norms:
            means = torch.stack(norms).double().mean(0).tolist()
            for metrics, value, is_known in zip(found, means, adjust.knows_norm, strict=True):
                if is_known:
                    metrics["grad_norm"] = value
        return found

    def _column(self, key: str) -> Tensor:
        """A hyperparameter of every lane, [K]; 0 where it is off."""
        values = [lane.config[key] or 0.0 for lane in self.lanes]
        return torch.tensor(values, dtype=self.dtype, device=self.device)

    def _criterion(self) -> Criterion:
        weight_KC = class_weight_rows(self.lanes, self.pack._classes, self.dtype)
        smoothing_K = self._column("label_smoothing")
        shaped = bool(smoothing_K.any()) or weight_KC is not None
        return make_criterion(
            self.pack._loss, smoothing_K if shaped else 0.0, weight_KC, self.pack._task
        )

    # -- what the lanes train on --------------------------------------------------------------

    def _batches(self) -> Iterable[tuple[Any, ...]]:
        """Inputs [K, B, …], masks, targets [K, B] and, if any, weights [K, B] of each step."""
        data, count = self.pack.data, self.count
        rows_KN = torch.from_numpy(data.orders(self.lanes)).to(self.device)
        generators = [lane.start_masks() for lane in self.lanes if lane.slots]
        changes = [(k, made) for k, lane in enumerate(self.lanes) if (made := lane.augmented())]
        values = count * max(1, self.lanes[0].data.x_train[0].numel())
        first = 0
        for size, steps in self._chunks():
            masks = self._masks(generators, steps, size)
            rows = rows_KN[:, first : first + steps * size].reshape(count, steps, size)
            rows_SKB = rows.transpose(0, 1)
            first += steps * size
            many = max(1, _GATHER // (values * size))
            for start in range(0, steps, many):
                part = rows_SKB[start : start + many]
                x, *others = data.take(self.lanes, part)
                for place in range(len(part)):
                    drawn = {key: mask[start + place] for key, mask in masks.items()}
                    for k, changed in changes:
                        x[place, k] = changed.apply(x[place, k])
                    yield x[place], drawn, *(each[place] for each in others)

    def _chunks(self) -> Iterable[tuple[int, int]]:
        """(rows of a batch, steps in a row that have it), few enough for their masks."""
        keys = {slot.key for lane in self.lanes for slot in lane.slots if slot.p != 0}
        sizes = self.pack.batch_sizes
        first = 0
        while first < len(sizes):
            size = sizes[first]
            shapes = (self.pack.engine.mask_shape(key, size) for key in keys)
            values = self.count * sum(int(np.prod(shape)) for shape in shapes)
            most = max(1, _MASKS // max(1, values))
            last = first
            while last < len(sizes) and sizes[last] == size and last - first < most:
                last += 1
            yield size, last - first
            first = last

    def _masks(
        self, generators: Sequence[np.random.Generator], steps: int, size: int
    ) -> dict[int, Tensor]:
        """For each dropout, [steps, K, …]; lanes without it have ones."""
        keys = sorted({slot.key for lane in self.lanes for slot in lane.slots if slot.p != 0})
        if not keys:
            return {}
        numpy_type = np.float64 if self.dtype == torch.float64 else np.float32
        masks: dict[int, Array] = {}
        for key in keys:
            shape = (steps, self.count, *self.pack.engine.mask_shape(key, size))
            masks[key] = self.pack.scratch(key, math.prod(shape), numpy_type).reshape(shape)
            masks[key].fill(1)
        drawing = iter(generators)
        for k, lane in enumerate(self.lanes):
            if lane.slots:
                mine = {key: mask[:, k] for key, mask in masks.items()}
                lane.draw_masks(next(drawing), steps, size, mine)
        return {
            key: torch.from_numpy(mask).to(self.device, self.dtype) for key, mask in masks.items()
        }

    # -- what they have learned ---------------------------------------------------------------

    @torch.no_grad()
    def _evaluate(self) -> dict[str, Tensor]:
        """Each metric of the present weights, [K]."""
        found: dict[str, Tensor] = {}
        for part in ("train", "val"):
            names = [n for n in self.pack._measured if n.startswith(f"{part}_")]
            if names:
                found |= self._evaluate_part(part, names)
        return found

    def _evaluate_part(self, part: str, names: Sequence[str]) -> dict[str, Tensor]:
        scores = scores_of(self.pack._task)
        found = {name: torch.empty(self.count, dtype=torch.float64) for name in names}
        for some in self.pack.data.parts(self.lanes, part):
            lanes = None if len(some.lanes) == self.count else some.lanes
            output_KNC = self.outputs(some.x, lanes)
            for each in some.scored:
                outputs = output_KNC[each.within]
                for name in names:
                    short = name.removeprefix(f"{part}_")
                    if short == "loss":
                        values_K = self.pack._loss_of(outputs, each.y)
                    else:
                        values_K = scores[short](outputs, each.y, each.scale)
                    found[name][each.lanes] = values_K.cpu().double()
                if part == "val":
                    self._keep_row_values(each, outputs)
        return found

    def _keep_row_values(self, of: Scored, outputs: Tensor) -> None:
        if self.pack.recipe.resampled is None:
            return
        given = outputs, of.y, self.pack._loss_of, of.scale
        values_KCN = row_values(self.pack.recipe.resampled, of.fold, *given)
        for k, values_CN in zip(of.lanes, values_KCN, strict=True):
            self.lanes[k].row_values = values_CN

    def outputs(self, x: Sequence[Features], lanes: list[int] | None = None) -> Tensor:
        """Evaluation outputs [K, N, C] of these lanes; None for all.

        Args:
            x: the rows of all of them, or of each.
        """
        engine, rows_KP, buffers = self.engine, self.rows_KP, self.buffers
        if lanes is not None:
            index = torch.tensor(lanes, device=self.device)
            rows_KP = rows_KP.index_select(0, index)
            buffers = {name: b.index_select(0, index) for name, b in buffers.items()}
            engine = self.pack.engine.bound([self.lanes[k] for k in lanes])
        views, size = self.stack.views(rows_KP), max(1, _EVALUATE // len(rows_KP))
        is_shared = len(x) == 1
        found = [
            engine.forward(
                views,
                buffers,
                parts[0] if is_shared else torch.stack(parts),
                {},
                is_training=False,
                is_shared=is_shared,
                extra=None,
            )
            for parts in zip(*(chunks(each, size) for each in x), strict=True)
        ]
        return found[0] if len(found) == 1 else torch.cat(found, 1)


class Adjust:
    """What is done to the lanes' gradients before their steps; see `optimizers`."""

    def __init__(self, epoch: Epoch, *, wants_norm: bool) -> None:
        lanes = epoch.lanes
        self.rows_KP = epoch.rows_KP

        def column(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=epoch.dtype, device=epoch.device).unsqueeze(1)

        l1 = [lane.config["l1"] or 0.0 for lane in lanes]
        clip = [lane.config["clip_norm"] for lane in lanes]
        value = [lane.config["clip_value"] for lane in lanes]
        l2 = [lane.stepper.l2_of_gradient for lane in lanes]
        self.knows_norm = [wants_norm or bool(each) for each in clip]
        self.does_something = any((*l1, *clip, *value, *l2, wants_norm))
        self.l1_K1 = column(l1) if any(l1) else None
        self.l2_K1 = column(l2) if any(l2) else None
        self.most_K1 = column([each or np.inf for each in clip]) if any(clip) else None
        self.value_K1 = column([each or np.inf for each in value]) if any(value) else None
        if self.l1_K1 is not None:
            self.weights_P = torch.zeros(self.rows_KP.shape[1], dtype=epoch.dtype)
            self.weights_P[weight_places(epoch.pack.shapes, epoch.pack.shapes)] = 1
            self.weights_P = self.weights_P.to(epoch.device)

    @torch.no_grad()
    def __call__(self, gradient_KP: Tensor) -> Tensor | None:
        """In place; the norms before clipping, [K], where some lane's is wanted."""
        norm_K = None
        if self.l1_K1 is not None:
            gradient_KP.addcmul_(self.rows_KP.sign() * self.weights_P, self.l1_K1)
        if any(self.knows_norm):
            norm_K = torch.linalg.vector_norm(gradient_KP, dim=1)
        if self.most_K1 is not None and norm_K is not None:
            share_K1 = (self.most_K1 / (norm_K.unsqueeze(1) + 1e-6)).clamp_max(1.0)
            gradient_KP.mul_(torch.where(self.most_K1.isinf(), 1.0, share_K1))
        if self.value_K1 is not None:
            gradient_KP.clamp_(-self.value_K1, self.value_K1)
        if self.l2_K1 is not None:
            gradient_KP.addcmul_(self.rows_KP, self.l2_K1)
        return norm_K


def _take(
    steps: Sequence[tuple[int, int, Step]], gradient_KP: Tensor, lrs: Sequence[float]
) -> None:
    with torch.no_grad():
        for first, end, step in steps:
            step(gradient_KP[first:end].reshape(-1), lrs[first])


def kind_of(lane: Lane) -> Hashable:
    """Equal for lanes that may sit in one pack, if there is room for their widths."""
    how: Any = lane.recording.key if lane.program is None and lane.recording else None
    if lane.program is not None:
        how = lane.program.ops
    return how, tuple(lane.batch_sizes)


def _room_for(lane: Lane) -> tuple[tuple[int, ...] | None, Shapes]:
    """Widths and shapes of a stack for this lane, and others a little wider."""
    program = lane.program
    if program is None:
        return None, lane.shapes
    widths = stack_widths(program)
    shapes = stack_shapes(program.ops, widths)
    if lane.stepper.divides_by_zero or _count(shapes) > SLACK * _count(lane.shapes):
        return program.widths, lane.shapes
    return widths, shapes


def _count(shapes: Shapes) -> int:
    return sum(int(np.prod(shape)) for shape in shapes)


def _padded_buffers(lane: Lane, widths: tuple[int, ...] | None) -> Mapping[str, Tensor]:
    """Buffers of the stack's widths, for their shapes and types."""
    like = lane.buffer_like
    if lane.program is None or widths is None:
        return like
    wide = dict(zip(lane.program.widths, widths, strict=True))
    return {
        name: torch.empty([wide[size] for size in b.shape], dtype=b.dtype)
        for name, b in like.items()
    }
