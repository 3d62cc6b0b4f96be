"""What Ray's memory monitor says when it ends workers because a node runs low on memory.

Tune does not survive it: the error is none that Tune expects, and ``fit`` raises.
"""

from __future__ import annotations

import re

LOW_MEMORY = "node running low on memory"
_KILLED = re.compile(r"pid=(\d+), actual memory used=([\d.]+)GB")


def is_low_memory(text: str) -> bool:
    """Whether an error's text is the monitor's."""
    return LOW_MEMORY in text


def largest_process(text: str) -> int | None:
    """The process that held the most of those it ended: there may be several."""
    killed = [(float(size), int(pid)) for pid, size in _KILLED.findall(text)]
    return max(killed)[1] if killed else None
