"""Over- and underfitting, read off one trial's training and validation curves.

A model underfits when its error on the training set stays high, and overfits when the gap between
training and validation error is large (Goodfellow, Bengio and Courville, Deep Learning, 2016,
section 5.2). When a validation curve has turned for the worse is said by Prechelt's generalisation
loss, its height above its lowest point (Early Stopping – But When?, 1998).

Errors are compared as ratios, so they must not be negative: a metric that is minimised is an error
itself, one that is maximised is taken as 1 − value. Curves are smoothed by the median of three
epochs, since one lucky epoch of a small validation set is no turning point. The numbers below are
conventions. Training loss is mostly measured while the weights still move and dropout is at work,
which makes it too high: a gap that shows all the same is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from lanewise.dashboards.words import number
from lanewise.search.events import Metrics, Row
from lanewise.search.spec import Objective

OVERFITS, UNDERFITS, UNFINISHED = "overfits", "underfits", "is still learning"
UNSTABLE, FITS, UNKNOWN = "is unstable", "fits well", "cannot tell"

FEWEST = 5  # epochs: with fewer there is no end to compare with a beginning
LATE = 5  # the last fifth of the epochs is the end of a curve
TURNED = 0.05  # a validation error whose end lies this share above its lowest point has turned
TURNED_WITHOUT_GAP = 0.25  # the same below the training curve (dropout, mostly)
MOVING = 0.05  # an error that fell by this share from one fifth to the next is still falling
GAP = 2.0  # validation error at least so many times the training error is a gap
NO_GAP = 1.1
LEARNT = 0.5  # a training error above this share of its first has not fallen much
NOISE = 0.01  # what is smaller than this share of the first error counts as that share


@dataclass(frozen=True)
class Fit:
    """A verdict, why, and what to do about it, in sentences."""

    verdict: str
    why: str
    remedy: str = ""


@dataclass(frozen=True)
class Pair:
    """One metric on both parts, as smoothed errors (less is better), epoch by epoch."""

    name: str
    mode: str
    epochs: tuple[int, ...]
    train: tuple[float, ...]
    val: tuple[float, ...]

    def label(self, part: str) -> str:
        """``val_loss``, ``1 − val_accuracy``."""
        return f"{part}_{self.name}" if self.mode == "min" else f"1 − {part}_{self.name}"

    @property
    def span(self) -> int:
        """The number of epochs that count as the end of the curve."""
        return max(2, len(self.epochs) // LATE)

    @property
    def best(self) -> int:
        """The place of the lowest validation error."""
        return min(range(len(self.val)), key=self.val.__getitem__)

    @property
    def end(self) -> tuple[float, float]:
        """Training and validation error at the end."""
        return fmean(self.train[-self.span :]), fmean(self.val[-self.span :])


def ratio(one: float, other: float, first: float) -> float:
    """``one / other``, where what is tiny beside a curve's first error counts as noise."""
    least = max(NOISE * first, 1e-12)
    return max(one, least) / max(other, least)


def diagnose(rows: Sequence[Row], objective: Objective) -> Fit:
    """The verdict on one trial.

    Args:
        rows: (epoch, metrics), ascending; ``train_<metric>`` and ``val_<metric>`` are compared,
            the loss where both are reported, else the objective's metric.
    """
    found = find_pair(rows, objective)
    if isinstance(found, str):
        return Fit(UNKNOWN, found)
    return _turned(found) or _unfinished(found) or _gap(found) or _underfit(found) or _good(found)


def find_pair(rows: Sequence[Row], objective: Objective) -> Pair | str:
    """The curves to compare, or why there are none."""
    base = objective.metric.removeprefix("val_").removeprefix("train_")
    modes = {"loss": "min", base: objective.mode}
    for name, mode in modes.items():
        both = [(epoch, _of(metrics, name)) for epoch, metrics in rows]
        known = [(epoch, pair) for epoch, pair in both if pair is not None]
        if not known:
            continue
        if len(known) < FEWEST:
            return f"{len(known)} epochs are too few for a curve; {FEWEST} are needed."
        train, val = zip(*(pair for _, pair in known), strict=True)
        if mode == "max":
            train, val = (tuple(1 - value for value in curve) for curve in (train, val))
        if min(*train, *val) < 0:
            return f"{name} goes beyond {0 if mode == 'min' else 1}, so its errors have no ratio."
        epochs = tuple(epoch for epoch, _ in known)
        return Pair(name, mode, epochs, _smooth(train), _smooth(val))
    names = " or ".join(dict.fromkeys(f"train_{name} and val_{name}" for name in modes))
    return f"The trial reported no curve on both parts ({names})."


