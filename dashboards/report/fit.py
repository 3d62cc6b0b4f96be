"""Over- and underfitting, read off one trial's training and validation curves.

A model underfits when its error on the training set stays high, and overfits when the gap between
training and validation error is large (Goodfellow, Bengio and Courville, Deep Learning, 2016,
section 5.2). When a validation curve has turned for the worse is said by Prechelt's generalisation
loss, its height above its lowest point (Early Stopping – But When?, 1998). Where training has
turned for the worse as well, the trial is unstable: to memorise is to get better at that.

Errors are compared as ratios, so they must not be negative: a metric that is minimised is an error
itself, one that is maximised is taken as 1 − value. Curves are smoothed by the median of three
epochs, since one lucky epoch of a small validation set is no turning point. What is said of them
are the values as reported, or their means over the last epochs, so that whoever looks them up in
the table or the plots finds the same. The numbers below are conventions. Training loss is mostly
measured while the weights still move and dropout is at work, which makes it too high: a gap that
shows all the same is one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean, median

from lanewise.dashboards.digits import metric
from lanewise.search.core.events import Metrics, Row
from lanewise.search.core.spec import Objective

OVERFITS, UNDERFITS, UNFINISHED = "overfits", "underfits", "is still learning"
UNSTABLE, FITS, UNKNOWN = "is unstable", "fits well", "cannot tell"

FEWEST = 5  # epochs: with fewer there is no end to compare with a beginning
LATE = 5  # the last fifth of the epochs is the end of a curve
TURNED = 0.05  # an error whose end lies this share above its lowest point has turned
TURNED_WITHOUT_GAP = 0.25  # the same below the training curve (dropout, mostly)
MOVING = 0.05  # an error that fell by this share from one fifth to the next is still falling
GAP = 2.0  # validation error at least so many times the training error is a gap
NO_GAP = 1.1
LEARNT = 0.5  # a training error above this share of its first has not fallen much
DONE = 0.02  # a validation error below this share of its first has little left to fall
NOISE = 0.01  # what is smaller than this share of the first error counts as that share
TRACE = 0.002  # the same where training is asked whether it rose, too

CALM = "A lower learning rate, or one that falls on a schedule, is the first thing to try."


@dataclass(frozen=True)
class Fit:
    """A verdict, why, and what to do about it, in sentences."""

    verdict: str
    why: str
    remedy: str = ""


@dataclass(frozen=True)
class Curve:
    """A metric on one part: as reported, and as smoothed errors (less is better)."""

    name: str  # val_loss
    mode: str
    epochs: tuple[int, ...]
    values: tuple[float, ...]
    rows: Mapping[str, int] = field(default_factory=dict)  # of ``digits.rows_of``

    @cached_property
    def errors(self) -> tuple[float, ...]:
        errors = [self.error(value) for value in self.values]
        return tuple(median(errors[max(0, i - 1) : i + 2]) for i in range(len(errors)))

    def error(self, value: float) -> float:
        """A value as an error."""
        return value if self.mode == "min" else 1 - value

    @property
    def label(self) -> str:
        """``val_loss``, ``1 − val_accuracy``."""
        return self.name if self.mode == "min" else f"1 − {self.name}"

    @property
    def span(self) -> int:
        """The number of epochs that count as the end of the curve."""
        return max(2, len(self.epochs) // LATE)

    @property
    def best(self) -> int:
        """The index of the best value that was reported."""
        return min(range(len(self.values)), key=lambda i: self.error(self.values[i]))

    @property
    def end(self) -> float:
        """The error at the end."""
        return fmean(self.errors[-self.span :])

    @property
    def mean_at_end(self) -> float:
        """What was reported at the end, on average."""
        return fmean(self.values[-self.span :])

    @property
    def lowest(self) -> int:
        """The index of the lowest error, smoothed."""
        return min(range(len(self.errors)), key=self.errors.__getitem__)

    def risen(self, since: int, noise: float = NOISE) -> float:
        """By which share the error at the end lies above that at an index."""
        return ratio(self.end, self.errors[since], self.errors[0], noise) - 1

    def said(self, value: float) -> str:
        """A value with the metric's digits."""
        return metric(self.name, value, self.rows)

    def turn(self) -> str:
        """The best value, and how the curve ended."""
        best, way = ("lowest", "rose") if self.mode == "min" else ("highest", "fell")
        lowest = f"{self.said(self.values[self.best])}"
        return (
            f"{self.name} was {best} at epoch {self.epochs[self.best]} ({lowest}) and {way} to a "
            f"mean of {self.said(self.mean_at_end)} over the last {self.span} epochs"
        )


@dataclass(frozen=True)
class Pair:
    """One metric on both parts, epoch by epoch."""

    name: str
    train: Curve
    val: Curve

    @property
    def times(self) -> float:
        """How many times the training error the validation error is at the end."""
        return ratio(self.val.end, self.train.end, self.train.errors[0])

    def at_end(self) -> str:
        """Both means."""
        train, val = self.train, self.val
        return (
            f"{train.name} averages {train.said(train.mean_at_end)} over the last {train.span} "
            f"epochs and {val.name} {val.said(val.mean_at_end)}"
        )


def ratio(one: float, other: float, first: float, noise: float = NOISE) -> float:
    """``one / other``, where what is tiny beside a curve's first error counts as noise."""
    least = max(noise * first, 1e-12)
    return max(one, least) / max(other, least)


