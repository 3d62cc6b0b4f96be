"""Whether trials train in packs, and why not: one truth over all workers of a sweep."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

LEAST = 1.1  # a gain below which the difference is noise, and alone is simpler
MOST = 3  # reasons that are told


@dataclass(frozen=True)
class Packing:
    """What is known of the trials so far.

    Args:
        lanes: places of a worker; 0 where no trial has packed.
        gains: that tests have measured: how many times as fast lanes train as one trial alone.
        alone: why some train alone, but for the gain.
    """

    lanes: int = 0
    gains: tuple[float, ...] = ()
    alone: tuple[str, ...] = ()

    def __str__(self) -> str:
        """``on, up to 48 lanes a worker, 5.1× the speed in a test``; ``off, no speed-up …``."""
        slow = [gain for gain in self.gains if gain < LEAST]
        reasons = [no_gain(statistics.median(slow))] if slow else []
        reasons += self.alone
        told = "; ".join(reasons[:MOST]) + ("; …" if len(reasons) > MOST else "")
        if not self.lanes:
            return f"off, {told}" if told else ""
        fast = [gain for gain in self.gains if gain >= LEAST]
        speed = f", {statistics.median(fast):.1f}× the speed in a test" if fast else ""
        some = f"; off for some trials: {told}" if told else ""
        return f"on, up to {self.lanes} lanes a worker{speed}{some}"


def no_gain(gain: float) -> str:
    """Why what could pack does not."""
    return f"no speed-up in a test ({gain:.2f}×)"


def together(packings: Iterable[Packing]) -> Packing:
    """What several workers know."""
    packings = list(packings)
    return Packing(
        max((packing.lanes for packing in packings), default=0),
        tuple(gain for packing in packings for gain in packing.gains),
        tuple(dict.fromkeys(why for packing in packings for why in packing.alone)),
    )
