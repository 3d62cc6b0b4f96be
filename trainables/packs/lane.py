"""One replica as a lane: its initial values, streams, optimizer and state, in a pack or parked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from lanewise.trainables.checkpoints.weights import weights_of
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import CheckpointError, ModelError
from lanewise.trainables.metrics.losses import class_weights
from lanewise.trainables.optim.optimizer_type import Step
from lanewise.trainables.packs.pooling import own_pooling
from lanewise.trainables.packs.program import Program, compile_module
from lanewise.trainables.packs.recording import Recording, record
from lanewise.trainables.packs.recurrence import own_recurrence
from lanewise.trainables.packs.stack import BEST, PARAM, ROWS, Shapes, Values, places, sizes
from lanewise.trainables.packs.steps import STATE_ROWS, Stepper
from lanewise.trainables.packs.unstackable import check_stackable
from lanewise.trainables.training.augment import Augmented
from lanewise.trainables.training.batches import batch_sizes
from lanewise.trainables.training.epochs import augmented, epoch_rows
from lanewise.trainables.training.schedules import Rate, Span
from lanewise.trainables.training.streams import keep_threshold, normals_of, stream
from lanewise.trainables.training.unit import Unit

if TYPE_CHECKING:
    from lanewise.trainables.packs.pack import Pack


@dataclass(frozen=True)
class Slot:
    """A dropout or noise in the forward pass, in the order of their draws.

    key: what the engine knows it by; p: its rate, None for noise.
    shapes: of its mask or of the noise, by the size of the batch.
    """

    key: int
    p: float | None
    shapes: Mapping[int, tuple[int, ...]]

    @property
    def draws(self) -> bool:
        """Whether it needs random numbers."""
        return self.p is None or 0 < self.p < 1

    def words(self, size: int) -> int:
        """How many 64-bit words it draws for a batch of `size` rows."""
        count = math.prod(self.shapes[size])
        return (count + 1) // 2 if self.p is None else (count + 3) // 4

    def fill(self, words: Array, size: int, into: Array) -> None:
        """Fill `into[:, corner]` for some steps from their words [steps, words]."""
        shape = self.shapes[size]
        count, steps = math.prod(shape), len(words)
        corner = into[(slice(None), *(slice(length) for length in shape))]
        if self.p is None:
            corner[:] = normals_of(words)[:, :count].reshape(steps, *shape)
            return
        ours = words.view(np.uint16)[:, :count].reshape(steps, *shape)
        scale = corner.dtype.type(1 / (1 - self.p))
        np.multiply(ours >= keep_threshold(self.p), scale, out=corner)


class Owner(Protocol):
    """The trial that a lane belongs to."""

    def is_due(self, lane: Lane) -> bool:
        """Whether the lane has an epoch to train now."""
        ...

    def lane_trained(self, lane: Lane, found: dict[str, float], seconds: float) -> None:
        """An epoch of the lane is done; `found` are its metrics."""
        ...

    def lane_failed(self, lane: Lane, error: BaseException, *, is_displaced: bool) -> None:
        """The lane's epoch failed, through its own fault or, if displaced, its pack's."""
        ...


class Lane:
    """A replica that can be seated in a pack, parked and seated again, with nothing lost.

    Attributes:
        unit: what it is made of.
        program: what its module computes, if it is made of layers that programs know; otherwise
        recording: of a forward pass, by which modules are known to compute the same.
        obstacle: why it cannot be one, in a line; "" for none.
        done: epochs trained.
    """

    def __init__(self, unit: Unit) -> None:
        """Raises UnstackableError: it has to train alone."""
        recipe, info, data, config = unit.recipe, unit.info, unit.data, unit.config
        self.unit, self.seed, self.number, self.fold = unit, unit.seed, unit.number, unit.fold
        self.config, self.data = config, data
        built, self.draws = unit.module()
        self.module = module = own_pooling(own_recurrence(built))
        module.train()
        parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        if not parameters:
            raise ModelError("model", "the module has no parameter to train")
        check_stackable(module, unit.dtype)
        self.names = list(parameters)
        self.shapes: Shapes = tuple(tuple(p.shape) for p in parameters.values())
        self.frozen = {n: p for n, p in module.named_parameters() if not p.requires_grad}
        self.batch_sizes = batch_sizes(module, len(data.x_train), config["batch_size"])
        self.stepper = Stepper(config, torch.device(unit.device))
        self.rate = Rate(config, Span(len(self.batch_sizes), recipe.epochs))
        classes = len(info.classes or ())
        self.weight_C = class_weights(config["class_weight"], data.y_train, classes, unit.dtype)
        self.parked: Values | None = self._first_values(parameters, module, unit)
        self.has_best = False
        self.row_values: Array | None = None
        # Best weights of another architecture, from before it took over another trial's weights.
        self._earlier_best: dict[str, Tensor] = {}
        self.done = 0
        self.owner: Owner
        self.pack: Pack | None = None
        self.place = -1
        self.program: Program | None = None
        self.recording: Recording | None = None
        if not self.frozen:
            self.program = compile_module(module, info.input_shape)
        if self.program is not None and self.program.widths[-1] != info.outputs:
            self.program = None
        self.obstacle = ""
        if self.program is None:
            self._record(info.outputs)
        self.slots = self._slots()

    def _record(self, outputs: int) -> None:
        """What fails now fails when it trains alone, too, and then with its whole traceback."""
        parts = weights_of(self.module)
        try:
            x = self.data.x_train
            few = x[: max(self.batch_sizes)]
            self.recording = record(self.module, self.draws, few, set(self.batch_sizes))
        except Exception as error:
            self.obstacle = first_line(error)
            return
        after = weights_of(self.module)
        if parts.keys() != after.keys() or any(t.shape != after[n].shape for n, t in parts.items()):
            self.obstacle = "its forward pass changes what parameters or buffers it has"
        elif any(shape != (size, outputs) for size, shape in self.recording.output.items()):
            self.obstacle = "it does not return [batch, outputs]"

    def _first_values(
        self, parameters: Mapping[str, Tensor], module: nn.Module, unit: Unit
    ) -> Values:
        rows = torch.zeros(ROWS, sum(sizes(self.shapes)), dtype=unit.dtype, device=unit.device)
        torch.cat([p.detach().reshape(-1) for p in parameters.values()], out=rows[PARAM])
        if self.stepper.first:
            rows[PARAM + 1] = self.stepper.first
        buffers = {name: b.detach().clone() for name, b in module.named_buffers()}
        buffers |= {name: p.detach().clone() for name, p in self.frozen.items()}
        return Values(rows, buffers, {name: b.clone() for name, b in buffers.items()})

    def _slots(self) -> list[Slot]:
        if self.program is not None:
            widths, rates = self.program.widths, self.program.rates
            shapes = {
                place: {size: (size, widths[place]) for size in set(self.batch_sizes)}
                for place in rates
            }
            return [Slot(place, rates[place], shapes[place]) for place in sorted(rates)]
        if self.recording is None:
            return []
        return [
            Slot(number, p, {size: found[number] for size, found in self.recording.shapes.items()})
            for number, p in enumerate(self.recording.rates)
        ]

    @property
    def size(self) -> int:
        """Trainable parameters."""
        return sum(sizes(self.shapes))

    @property
    def buffer_like(self) -> dict[str, Tensor]:
        """Tensors with the true shapes of the buffers."""
        return dict(self.module.named_buffers()) | self.frozen

    def values(self) -> Values:
        """Everything of it, as it is now; not to be written to."""
        if self.pack is None:
            assert self.parked is not None
            return self.parked
        return self.pack.stack.read(self.place, self.shapes, self.buffer_like)

    def park(self) -> None:
        """Leave the pack with everything that training needs to go on."""
        if self.pack is not None:
            self.parked = self.values()
            self.pack.drop(self)

    def leave(self) -> None:
        """Leave the pack, and everything behind."""
        if self.pack is not None:
            self.pack.drop(self)

    # -- one epoch ----------------------------------------------------------------------------

    def order(self) -> Array:
        """Its training rows in the order of the epoch to come."""
        return epoch_rows(self.config, self.data, self.seed, self.number, self.done + 1)

    def augmented(self) -> Augmented | None:
        """What changes its inputs in the epoch to come."""
        return augmented(self.config, self.data, self.seed, self.number, self.done + 1)

    def start_masks(self) -> np.random.Generator:
        """The stream that the epoch's masks are drawn from."""
        return stream(self.seed, self.number, "dropout", self.done + 1)

    def draw_masks(
        self, generator: np.random.Generator, steps: int, size: int, into: Mapping[int, Array]
    ) -> None:
        """Fill `into[slot's key][:, corner]` for some steps with batches of `size` rows.

        The same numbers as `draws.Draws` draws, a step after the other.
        """
        drawn = [s for s in self.slots if s.draws and s.key in into]
        words = [s.words(size) for s in drawn]
        raw = generator.bit_generator.random_raw(steps * sum(words))
        numbers = np.asarray(raw, dtype=np.uint64).reshape(steps, -1)
        first = 0
        for slot, count in zip(drawn, words, strict=True):
            # A copy, since only whole rows can be read as other types.
            slot.fill(np.ascontiguousarray(numbers[:, first : first + count]), size, into[slot.key])
            first += count
        for slot in self.slots:
            if slot.p == 1 and slot.key in into:
                into[slot.key][:] = 0

    def epoch_done(self, found: dict[str, float], seconds: float) -> None:
        """Its pack has trained and measured it."""
        self.done += 1
        self.rate.epoch_ended(found["val_loss"])
        self.owner.lane_trained(self, found, seconds)

    # -- course.Keeper ------------------------------------------------------------------------

    def keep_best(self) -> None:
        self.has_best, self._earlier_best = True, {}
        if self.pack is not None:
            self.pack.stack.keep_best(self.place)

    def tensors(self) -> dict[str, Tensor]:
        """As `Replica.tensors`: a checkpoint is the same, however a trial was trained."""
        values = self.values()
        found = self._weights("now", values.rows[PARAM], values.buffers)
        found |= self._earlier_best
        if self.has_best:
            found |= self._weights("best", values.rows[BEST], values.best_buffers)
        if self.stepper.count:
            scalars = self.stepper.scalars()
            states = {n: values.rows[1 + row] for n, row in self.stepper.names().items()}
            parts = {n: self._parts(row) for n, row in states.items()}
            for number in range(len(self.names)):
                found |= {f"optimizer.{number}.{n}": part[number] for n, part in parts.items()}
                found |= {f"optimizer.{number}.{n}": t for n, t in scalars.items()}
        if self.rate.state():
            found["rate"] = torch.tensor(self.rate.state(), dtype=torch.float64)
        return found

    def restore(self, tensors: Mapping[str, Tensor], *, with_optimizer: bool) -> None:
        values = self.parked
        assert values is not None
        self._take_weights(tensors, "now", values.rows[PARAM], values.buffers)
        self._take_best({n: t for n, t in tensors.items() if n.startswith("best.")}, values)
        if with_optimizer:
            self._take_optimizer(tensors, values.rows[1 : 1 + STATE_ROWS])
        if "rate" in tensors:
            self.rate.restore(tensors["rate"].tolist())

    def _weights(
        self, prefix: str, row: Tensor, buffers: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        named = dict(zip(self.names, self._parts(row), strict=True))
        # In the module's own order, as Replica has them; what is frozen lies among the buffers.
        ordered = [n for n, _ in self.module.named_parameters()]
        found = {f"{prefix}.{n}": named[n] if n in named else buffers[n] for n in ordered}
        return found | {f"{prefix}.{n}": buffers[n] for n, _ in self.module.named_buffers()}

    def _parts(self, row_P: Tensor) -> list[Tensor]:
        split = torch.split(row_P, sizes(self.shapes))
        return [part.view(shape) for part, shape in zip(split, self.shapes, strict=True)]

    def _take_best(self, best: Mapping[str, Tensor], values: Values) -> None:
        own = self._weights("best", values.rows[BEST], values.best_buffers)
        self.has_best = {n: t.shape for n, t in best.items()} == {
            n: t.shape for n, t in own.items()
        }
        if self.has_best:
            self._take_weights(best, "best", values.rows[BEST], values.best_buffers)
        self._earlier_best = {} if self.has_best else dict(best)

    def _take_weights(
        self, tensors: Mapping[str, Tensor], prefix: str, row: Tensor, buffers: Mapping[str, Tensor]
    ) -> None:
        for name, home in self._weights(prefix, row, buffers).items():
            saved = tensors.get(name)
            if saved is None or saved.shape != home.shape:
                short = name.removeprefix(f"{prefix}.")
                shape = "nothing" if saved is None else f"{list(saved.shape)}"
                message = f"{short} is {list(home.shape)} in the model and {shape} in the file"
                raise CheckpointError(f"the checkpoint is of another model: {message}")
            home.copy_(saved)

    def _take_optimizer(self, tensors: Mapping[str, Tensor], rows: Tensor) -> None:
        scalars = {}
        for name, row in self.stepper.names().items():
            for number, home in enumerate(self._parts(rows[row])):
                saved = tensors.get(f"optimizer.{number}.{name}")
                if saved is not None:
                    home.copy_(saved)
        for name in self.stepper.registered.scalars:
            if f"optimizer.0.{name}" in tensors:
                scalars[name] = tensors[f"optimizer.0.{name}"]
        has_state = any(name.startswith("optimizer.") for name in tensors)
        self.stepper.restore(scalars, has_state)

    def steps_like(self, other: Lane) -> bool:
        """Whether both always take the same step, as replicas of one trial do: of one rate."""
        is_alike = self.config is other.config and self.stepper.count == other.stepper.count
        return is_alike and not self.rate.state()

    def bind_step(self, rows: Tensor, count: int = 1) -> Step:
        """What takes a step of its row in `rows` [ROWS, K, P], and of the `count - 1` behind it."""
        ours = rows[:, self.place : self.place + count].flatten(1)
        return self.stepper.bind(ours[PARAM], ours[1 : 1 + STATE_ROWS])


def first_line(error: BaseException) -> str:
    """An error in a line, for a note."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__


def weight_places(shapes: Shapes, within: Shapes) -> Tensor:
    """Where the weights proper lie (matrices and more, no biases); int64."""
    whole = places(shapes, within)
    numbers = torch.cat([torch.full((math.prod(s),), len(s) >= 2) for s in shapes])
    return whole[numbers]


def class_weight_rows(lanes: Sequence[Lane], classes: int, dtype: torch.dtype) -> Tensor | None:
    """Weights of each lane's classes [K, C]; None where no lane has any."""
    if all(lane.weight_C is None for lane in lanes):
        return None
    ones = torch.ones(classes, dtype=dtype, device=lanes[0].data.y_train.device)
    return torch.stack([ones if lane.weight_C is None else lane.weight_C for lane in lanes])