def diagnose(
    rows: Sequence[Row], objective: Objective, part_rows: Mapping[str, int] | None = None
) -> Fit:
    """The verdict on one trial.

    Args:
        rows: (epoch, metrics), ascending; ``train_<metric>`` and ``val_<metric>`` are compared,
            the loss where both are reported, else the objective's metric.
        part_rows: of ``digits.rows_of``, for the digits of what is said.
    """
    found = find_pair(rows, objective, part_rows or {})
    if isinstance(found, str):
        return Fit(UNKNOWN, found)
    return _turned(found) or _unfinished(found) or _gap(found) or _underfit(found) or _good(found)


def find_pair(
    rows: Sequence[Row], objective: Objective, part_rows: Mapping[str, int] | None = None
) -> Pair | str:
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
        if min(*train, *val) < 0 if mode == "min" else max(*train, *val) > 1:
            return f"{name} goes beyond {0 if mode == 'min' else 1}, so its errors have no ratio."
        epochs = tuple(epoch for epoch, _ in known)
        return Pair(
            name,
            Curve(f"train_{name}", mode, epochs, train, part_rows or {}),
            Curve(f"val_{name}", mode, epochs, val, part_rows or {}),
        )
    names = " or ".join(dict.fromkeys(f"train_{name} and val_{name}" for name in modes))
    return f"The trial reported no curve on both parts ({names})."


def _of(metrics: Metrics, name: str) -> tuple[float, float] | None:
    train, val = metrics.get(f"train_{name}"), metrics.get(f"val_{name}")
    if train is None or val is None or not (math.isfinite(train) and math.isfinite(val)):
        return None
    return train, val


def _turned(pair: Pair) -> Fit | None:
    """Validation got worse again: alone, which is overfitting, or together with training."""
    train, val = pair.train, pair.val
    ending = len(val.errors) - val.span
    enough = TURNED if val.end >= train.end else TURNED_WITHOUT_GAP
    if max(val.lowest, val.best) >= ending or val.risen(val.lowest) < enough:
        return None
    before, after = train.values[val.best], train.mean_at_end
    went = f"{train.name} went from {train.said(before)} to {train.said(after)}"
    if train.risen(val.best, TRACE) > TURNED:
        return Fit(UNSTABLE, f"{val.turn()}, and training got worse with it: {went}.", CALM)
    if train.error(after) > train.error(before):
        went = f"{train.name} stayed about where it was ({train.said(after)})"
    return Fit(
        OVERFITS,
        f"{val.turn()}, while {went}.",
        "More dropout or l2, a smaller network, a lower learning rate or patience would hold "
        "it back; more data would help most.",
    )


def _unfinished(pair: Pair) -> Fit | None:
    """The epochs ran out while validation was still getting better."""
    val = pair.val
    before = fmean(val.errors[-2 * val.span : -val.span])
    fell = 1 - ratio(val.end, before, val.errors[0])
    reported = val.values[-2 * val.span : -val.span]
    if val.lowest < len(val.values) - val.span or fell < MOVING or not reported:
        return None
    if val.end <= DONE * val.errors[0]:
        return None
    way = "falling" if val.mode == "min" else "rising"
    story = (
        f"{val.name} was still {way} when the epochs ended: a mean of {val.said(fmean(reported))}, "
        f"then of {val.said(val.mean_at_end)} over the last {val.span}"
    )
    more = "More epochs (budget.epochs) or a higher learning rate are the first things to try"
    if pair.times >= GAP:
        gap = f"{val.label} is {pair.times:.1f} times {pair.train.label} all the same"
        rest = "regularisation (dropout, l2, a smaller network) may close the gap"
        return Fit(UNFINISHED, f"{story}; {gap}.", f"{more}; {rest}.")
    if pair.train.end >= LEARNT * pair.train.errors[0]:
        story = f"It underfits for want of training: {story}"
    return Fit(UNFINISHED, f"{story}.", f"{more}.")


def _gap(pair: Pair) -> Fit | None:
    """Validation stands still, far above training."""
    train, val = pair.train, pair.val
    if pair.times < GAP:
        return None
    if train.risen(train.lowest, TRACE) >= TURNED_WITHOUT_GAP:
        return Fit(UNSTABLE, f"Training itself got worse: {train.turn()}.", CALM)
    return Fit(
        OVERFITS,
        f"{pair.at_end()}: {val.label} is {pair.times:.1f} times {train.label}, and no "
        "longer falls.",
        "The gap is what regularisation (dropout, l2, a smaller network) or more data may close.",
    )


def _underfit(pair: Pair) -> Fit | None:
    """Training itself stays high, and is no easier than validation."""
    train = pair.train
    left = ratio(train.end, train.errors[0], train.errors[0])
    if left < LEARNT or pair.times > NO_GAP:
        return None
    return Fit(
        UNDERFITS,
        f"{train.label} stays at {left:.0%} of what it was at first, and validation is no worse: "
        f"{pair.at_end()}.",
        "A larger network, less regularisation or another learning rate may fit better; where "
        "none does, the data allow no more.",
    )


def _good(pair: Pair) -> Fit:
    return Fit(FITS, f"{pair.at_end()}; neither a gap nor a turn for the worse shows.")
