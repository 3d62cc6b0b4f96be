"""Where checkpoints lie, and how they are kept within a limit: the best trials' longest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lanewise.cluster import snapshots
from lanewise.search.core.history import History


@dataclass(frozen=True)
class Storage:
    """Where an attempt's checkpoint lies, and how often it is written between rungs (seconds).

    Attributes:
        snapshots: whether each rung's is kept, for a scheduler that copies weights.
    """

    folder: str
    every: float
    snapshots: bool = False

    def path(self, number: int) -> Path:
        """A file, or a folder for a user's training function."""
        return Path(self.folder) / f"trial-{number:05d}"

    def snapshot(self, number: int, rung: int) -> Path:
        """The checkpoint as it was at a rung."""
        return Path(self.folder) / f"trial-{number:05d}@{rung}"

    def rescued(self, number: int) -> Path:
        """The best weights of an attempt that failed behind its last checkpoint."""
        return Path(self.folder) / f"trial-{number:05d}.best"

    def weights(self, number: int) -> tuple[Path, Path]:
        """Where a trial's best weights may be, the more recent first."""
        return self.rescued(number), self.path(number)

    def clock(self, number: int) -> Path:
        """Seconds of training that the checkpoint stands for."""
        return Path(self.folder) / f"trial-{number:05d}.seconds"

    def hung(self, number: int, attempt: int) -> Path:
        """Where an attempt's code was when it was ended for having hung."""
        return Path(self.folder) / f"trial-{number:05d}.hung-{attempt}"

    def note(self, worker: str) -> Path:
        """Which attempts a pack worker trains, and where it was when it was ended for a hang."""
        return Path(self.folder) / f"worker-{worker}.note"


class Checkpoints:
    """The checkpoints of one sweep on disk.

    Args:
        storage: where they lie.
        limit: bytes for all of them together. Those of open trials and of the best are never
            removed, whatever the limit, nor are snapshots that an open trial may still copy.
        trials: how many the sweep asks for; None for as many as it can.
    """

    def __init__(self, storage: Storage, limit: int, trials: int | None = None) -> None:
        self.storage = storage
        self.limit = limit
        self.trials = trials
        self._sizes: dict[int, int] = {}  # of ended trials
        self._is_new = True

    def settle(self, history: History, numbers: list[int]) -> None:
        """Takes account of trials that have ended, and removes the worst ones' beyond the limit.

        The first time, also of those that ended in earlier sessions. No snapshot outlives its
        sweep.
        """
        if self._is_new:
            numbers = [trial.number for trial in history if not trial.is_open]
            self._is_new = False
        for number in numbers:
            paths = self.storage.path(number), self.storage.rescued(number)
            self._sizes[number] = sum(map(_size, paths))
        left = self.limit - self._settle_snapshots(history)
        if sum(self._sizes.values()) <= left:
            return
        ranks = {trial.number: rank for rank, trial in enumerate(history.ranked())}
        worst_first = sorted(self._sizes, key=lambda n: ranks.get(n, len(ranks) + n), reverse=True)
        for number in worst_first:
            if sum(self._sizes.values()) <= left:
                break
            if ranks.get(number) != 0 and not history.trials[number].is_open:
                self._remove(number)

    def _settle_snapshots(self, history: History) -> int:
        """Removes what nobody will copy, where there is too much of it; the bytes of the rest.

        Beyond the limit those of rungs that every open trial has left for the next one, the
        lowest rungs first, provided that no trial is to begin.
        """
        if not self.storage.snapshots:
            return 0
        if history.closed is not None:
            snapshots.remove_all(Path(self.storage.folder))
            return 0
        sizes = {path: _size(path) for path in snapshots.all_in(Path(self.storage.folder))}
        ended = sum(self._sizes.values())
        for path in list(sizes):
            is_too_much = ended + sum(sizes.values()) > self.limit
            if is_too_much and self._is_left_behind(path, history):
                snapshots.remove(path)
                del sizes[path]
        return sum(sizes.values())

    def _is_left_behind(self, path: Path, history: History) -> bool:
        if self.trials is None or len(history) < self.trials:
            return False
        # Until its next rung a trial may have to take over once more what it took over at this one.
        return all(t.rung > snapshots.rung_of(path) for t in history if t.is_open)

    def _remove(self, number: int) -> None:
        snapshots.remove(self.storage.path(number))
        self.storage.rescued(number).unlink(missing_ok=True)
        self.storage.clock(number).unlink(missing_ok=True)
        del self._sizes[number]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else 0
