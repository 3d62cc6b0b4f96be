"""A sweep's evaluations on their way into the estimate: folded as they come, kept where needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lanewise.search.core.events import Estimated
from lanewise.search.core.history import History
from lanewise.search.selection.estimate import corrected, tied
from lanewise.search.selection.evaluated import Evaluated
from lanewise.search.selection.sample import Array, Sample
from lanewise.search.selection.stream import Evaluation, Stream

FOLD = 256  # evaluations that are folded together while the sweep runs
WHOLE = 0.9  # of all evaluations: with fewer, the selection is not what it was


class Store(Protocol):
    """What is needed of a journal: see ``store.evaluations``."""

    def evaluations(self, sweep: str, *, folded: bool) -> list[Evaluated]: ...

    def stored_stream(self, sweep: str) -> tuple[Mapping[str, Any], bytes] | None: ...

    def fold(
        self,
        sweep: str,
        stream: tuple[Mapping[str, Any], bytes],
        keep: Sequence[tuple[int, int]],
        drop: Sequence[tuple[int, int]],
    ) -> None: ...


class Selection:
    """The stream of one sweep and the evaluations of its store.

    Each trial's best evaluation stays there, for the ties; the others go when they are folded.
    """

    def __init__(self, sample: Sample, store: Store, sweep: str) -> None:
        self.sample, self._store, self._sweep = sample, store, sweep
        self._pending: list[Evaluated] = []  # stored, and not folded
        self._stream: Stream | None = None
        self._kept: dict[int, int] = {}  # trial -> the epoch of its evaluation that stays

    def take(self, evaluated: Sequence[Evaluated]) -> None:
        """Takes evaluations in that have just been stored."""
        if self._stream is not None:
            self._pending += evaluated

    def fold(self, history: History, least: int = FOLD) -> None:
        """Folds what is pending, if it is so much; ``history`` says which evaluations stay."""
        stream = self._opened()
        if len(self._pending) < least:
            return
        pending, self._pending = self._pending, []
        stream.take(
            [
                Evaluation(each.number, each.epoch, values)
                for each in pending
                if (values := self._values(each)) is not None
            ]
        )
        keep, drop = [], []
        for each in pending:
            best, before = history.trials[each.number].best, self._kept.get(each.number)
            if best is None or best[0] != each.epoch:
                drop.append((each.number, each.epoch))
                continue
            if before is not None:
                drop.append((each.number, before))
            keep.append((each.number, each.epoch))
            self._kept[each.number] = each.epoch
        self._store.fold(self._sweep, stream.dump(), keep, drop)

    def _values(self, each: Evaluated) -> Array | None:
        """None for one of other rows: another release chose them."""
        try:
            return self.sample.decode(each.body)
        except ValueError:
            return None

    def _opened(self) -> Stream:
        """The stream as it was stored, and what was stored since: at the first look."""
        if self._stream is None:
            self._stream = Stream(self.sample)
            stored = self._store.stored_stream(self._sweep)
            if stored is not None:
                self._stream.load(*stored)  # of other rows: what it had counts as missing
            folded = self._store.evaluations(self._sweep, folded=True)
            self._kept = {each.number: each.epoch for each in folded}
            self._pending = self._store.evaluations(self._sweep, folded=False)
        return self._stream

    def estimate(self, history: History) -> Estimated | str:
        """What the best trial's value is worth; or why that cannot be said, in some words."""
        self.fold(history, 1)
        stream, best = self._opened(), history.best
        if best is None or best.best is None:
            return "no trial has reported a usable value"
        reported = sum(len(trial.rows) for trial in history)
        epoch, value = best.best
        if stream.count < WHOLE * reported or self._kept.get(best.number) != epoch:
            missing = reported - stream.count
            return f"the validation rows of {missing} of {reported} evaluations were not kept"
        found = corrected(stream, value)
        if found is None:
            return f"{stream.sample.rows} validation rows are too few, or too few groups of rows"
        kept = self._store.evaluations(self._sweep, folded=True)
        sizes = {each.number: each.size for each in kept}
        alike = tied(
            stream,
            best.number,
            {each.number: v for each in kept if (v := self._values(each)) is not None},
            {trial.number: trial.best[1] for trial in history if trial.best},
        )
        return Estimated(
            best=best.number,
            score=found.score,
            low=found.low,
            high=found.high,
            tied=alike,
            sizes=tuple(sizes[number] for number in (best.number, *alike)),
        )
