"""What a trial is to whoever runs it. No torch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from lanewise.trainables.errors import CheckpointError

Row = tuple[int, dict[str, float]]
RowsByEpoch = dict[int, tuple[int, bytes]]  # epoch → (parameters of the model, values of rows)
Inside = Callable[[], AbstractContextManager[object]]


class Trial(Protocol):
    """One configuration in training.

    epoch: epochs done; rows: (epoch, metrics) of each, both with what a checkpoint restored.
    evaluated: of epochs that nobody has asked about yet, what they gave for validation rows.
    """

    @property
    def epoch(self) -> int: ...

    @property
    def rows(self) -> list[Row]: ...

    @property
    def evaluated(self) -> RowsByEpoch: ...

    def advance(self, until: int, seconds: float | None = None) -> bool:
        """Train up to epoch `until`, or to the first epoch's end after about `seconds`.

        Returns:
            Whether the trial has ended by itself: by patience, or its function returned.
        """
        ...

    def save(self, path: Path) -> None:
        """Write a checkpoint at `path` (a file or a folder), atomically."""
        ...

    def rescue(self, path: Path) -> None:
        """Write the best weights so far of a trial that has failed inside an epoch.

        They can be loaded as a trained model, and not be trained on. Nothing for a function.
        """
        ...

    def close(self) -> None:
        """Let go of everything; a user's function is stopped at its next report."""
        ...


def check_adopt(checkpoint: Path | None, adopt: Path | None) -> None:
    """Raise CheckpointError for a trial that would take over weights without rows of its own."""
    if adopt is not None and checkpoint is None:
        raise CheckpointError(f"{adopt} can only be taken over beside a checkpoint of its own")
