"""Learning-rate schedules: what the rate is multiplied by at each step. No torch.

All but plateau's are pure functions of the step, so that a rate can be told for any step of any
trial without its past. Definitions are torch.optim.lr_scheduler's: StepLR counts epochs,
CosineAnnealingLR and OneCycleLR count steps over the whole budget (and stay at their end beyond
it), ReduceLROnPlateau looks at val_loss after each epoch.

Warm-up multiplies: at step t of the first W = warmup · steps per epoch, by (t + 1) / W, which is
LinearLR from 1 / W.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """How long a training is: steps of an epoch, and the most epochs of a trial."""

    steps: int
    epochs: int

    @property
    def last(self) -> int:
        return self.steps * self.epochs - 1


def _step(options: Options, step: int, span: Span) -> float:
    return float(options["factor"] ** (step // span.steps // options["every"]))


def _cosine(options: Options, step: int, span: Span) -> float:
    """Loshchilov and Hutter, "SGDR", 2017, eq. 5, without restarts."""
    done = min(1.0, step / (span.steps * span.epochs))
    return _between(1.0, options["final"], done)


def _one_cycle(options: Options, step: int, span: Span) -> float:
    """Smith and Topin, "Super-Convergence", 2018, in torch's two phases; momentum stays."""
    start = 1 / options["div_factor"]
    step = min(step, span.last)
    top = options["pct_start"] * (span.last + 1) - 1
    if step <= top:
        return _between(start, 1.0, step / top if top else 1.0)
    final = start / options["final_div_factor"]
    return _between(1.0, final, (step - top) / (span.last - top))


def _between(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def _no_change(options: Options, step: int, span: Span) -> float:
    return 1.0


SCHEDULES: dict[str, Callable[[Options, int, Span], float]] = {
    "constant": _no_change,
    "step": _step,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "plateau": _no_change,  # see Plateau
}


def factor(schedule: Options, step: int, span: Span) -> float:
    """What a complete schedule multiplies the rate by at `step`, counted from 0; plateau aside."""
    found = SCHEDULES[schedule["name"]](schedule, step, span)
    rising = schedule.get("warmup", 0) * span.steps
    return found * min(1.0, (step + 1) / rising) if rising else found


@dataclass(frozen=True)
class Plateau:
    """What ReduceLROnPlateau remembers; `scale` is the product of its reductions."""

    scale: float = 1.0
    best: float = math.inf
    bad: int = 0  # epochs since the best
    cooling: int = 0  # epochs left in which none counts as bad

    def after(self, loss: float, schedule: Options) -> Plateau:
        """The memory after an epoch with this val_loss."""
        better = loss < self.best * (1 - schedule["threshold"])
        best, bad = (loss, 0) if better else (self.best, self.bad + 1)
        if self.cooling:
            return replace(self, best=best, bad=0, cooling=self.cooling - 1)
        if bad > schedule["patience"]:
            return Plateau(self.scale * schedule["factor"], best, 0, schedule["cooldown"])
        return replace(self, best=best, bad=bad)


class Rate:
    """The learning rate of one replica over time."""

    def __init__(self, config: Mapping[str, Any], span: Span) -> None:
        self.lr, self.schedule, self.span = config["lr"], config["schedule"], span
        self.plateau = Plateau() if self.schedule["name"] == "plateau" else None
        self.is_constant = self.schedule["name"] == "constant" and not self.schedule["warmup"]

    def at(self, step: int) -> float:
        """The learning rate of `step`, counted from 0 over all epochs."""
        rate: float = self.lr * factor(self.schedule, step, self.span)
        return rate * self.plateau.scale if self.plateau else rate

    def epoch_ended(self, loss: float) -> None:
        """To be told the val_loss of every epoch."""
        if self.plateau:
            self.plateau = self.plateau.after(loss, self.schedule)

    def state(self) -> list[float]:
        """What a checkpoint must keep; empty where the step says everything."""
        kept = self.plateau
        return [kept.scale, kept.best, kept.bad, kept.cooling] if kept else []

    def restore(self, state: list[float]) -> None:
        """Go on from `state()`; that of another schedule is of no use and ignored."""
        if self.plateau and state:
            scale, best, bad, cooling = state
            self.plateau = Plateau(scale, best, int(bad), int(cooling))
