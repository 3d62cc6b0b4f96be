"""What a person should know before believing a sweep's result, or spending more on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lanewise.dashboards.words import number
from lanewise.search.core.history import History
from lanewise.search.core.spec import Spec
from lanewise.search.core.states import FAILED

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FEW = 10  # trials: with fewer, plots and importances show chance
MANY_FAILURES = 0.1  # the share of all trials
EDGE = 0.02  # the share of a range that counts as its edge
COARSE = 10  # a range of fewer values has its best on the edge by chance too often
LATE = 0.1  # the share of trials that counts as the end of a sweep


@dataclass(frozen=True)
class Caution:
    """One thing to know, and what to do about it."""

    title: str
    text: str


def cautions(history: History, spec: Spec, status: str) -> list[Caution]:
    """All that apply, the gravest first."""
    return [
        *_unfinished(history, status),
        *_failures(history),
        *_few(history),
        *_edges(history, spec),
        *_late(history),
    ]


def _unfinished(history: History, status: str) -> Iterator[Caution]:
    if status in ("running", "interrupted"):
        yield Caution(
            f"The sweep is {status}",
            f"This is what the first {len(history)} trials say; the rest is still to come.",
        )


def _failures(history: History) -> Iterator[Caution]:
    kinds: dict[str, int] = {}
    for trial in history:
        if trial.status == FAILED:
            kind = trial.failures[-1].kind
            kinds[kind] = kinds.get(kind, 0) + 1
    for kind, count in sorted(kinds.items(), key=lambda item: -item[1]):
        if count >= max(2, MANY_FAILURES * len(history)):
            yield Caution(
                f"{count} of {len(history)} trials failed: {kind}",
                "Their configurations were never judged, so the best may be among them.",
            )


def _few(history: History) -> Iterator[Caution]:
    usable = sum(trial.best is not None for trial in history)
    if 0 < usable < FEW:
        noun = "trial" if usable == 1 else "trials"
        yield Caution(
            f"Only {usable} {noun} reported a value",
            "Differences between parameters, and their importances, may be chance.",
        )


def _edges(history: History, spec: Spec) -> Iterator[Caution]:
    if history.best is None:
        return
    params, distributions = spec.space.encode(history.best.best_params)
    for name, edge in edges(params, distributions).items():
        yield Caution(
            f"{name} = {number(params[name], 4)} is its {edge} allowed value, or close to it",
            "A wider range may hold something better.",
        )


def edges(
    params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
) -> dict[str, str]:
    """Parameter → "lowest" or "highest", where its value lies on the edge of its range.

    A lower bound of 0 is no edge: what may not be negative cannot be widened.
    """
    found: dict[str, str] = {}
    for name, value in params.items():
        low, high = (getattr(distributions[name], end, None) for end in ("low", "high"))
        if low is None or high is None or _is_coarse(distributions[name], low, high):
            continue
        ends = (low, high, value)
        if getattr(distributions[name], "log", False):
            low, high, value = (math.log(end) for end in ends)
        place = (value - low) / (high - low)
        if place >= 1 - EDGE:
            found[name] = "highest"
        elif place <= EDGE and ends[0] != 0:
            found[name] = "lowest"
    return found


def _is_coarse(distribution: BaseDistribution, low: float, high: float) -> bool:
    step = getattr(distribution, "step", None)
    return high <= low or (step is not None and (high - low) / step + 1 < COARSE)


def _late(history: History) -> Iterator[Caution]:
    best, asked = history.best, len(history)
    if best is not None and asked >= FEW and best.number >= (1 - LATE) * asked:
        yield Caution(
            f"The best was among the last tenth of the trials (trial {best.number} of {asked})",
            "The search was still getting better when it ended: more trials may help.",
        )
