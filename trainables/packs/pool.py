"""All trials of one worker process, an epoch at a time: packs of lanes, and trials alone.

The pool decides nothing about trials: whoever owns it opens them, says up to which epoch each may
train, and takes note of what `turn` returns.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lanewise.trainables.config import check, check_together
from lanewise.trainables.models import MODELS
from lanewise.trainables.packs.packing import Packing, no_gain, together
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.protocol import Inside, Row, RowsByEpoch, Trial, check_adopt
from lanewise.trainables.trial import open_trial

if TYPE_CHECKING:
    from lanewise.trainables.packs.packer import Packer


class Member(Protocol):
    """One trial in the pool.

    Attributes:
        epoch: epochs done; rows: (epoch, metrics) of each, both with what a checkpoint restored.
        evaluated: as `protocol.Trial`'s.
        until: it is trained while `epoch < until`; 0 at first, set by the pool's owner.
        ended: by itself, by patience or because its function returned; it is not trained any more.
        error: what an epoch of it raised; it is not trained any more.
        is_displaced: `error` is not the trial's own: its pack broke. From its last checkpoint it
            will train alone.
        seconds: that it has trained here; a lane counts for its share of its pack's time.
        alone: why it does not train as a lane, in one line; "" for a lane.
        lanes: how many places it takes: its replicas; one for a trial alone.
    """

    until: int

    @property
    def epoch(self) -> int: ...

    @property
    def rows(self) -> list[Row]: ...

    @property
    def evaluated(self) -> RowsByEpoch: ...

    @property
    def ended(self) -> bool: ...

    @property
    def error(self) -> BaseException | None: ...

    @property
    def is_displaced(self) -> bool: ...

    @property
    def seconds(self) -> float: ...

    @property
    def alone(self) -> str: ...

    @property
    def lanes(self) -> int: ...

    def save(self, path: Path) -> None:
        """Write a checkpoint at `path` (a file or a folder), atomically.

        Where a part of its replicas has one more epoch behind it, the last checkpoint stands.

        Raises:
            CheckpointError: it has failed inside an epoch.
        """
        ...

    def rescue(self, path: Path) -> None:
        """As `trial.Trial.rescue`."""
        ...

    def close(self) -> None:
        """Leave the pool and let go of everything."""
        ...


class Group(Protocol):
    """What trains together in a turn."""

    def due(self) -> Sequence[Member]:
        """Its members with an epoch to train."""
        ...

    def turn(self) -> Sequence[Member]:
        """Train one epoch of those; errors are left in them, never raised."""
        ...


class Pool:
    """The trials of one worker process.

    Args:
        recipe: what they share.
        lanes: the most places for lanes; fewer where there is no memory or no gain.
        force_packing: even where a probe finds that lanes train no faster than alone.

    Attributes:
        packing: whether its trials train in packs, and why not.
    """

    def __init__(
        self, recipe: Recipe, lanes: int | None = None, *, force_packing: bool = False
    ) -> None:
        self.recipe = recipe
        self.force_packing = force_packing
        self.packing = Packing()
        self._most = lanes
        self._groups: list[Group] = []  # the one whose turn it is comes first
        self._packer: Packer | None = None
        self._packs = False  # the last trial that was opened

    @property
    def lanes(self) -> int:
        """Places for replicas at once. One trial after the other until some train in packs."""
        if not self._packs or self._packer is None:
            return 1
        return min(self._packer.lanes, self._most or self._packer.lanes)

    def open(
        self,
        config: Mapping[str, Any],
        seed: int,
        checkpoint: Path | None = None,
        inside: Inside = nullcontext,
        adopt: Path | None = None,
    ) -> Member:
        """A trial, new or continued from a checkpoint, as `trial.open_trial` opens it."""
        check_adopt(checkpoint, adopt)
        if self.recipe.train is not None:
            why = "a training function of your own"
        else:
            made = self._open_lanes(config, seed, checkpoint, adopt)
            self._packs = not isinstance(made, str)
            gains = self._packer.gains if self._packer else ()
            lanes = max(self.packing.lanes, self.lanes if self._packs else 0)
            self.packing = replace(self.packing, lanes=lanes, gains=gains)
            if not isinstance(made, str):
                return made
            why = made
            if why not in map(no_gain, gains):
                self.packing = together([self.packing, Packing(alone=(why,))])
        trial = open_trial(self.recipe, config, seed, checkpoint, inside, adopt)
        alone = Alone(self, trial, why)
        self._groups.append(alone)
        return alone

    def _open_lanes(
        self,
        config: Mapping[str, Any],
        seed: int,
        checkpoint: Path | None,
        adopt: Path | None,
    ) -> Member | str:
        merged = {**self.recipe.fixed, **config}
        check(self.recipe.model, merged)
        check_together(self.recipe.model, merged)
        if self.recipe.model in MODELS and (why := MODELS[self.recipe.model].alone):
            return why
        if self._packer is None:
            from lanewise.trainables.packs.packer import Packer  # imports torch

            self._packer = Packer(self)
        return self._packer.open(merged, seed, checkpoint, adopt)

    def due(self) -> Sequence[Member]:
        """Those whose epoch the next turn trains; none when there is nothing to do."""
        return next((due for group in self._groups if (due := group.due())), ())

    def turn(self) -> Sequence[Member]:
        """Train one epoch of one group; those that came further, ended or failed."""
        for place, group in enumerate(self._groups):
            if group.due():
                self._groups = [*self._groups[place + 1 :], *self._groups[: place + 1]]
                return group.turn()
        return ()

    def join(self, group: Group) -> None:
        """One more group, whose turn comes after the others'."""
        self._groups.append(group)

    def leave(self, group: Group) -> None:
        """The group has no members any more."""
        self._groups.remove(group)


class Alone:
    """A member and a group of itself: what does not pack, or gains nothing by it."""

    def __init__(self, pool: Pool, trial: Trial, why: str) -> None:
        self._pool, self._trial = pool, trial
        self.alone, self.lanes, self.is_displaced = why, 1, False
        self.until = 0
        self.ended = False
        self.error: BaseException | None = None
        self.seconds = 0.0

    @property
    def epoch(self) -> int:
        return self._trial.epoch

    @property
    def rows(self) -> list[Row]:
        return self._trial.rows

    @property
    def evaluated(self) -> RowsByEpoch:
        return self._trial.evaluated

    def due(self) -> Sequence[Member]:
        has_more = self.epoch < self.until and not self.ended and self.error is None
        return (self,) if has_more else ()

    def turn(self) -> Sequence[Member]:
        began = time.monotonic()
        try:
            self.ended = self._trial.advance(self.until, 0.0)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.error = error
        self.seconds += time.monotonic() - began
        return (self,)

    def save(self, path: Path) -> None:
        self._trial.save(path)

    def rescue(self, path: Path) -> None:
        self._trial.rescue(path)

    def close(self) -> None:
        self._trial.close()
        self._pool.leave(self)
