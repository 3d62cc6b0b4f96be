"""Many attempts in one process, as lanes of packs: what a packed executor's worker does.

No Ray here: ``pack_actor`` carries orders in and outcomes out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from lanewise.cluster.attempt import Attempt
from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.limits import NO_LIMITS, Limits, PackAlarm
from lanewise.cluster.surroundings import around, enter
from lanewise.cluster.worker import SLICE, verify
from lanewise.search.control.executor import Best, Halt, Order, Outcome, Pause, Proceed, Start
from lanewise.search.core.sweep import Run
from lanewise.trainables.packs.packing import Packing
from lanewise.trainables.packs.pool import Member, Pool


@dataclass(frozen=True)
class StartIsolated(Start):
    """Begin an attempt whose trial may have been the end of its last workers, in turns of its own.

    If it is, the note names it alone, and its neighbours do not pay for it.
    """


@dataclass
class _Seat:
    """An attempt in a pool."""

    attempt: Attempt
    member: Member
    pool: Pool
    heard_at: float = field(default_factory=time.monotonic)
    seconds: float = 0.0  # of the member's, as far as they are counted


class PackWorker:
    """Trains the attempts that it is ordered to, a turn of one pack at a time.

    Attributes:
        notes: what a person should know besides ``packing``, as topic -> text.

    Args:
        pool: of all but those who train apart.
        limits: a trial over its time fails with kind ``timeout``. A turn over an epoch's time, for
            each of those that it trains, ends this whole process and leaves where it was in
            ``note``.
        note: which attempts train; by default one beside the checkpoints.
        apart: makes a pool for one trial; without it, all share one.
    """

    def __init__(
        self,
        pool: Pool,
        storage: Storage,
        limits: Limits = NO_LIMITS,
        note: Path | None = None,
        apart: Callable[[], Pool] | None = None,
    ) -> None:
        self.notes: dict[str, str] = {}
        self._pool = pool
        self._apart = apart or (lambda: pool)
        self._pools = [pool]  # the one whose turn it is comes first
        self._storage = storage
        self._limits = limits
        self._alarm = PackAlarm(note or storage.note("alone"))
        self._seats: dict[int, _Seat] = {}

    @property
    def lanes(self) -> int:
        """How many there are places for at once."""
        return self._pool.lanes

    @property
    def packing(self) -> Packing:
        """Whether trials train in packs here, and why not."""
        return self._pool.packing

    @property
    def is_idle(self) -> bool:
        """Whether only an order can give it something to do."""
        return not any(pool.due() for pool in self._pools)

    def obey(self, orders: Sequence[Order]) -> list[Outcome]:
        """Carries orders out, in their order; what there is to say of attempts at once."""
        said = []
        for order in orders:
            match order:
                case Start(run):
                    pool = self._apart() if isinstance(order, StartIsolated) else self._pool
                    said += self._start(run, pool)
                case Proceed(number, until):
                    if number in self._seats:
                        self._seats[number].member.until = until
                case Halt(number) | Pause(number):
                    self._drop(number)
        return said

    def _start(self, run: Run, pool: Pool) -> list[Outcome]:
        self._drop(run.number)
        # At each attempt: the code of another one may have gone elsewhere.
        if note := enter(pool.recipe.folder):
            self.notes["folder"] = note
        attempt = Attempt(run, self._storage, self._limits)
        try:
            with self._alarm.around([_name(attempt)], self._limits.epoch), self._inside(run):
                member = attempt.open(
                    lambda path, adopt: pool.open(
                        run.params, run.seed, path, lambda: self._inside(run), adopt
                    )
                )
        except Exception as error:
            return [attempt.failed(error)]
        member.until = run.until
        seat = self._seats[run.number] = _Seat(attempt, member, pool)
        if pool not in self._pools:
            self._pools.append(pool)
        # From a checkpoint it may have all that it was to train, without having been heard of.
        return [self._report(seat, due=False)] if member.epoch >= run.until else []

    def turn(self) -> list[Outcome]:
        """Trains one turn of a pool, if any is due; what there is to say of attempts."""
        pool = next((pool for pool in self._pools if pool.due()), None)
        if pool is None:
            return []
        self._pools.remove(pool)
        self._pools.append(pool)
        due = pool.due()
        seats = {id(seat.member): seat for seat in self._seats.values()}
        who = [_name(seats[id(member)].attempt) for member in due]
        limit = self._limits.epoch
        run = seats[id(due[0])].attempt.run if len(due) == 1 else None
        with (
            self._alarm.around(who, None if limit is None else limit * len(due)),
            self._inside(run),
        ):
            trained = pool.turn()
        return [said for m in trained if (said := self._look_at(seats[id(m)])) is not None]

    def _look_at(self, seat: _Seat) -> Outcome | None:
        attempt, member = seat.attempt, seat.member
        attempt.spend(member.seconds - seat.seconds)
        seat.seconds = member.seconds
        if member.error is not None:
            said = attempt.failed(member.error, "preempted" if member.is_displaced else None)
            self._drop(said.number)
            return said
        is_due = member.ended or member.epoch >= member.until
        if is_due or not attempt.seconds_left or time.monotonic() - seat.heard_at >= SLICE:
            return self._report(seat, due=is_due)
        return None

    def _report(self, seat: _Seat, *, due: bool) -> Outcome:
        said = seat.attempt.report(due=due, ended=seat.member.ended)
        seat.heard_at = time.monotonic()
        if said.failure:
            self._drop(said.number)
        return said

    def verify(self, best: Best) -> str:
        """See ``Executor.verify``."""
        return verify(self._pool.recipe, self._storage, best)

    def leave(self) -> list[Outcome]:
        """Those who train are heard of now, with a checkpoint, and train no further."""
        seats = self._seats.values()
        training = [seat for seat in seats if seat.member.epoch < seat.member.until]
        for seat in training:
            seat.member.until = 0
        return [self._report(seat, due=seat.member.epoch > 0) for seat in training]

    def close(self) -> None:
        """Drops everything."""
        for number in list(self._seats):
            self._drop(number)
        self._alarm.close()

    def _inside(self, run: Run | None) -> AbstractContextManager[object]:
        return around(self._pool.recipe, run)

    def _drop(self, number: int) -> None:
        seat = self._seats.pop(number, None)
        if seat is not None:
            seat.attempt.close()
            if seat.pool is not self._pool:
                self._pools.remove(seat.pool)


def _name(attempt: Attempt) -> str:
    return f"{attempt.run.number}-{attempt.run.attempt}"
