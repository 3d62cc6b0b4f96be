"""How full the lanes of a sweep were, from the times of its journal's records.

A trial occupies a lane from the record that asks for it (or for another attempt) to the record
with which this attempt ends; one that waits for a decision counts. The capacity is the most that
were occupied at once up to the last ask, or what a note on `lanes` states ("64 lanes"), if that is
more; what lasts for less than a millisecond belongs to one commit and is no level. The span runs
from the first fill, the first moment with the most lanes occupied, to the last ask: before it the
workers are starting, after it the sweep runs dry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lanewise.search.core.events import (
    Asked,
    Closed,
    Completed,
    Event,
    Failed,
    Interrupted,
    Lost,
    Noted,
    Reported,
    Rerun,
    Stop,
)
from lanewise.search.store.journal import Record

TOPIC = "lanes"
_ONE_COMMIT = 0.001


@dataclass(frozen=True)
class Occupancy:
    """share: occupied lane-seconds over capacity × span, at most 1.

    with_filling: the same from the first ask on, so that a slow or late fill shows.
    capacity: in lanes; stated: by the executor, not just seen.
    filled, last_ask: seconds since the first ask.
    notes: what the workers say of their lanes themselves.
    """

    share: float
    with_filling: float
    capacity: int
    stated: bool
    filled: float
    last_ask: float
    notes: tuple[str, ...]


def occupancy(records: Sequence[Record]) -> Occupancy | None:
    """None where the lanes were never refilled: every ask came with the first fill."""
    asks = [record.at for record in records if isinstance(record.event, Asked)]
    if not asks:
        return None
    notes = [r.event.text for r in records if isinstance(r.event, Noted) and r.event.topic == TOPIC]
    levels = [(at, level) for at, level in _levels(records) if at <= asks[-1]]
    most = max(level for _, level in levels)
    stated = _stated(notes)
    filled = next(at for at, level in levels if level == most)
    if filled >= asks[-1]:
        return None
    capacity = max(stated, most)

    def share(since: float) -> float:
        steps = [*((max(at, since), level) for at, level in levels), (asks[-1], 0)]
        taken = sum(level * (end - at) for (at, level), (end, _) in pairwise(steps))
        return taken / (capacity * (asks[-1] - since))

    return Occupancy(
        share=share(filled),
        with_filling=share(asks[0]),
        capacity=capacity,
        stated=stated >= most,
        filled=filled - asks[0],
        last_ask=asks[-1] - asks[0],
        notes=tuple(notes),
    )


def _levels(records: Iterable[Record]) -> list[tuple[float, int]]:
    """(from when on, lanes occupied), commit by commit."""
    running: set[int] = set()
    levels: list[tuple[float, int]] = [(0.0, 0)]
    last = 0.0
    for record in records:
        _take(record.event, running)
        if record.at - last < _ONE_COMMIT:
            levels[-1] = (levels[-1][0], len(running))
        else:
            levels.append((record.at, len(running)))
        last = record.at
    return levels


def _take(event: Event, running: set[int]) -> None:
    match event:
        case Asked(number=number) | Rerun(number=number):
            running.add(number)
        case Reported(number=number, decision=Stop()):
            running.discard(number)
        case Completed(number=number) | Failed(number=number) | Lost(number=number):
            running.discard(number)
        case Interrupted() | Closed():
            running.clear()


def _stated(notes: Sequence[str]) -> int:
    """The number of lanes in the newest note that has one; 0 without."""
    found = [match for note in notes if (match := re.search(r"(\d+) lanes", note))]
    return int(found[-1][1]) if found else 0
