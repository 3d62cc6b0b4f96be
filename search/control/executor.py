"""What the controller and an executor say to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lanewise.search.core.events import Failure, Metrics, Row
from lanewise.search.core.history import History
from lanewise.search.core.sweep import Run
from lanewise.search.selection.evaluated import Evaluated


@dataclass(frozen=True)
class Outcome:
    """What became of a running attempt since it was last heard of.

    Attributes:
        rows: new rows, in order.
        ended: the trial ended by itself (it needs no further epochs).
        failure: the attempt is over because of this; its worker is free again.
        notes: what a person should know, as topic -> text.
        evaluated: the validation rows of each new row's evaluation, where they are resampled.
    """

    number: int
    attempt: int
    rows: tuple[Row, ...] = ()
    ended: bool = False
    failure: Failure | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    evaluated: tuple[Evaluated, ...] = ()


@dataclass(frozen=True)
class Best:
    """The best trial of a sweep that is over, and what it reported at its best epoch."""

    number: int
    epoch: int
    metrics: Metrics


@dataclass(frozen=True)
class Start:
    """Begin this training, or go on with it from its checkpoint."""

    run: Run


@dataclass(frozen=True)
class Proceed:
    """The attempt trains on, up to epoch ``until``."""

    number: int
    until: int


@dataclass(frozen=True)
class Pause:
    """The attempt waits; its worker is free. It goes on with a Start, perhaps on another one."""

    number: int


@dataclass(frozen=True)
class Halt:
    """The attempt is over; its worker is free."""

    number: int


Order = Start | Proceed | Pause | Halt


class CheckpointStore(Protocol):
    """Keeps the checkpoints of trials that have ended within a limit."""

    def settle(self, history: History, numbers: list[int]) -> None:
        """Takes account of these trials, which have ended."""
        ...


class Executor(Protocol):
    """Runs attempts. After every outcome without failure it awaits an order for it."""

    name: str

    def open(self) -> None:
        """Gets ready; raises ClusterError where it cannot."""
        ...

    def poll(self, timeout: float) -> list[Outcome]:
        """What has happened; waits for it up to ``timeout`` seconds."""
        ...

    def room(self, orders: Sequence[Order]) -> int:
        """How many runs could be started behind these orders, which are to be sent with them."""
        ...

    def send(self, orders: Sequence[Order]) -> None:
        """Carries orders out; they are durable in the journal by now."""
        ...

    def notes(self) -> Mapping[str, str]:
        """What a person should know, as topic -> text: what is new since the last call."""
        ...

    def verify(self, best: Best) -> str:
        """Evaluates the stored best model where torch is; how it differs from what was reported.

        Returns:
            A sentence for people; "" where it does not, or where there is no model of ours.
        """
        ...

    def leave(self) -> None:
        """The sweep is being left: attempts are to be heard of soon, with a checkpoint each."""
        ...

    def close(self) -> None:
        """Ends everything that still runs and frees what was taken. May be called twice."""
        ...
