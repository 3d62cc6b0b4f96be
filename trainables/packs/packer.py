"""Finds each trial's replicas a place in a pack, or says why it has to train alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.packs import gain
from lanewise.trainables.packs.allocator import keep_freed_memory
from lanewise.trainables.packs.data import Data, OwnData, join_folds
from lanewise.trainables.packs.gain import Costs
from lanewise.trainables.packs.lane import Lane
from lanewise.trainables.packs.pack import Pack, kind_of
from lanewise.trainables.packs.packing import LEAST, no_gain
from lanewise.trainables.packs.probe import why_not
from lanewise.trainables.packs.stack import sizes
from lanewise.trainables.packs.unstackable import UnstackableError
from lanewise.trainables.training.model_trial import check_activations, pick_device, threads
from lanewise.trainables.training.progress import Course
from lanewise.trainables.training.protocol import Row, RowsByEpoch
from lanewise.trainables.training.tensors import FoldTensors, fold_tensors
from lanewise.trainables.training.unit import units

if TYPE_CHECKING:
    from lanewise.trainables.packs.pool import Pool
    from lanewise.trainables.recipe import Recipe

LANES = 64  # the most of a worker: with more, a sampler knows too little of what it asked for


class PackedTrial:
    """A trial whose replicas are lanes, in one pack or in several; see `pool.Member`.

    Args:
        replicas: its lanes, parked, in order.
    """

    alone = ""

    def __init__(
        self,
        course: Course,
        replicas: list[Lane],
        checkpoint: Path | None,
        adopt: Path | None = None,
    ) -> None:
        """Raises CheckpointError: open it again without the checkpoint."""
        self._course, self.replicas = course, replicas
        self.until = 0
        self.error: BaseException | None = None
        self.is_displaced = False
        self.seconds = 0.0
        self.lanes = len(replicas)
        self._found: dict[int, dict[str, float]] = {}
        if checkpoint is not None:
            course.restore(checkpoint, replicas, adopt)
        for lane in replicas:
            lane.owner = self
            lane.done = course.epoch

    @property
    def epoch(self) -> int:
        return self._course.epoch

    @property
    def rows(self) -> list[Row]:
        return self._course.rows

    @property
    def evaluated(self) -> RowsByEpoch:
        return self._course.evaluated

    @property
    def ended(self) -> bool:
        return self._course.is_out_of_patience

    # -- lane.Owner ---------------------------------------------------------------------------

    @property
    def goes_on(self) -> bool:
        return self.epoch < self.until and self.error is None and not self.ended

    def is_due(self, lane: Lane) -> bool:
        return self.goes_on and lane.done == self.epoch

    def lane_trained(self, lane: Lane, found: dict[str, float], seconds: float) -> None:
        self.seconds += seconds
        self._found[lane.number] = found
        if len(self._found) < len(self.replicas) or self.error is not None:
            return
        rows = [self._found[each.number] for each in self.replicas]
        self._found = {}
        try:
            self._course.end_epoch(rows, self.replicas)
        except Exception as error:
            self.error = error

    def lane_failed(self, lane: Lane, error: BaseException, *, is_displaced: bool) -> None:
        if self.error is None:
            self.error, self.is_displaced = error, is_displaced

    # -- what the pool's owner asks of it -----------------------------------------------------

    def save(self, path: Path) -> None:
        if self.error is not None:
            message = f"the trial failed in epoch {self.epoch + 1}"
            raise CheckpointError(f"{message}; its last checkpoint stands")
        # Lanes in several packs end an epoch one after the other: between, the weights are of none.
        if all(lane.done == self.epoch for lane in self.replicas):
            self._course.save(path, self.replicas)

    def rescue(self, path: Path) -> None:
        self._course.rescue(path, self.replicas)

    def close(self) -> None:
        for lane in self.replicas:
            lane.leave()
        self.replicas = []


class Turns:
    """A pack as a group of the pool."""

    def __init__(self, pool: Pool, pack: Pack) -> None:
        self.pool, self.pack = pool, pack

    def due(self) -> list[PackedTrial]:
        return list(dict.fromkeys(_owner(lane) for lane in self.pack.due()))

    def turn(self) -> list[PackedTrial]:
        before = {member: member.epoch for member in self.due()}
        with threads(self.pool.recipe.threads):
            self.pack.turn()
        # A trial with lanes in other packs, too, comes no further before they have.
        return [m for m, epoch in before.items() if m.epoch > epoch or m.error is not None]


def _owner(lane: Lane) -> PackedTrial:
    assert isinstance(lane.owner, PackedTrial)
    return lane.owner


class Packer:
    """The packs of one pool."""

    def __init__(self, pool: Pool) -> None:
        keep_freed_memory()
        self.pool, self.recipe = pool, pool.recipe
        self.device = pick_device(self.recipe.device)
        assert self.recipe.prepared is not None
        self._is_reshuffled = self.recipe.prepared.redraw is not None
        self._data: Data | None = None
        self._groups: list[Turns] = []
        self._verdicts: dict[Hashable, str] = {}  # why lanes of a kind do not pack; "" if they do
        self._costs: dict[Hashable, Costs] = {}
        self._room = LANES

    @property
    def lanes(self) -> int:
        """As many as there is memory for, and as pay: for each size of networks so many."""
        if not self._costs:
            return self._room
        return min(self._room, sum(costs.enough for costs in self._costs.values()))

    def open(
        self,
        given: Mapping[str, Any],
        seed: int,
        checkpoint: Path | None,
        adopt: Path | None = None,
    ) -> PackedTrial | str:
        """The trial in its packs; or why it does not pack.

        Raises:
            ConfigError, ModelError, CheckpointError: as `trial.open_trial`.
        """
        course = Course(self.recipe.of_trial(seed), given, seed)
        with threads(self.recipe.threads):
            try:
                lanes = self._lanes(course)
            except UnstackableError as error:
                return str(error)
            why = next((why for lane in lanes if (why := self._why_not(course, lane))), "")
            if why:
                return why
            room = gain.room_for(lanes[0], self.device, has_own_data=self._is_reshuffled)
            self._room = min(self._room, room)
            trial = PackedTrial(course, lanes, checkpoint, adopt)
            for lane in lanes:
                self._seat(lane)
        return trial

    def _lanes(self, course: Course) -> list[Lane]:
        """One for each replica, parked."""
        each = units(
            course.recipe,
            course.given,
            course.config,
            self._folds(course.recipe),
            self.device,
            course.seed,
        )
        lanes = [Lane(unit) for unit in each]
        check_activations(each[0], lanes[0].module)
        return lanes

    def _folds(self, recipe: Recipe) -> tuple[FoldTensors, ...]:
        assert recipe.prepared is not None
        return fold_tensors(recipe.prepared, self.device, recipe.dtype)

    def _why_not(self, course: Course, lane: Lane) -> str:
        """Why a lane does not pack, or should not; "" if it does."""
        if lane.obstacle:
            return lane.obstacle
        if course.config["precision"] != "float32":
            return f"its precision is {course.config['precision']}"
        kind = kind_of(lane)
        if kind not in self._verdicts:
            self._verdicts[kind] = "" if lane.program else why_not(lane)
        if self._verdicts[kind] or self.pool.force_packing:
            return self._verdicts[kind]
        found = self._cost(kind, course, lane).gain
        return no_gain(found) if found < LEAST else ""

    def _cost(self, kind: Hashable, course: Course, lane: Lane) -> Costs:
        """Of lanes of this kind and about this size."""
        size = sum(sizes(lane.shapes)).bit_length() // 2  # within a factor of four
        if (kind, size) not in self._costs:
            self._costs[kind, size] = gain.measure(lane.unit)
        return self._costs[kind, size]

    @property
    def gains(self) -> tuple[float, ...]:
        """What probes have measured."""
        return tuple(costs.gain for costs in self._costs.values())

    def _seat(self, lane: Lane) -> None:
        fitting = [group.pack for group in self._groups if group.pack.has_room_for(lane)]
        if fitting:
            min(fitting, key=lambda pack: sum(sizes(pack.shapes))).seat(lane)
            return
        for group in [group for group in self._groups if not group.pack.lanes]:
            self._groups.remove(group)
            self.pool.leave(group)
        if self._data is None:
            own = self._is_reshuffled
            self._data = OwnData() if own else join_folds(self._folds(self.recipe))
        pack = Pack(self.recipe, self._data, lane, self._refuse)
        group = Turns(self.pool, pack)
        self._groups.append(group)
        self.pool.join(group)
        pack.seat(lane)

    def _refuse(self, pack: Pack, why: str) -> None:
        self._verdicts[pack.key] = why
