"""Where checkpoints lie, and how they are kept within a limit: the best trials' longest."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lanewise.search.core.history import History


@dataclass(frozen=True)
class Storage:
    """Where an attempt's checkpoint lies, and how often it is written between rungs (seconds)."""

    folder: str
    every: float

    def path(self, number: int) -> Path:
        """A file, or a folder for a user's training function."""
        return Path(self.folder) / f"trial-{number:05d}"

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
            removed, whatever the limit.
    """

    def __init__(self, storage: Storage, limit: int) -> None:
        self.storage = storage
        self.limit = limit
        self._sizes: dict[int, int] = {}  # of ended trials
        self._is_new = True

    def settle(self, history: History, numbers: list[int]) -> None:
        """Takes account of trials that have ended, and removes the worst ones' beyond the limit.

        The first time, also of those that ended in earlier sessions.
        """
        if self._is_new:
            numbers = [trial.number for trial in history if not trial.is_open]
            self._is_new = False
        for number in numbers:
            paths = self.storage.path(number), self.storage.rescued(number)
            self._sizes[number] = sum(map(_size, paths))
        if sum(self._sizes.values()) <= self.limit:
            return
        ranks = {trial.number: rank for rank, trial in enumerate(history.ranked())}
        worst_first = sorted(self._sizes, key=lambda n: ranks.get(n, len(ranks) + n), reverse=True)
        for number in worst_first:
            if sum(self._sizes.values()) <= self.limit:
                break
            if ranks.get(number) != 0 and not history.trials[number].is_open:
                self._remove(number)

    def _remove(self, number: int) -> None:
        path = self.storage.path(number)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        self.storage.rescued(number).unlink(missing_ok=True)
        self.storage.clock(number).unlink(missing_ok=True)
        del self._sizes[number]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else 0
