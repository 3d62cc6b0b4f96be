"""How a Tune worker knows where to train next without being told.

Tune's CONTINUE carries no message, so worker and executor follow one rule; where the controller
decides otherwise, the executor halts the trial and starts its attempt again.
"""

from __future__ import annotations

from lanewise.search.core.rungs import next_rung


def next_until(rungs: tuple[int, ...], until: int, epoch: int) -> int:
    """Where a trial at ``epoch`` that was to train up to ``until`` trains next."""
    return until if epoch < until else next_rung(rungs, epoch)
