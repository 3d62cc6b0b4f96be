"""Rungs: the epochs at which trials are compared."""

from __future__ import annotations


def geometric(first: int, eta: int, last: int) -> tuple[int, ...]:
    """first, first*eta, first*eta^2, ... below ``last``, and ``last`` itself.

    By integer multiplication: float logarithms lose rungs (log(243, 3) < 5 in floating point).
    """
    rungs = []
    rung = first
    while rung < last:
        rungs.append(rung)
        rung *= eta
    return (*rungs, last)


def next_rung(rungs: tuple[int, ...], epoch: int) -> int:
    """The first rung behind ``epoch``; the last one where there is none."""
    return next((rung for rung in rungs if rung > epoch), rungs[-1])
