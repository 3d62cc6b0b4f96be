"""Training many configurations in this process, their folds side by side as lanes of packs.

No Ray, no journal, and nothing on disk but for a moment: whoever calls waits for the end.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanewise.trainables.packs.pool import Member, Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.protocol import Row

if TYPE_CHECKING:
    from lanewise.search.core.sweep import Run
    from lanewise.trainables.checkpoints.trained import TrainedModel

Judge = Callable[["TrainedModel"], tuple[list[dict[str, float]], float]]


@dataclass(frozen=True)
class Trained:
    """What became of a configuration.

    rows: (epoch, metrics); seconds: of its training, a lane's share of its pack's.
    scores: of each fold, by scorers' names, and the seconds that they took; empty without one.
    """

    number: int
    rows: list[Row]
    seconds: float = 0.0
    error: Exception | None = None
    scores: list[dict[str, float]] = field(default_factory=list)
    scored_in: float = 0.0


def train(recipe: Recipe, runs: Sequence[Run], judge: Judge | None) -> list[Trained]:
    """Trains each to its last epoch, in the order given as far as there are lanes.

    Args:
        judge: scores the best weights of each.
    """
    return train_or_leave(recipe, runs, judge, math.inf)[0]


def train_or_leave(
    recipe: Recipe, runs: Sequence[Run], judge: Judge | None, seconds: float
) -> tuple[list[Trained], list[Run]]:
    """As ``train``, but gives up where it would take long.

    Args:
        seconds: of CPU time, after which the rest must be done in twice as many.

    Returns:
        What was trained, and the runs that were not.
    """
    began = time.process_time()
    # Packed in any case: a probe of speed would let the result depend on what else is running.
    pool, waiting, found = Pool(recipe, force_packing=True), deque(runs), []
    seated: dict[int, tuple[Run, Member]] = {}
    while waiting or seated:
        while waiting and (not seated or _has_room(pool, [m for _, m in seated.values()])):
            run = waiting.popleft()
            try:
                member = pool.open(run.params, run.seed)
            except Exception as error:
                found.append(Trained(run.number, [], error=error))
                continue
            member.until = run.until
            seated[id(member)] = run, member
        spent = time.process_time() - began
        if spent > seconds:
            done = sum(len(each.rows) for each in found) + sum(m.epoch for _, m in seated.values())
            if spent * (len(runs) * runs[0].until - done) > 2 * seconds * done:
                return found, [run for run, _ in seated.values()] + list(waiting)
            seconds = math.inf
        for member in pool.turn():
            run, _ = seated[id(member)]
            if member.error is None and not member.ended and member.epoch < member.until:
                continue
            del seated[id(member)]
            if member.is_displaced:
                waiting.append(run)  # the pool trains it alone from now on
            else:
                found.append(_trained(run, member, recipe, judge))
            member.close()
    return found, []


def _has_room(pool: Pool, members: Sequence[Member]) -> bool:
    taken = sum(member.lanes for member in members)
    return taken + max(member.lanes for member in members) <= pool.lanes


def _trained(run: Run, member: Member, recipe: Recipe, judge: Judge | None) -> Trained:
    if isinstance(member.error, Exception):
        return Trained(run.number, member.rows, member.seconds, member.error)
    if member.error is not None:
        raise member.error
    scored: dict[str, Any] = {}
    if judge is not None:
        try:
            scores, seconds = judge(_best(member, recipe))
            scored = {"scores": scores, "scored_in": seconds}
        except Exception as error:
            scored = {"error": error}
    return Trained(run.number, member.rows, member.seconds, **scored)


def _best(member: Member, recipe: Recipe) -> TrainedModel:
    """With the weights of the best epoch, a module for each fold."""
    from lanewise.trainables.checkpoints.trained import TrainedModel

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial"
        member.save(path)
        return TrainedModel.load(path, recipe)
