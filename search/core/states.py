"""The states of a trial, and which event leads from which to which.

asked -> running <-> waiting           (a retry, or an attempt that was cut off)
         running <-> paused            (by its scheduler, which lets it go on)
         running  -> completed, stopped, failed, cancelled
waiting, paused   -> stopped, cancelled
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RUNNING, WAITING, PAUSED = "running", "waiting", "paused"
COMPLETED, STOPPED, FAILED, CANCELLED = "completed", "stopped", "failed", "cancelled"
OPEN = (RUNNING, WAITING, PAUSED)
ENDED = (COMPLETED, STOPPED, FAILED, CANCELLED)

# (status before, kind of event) -> statuses that it may lead to; "" is before the first.
TRANSITIONS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("", "asked"): (RUNNING,),
        (WAITING, "rerun"): (RUNNING,),
        (PAUSED, "resumed"): (RUNNING, STOPPED),
        (RUNNING, "reported"): (RUNNING, PAUSED, COMPLETED, STOPPED),
        (RUNNING, "completed"): (COMPLETED,),
        (RUNNING, "failed"): (WAITING, FAILED),
        (RUNNING, "lost"): (WAITING,),
        **{(status, "closed"): (STOPPED, CANCELLED) for status in OPEN},
    }
)


def check_transition(number: int, before: str, kind: str, after: str) -> None:
    """Raise ValueError where that event cannot lead from the one status to the other."""
    if after not in TRANSITIONS.get((before, kind), ()):
        raise ValueError(f"trial {number}: '{kind}' cannot make {before or 'nothing'} {after}")