def _of(metrics: Metrics, name: str) -> tuple[float, float] | None:
    train, val = metrics.get(f"train_{name}"), metrics.get(f"val_{name}")
    if train is None or val is None or not (math.isfinite(train) and math.isfinite(val)):
        return None
    return train, val


def _smooth(curve: Sequence[float]) -> tuple[float, ...]:
    return tuple(median(curve[max(0, i - 1) : i + 2]) for i in range(len(curve)))


def _turned(pair: Pair) -> Fit | None:
    """Validation got worse again: alone, which is overfitting, or together with training."""
    best = pair.best
    (train, val), lowest = pair.end, pair.val[best]
    rise = ratio(val, lowest, pair.val[0]) - 1
    enough = TURNED if val >= train else TURNED_WITHOUT_GAP
    if best >= len(pair.val) - pair.span or rise < enough:
        return None
    story = (
        f"{pair.label('val')} was lowest around epoch {pair.epochs[best]} ({number(lowest, 3)}) "
        f"and rose to {number(val, 3)} until the end"
    )
    trained = f"{pair.label('train')} went from {number(pair.train[best], 3)} to {number(train, 3)}"
    if train <= pair.train[best] or ratio(val, train, pair.train[0]) >= GAP:
        return Fit(
            OVERFITS,
            f"{story}, while {trained}.",
            "More dropout or l2, a smaller network, a lower learning rate or patience would hold "
            "it back; more data would help most.",
        )
    return Fit(
        UNSTABLE,
        f"{story}, and training got worse with it: {trained}.",
        "A lower learning rate, or one that falls on a schedule, is the first thing to try.",
    )


def _unfinished(pair: Pair) -> Fit | None:
    """The epochs ran out while validation was still getting better."""
    span = pair.span
    before, late = fmean(pair.val[-2 * span : -span]), pair.end[1]
    fell = 1 - ratio(late, before, pair.val[0])
    if pair.best < len(pair.val) - span or fell < MOVING:
        return None
    return Fit(
        UNFINISHED,
        f"It underfits for want of training: {pair.label('val')} was still falling when the epochs "
        f"ended, by {fell:.0%} over the last {span}, to {number(late, 3)}.",
        "More epochs (budget.epochs) or a higher learning rate are the first things to try.",
    )


def _gap(pair: Pair) -> Fit | None:
    """Validation stands still, far above training."""
    train, val = pair.end
    times = ratio(val, train, pair.train[0])
    if times < GAP:
        return None
    return Fit(
        OVERFITS,
        f"At the end {pair.label('val')} ({number(val, 3)}) is {times:.1f} times "
        f"{pair.label('train')} ({number(train, 3)}), and no longer falls.",
        "The gap is what regularisation (dropout, l2, a smaller network) or more data may close.",
    )


def _underfit(pair: Pair) -> Fit | None:
    """Training itself stays high, and is no easier than validation."""
    train, val = pair.end
    left = ratio(train, pair.train[0], pair.train[0])
    if left < LEARNT or ratio(val, train, pair.train[0]) > NO_GAP:
        return None
    return Fit(
        UNDERFITS,
        f"{pair.label('train')} itself stays at {number(train, 3)}, {left:.0%} of what it was at "
        f"first, and {pair.label('val')} is no worse ({number(val, 3)}).",
        "A larger network, less regularisation or another learning rate may fit better; where "
        "none does, the data allow no more.",
    )


def _good(pair: Pair) -> Fit:
    train, val = pair.end
    return Fit(
        FITS,
        f"At the end {pair.label('train')} is {number(train, 3)} and {pair.label('val')} "
        f"{number(val, 3)}; neither a gap nor a turn for the worse shows.",
    )
