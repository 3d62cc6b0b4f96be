"""How a Tune worker knows where to train next without being told.

Tune's CONTINUE carries no message, so worker and executor follow one rule; where the controller
decides otherwise, the executor halts the trial and starts its attempt again.
"""

from __future__ import annotations


def next_until(rungs: tuple[int, ...], until: int, epoch: int) -> int:
    """Where a trial at ``epoch`` that was to train up to ``until`` trains next."""
    if epoch < until:
        return until
    return next((rung for rung in rungs if rung > epoch), rungs[-1])
