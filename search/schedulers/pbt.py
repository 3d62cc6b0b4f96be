"""Population based training: while they train, bad trials go on as changed copies of good ones.

Jaderberg et al., "Population Based Training of Neural Networks", 2017 (arXiv 1711.09846): exploit
by truncation selection (a trial in the bottom quantile takes over the weights and hyperparameters
of one drawn from the top quantile), explore by multiplying each by 0.8 or 1.2, or drawing it anew.

Here a generation is a rung at which all members of the population wait for each other, so that
neither the order of arrival nor the number of workers changes a decision.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

from lanewise.search.core.events import Continue, Decision, Exploit, Params, Pause
from lanewise.search.core.history import History
from lanewise.search.core.rungs import Rung
from lanewise.search.core.seeds import generator
from lanewise.search.core.spec import Spec
from lanewise.search.errors import SearchError
from lanewise.search.schedulers.options import check_share, check_whole, needed_trials
from lanewise.spaces import Float, Space
from lanewise.spaces.choices import Labels
from lanewise.spaces.domain import Axis, Parameter
from lanewise.spaces.errors import nearest
from lanewise.spaces.ranges import Range

if TYPE_CHECKING:
    from numpy.random import Generator

PERTURB = (0.8, 1.2)  # the paper's
_EXPLOIT = 1  # names the use of a generator, beside the seed, the trial and the epoch


class PBT:
    """Trains ``budget.trials`` trials together: the worst go on as changed copies of the best.

    Args:
        interval: epochs of a generation, after which all wait for each other; by default a tenth
            of a trial's epochs.
        quantile: the share of trials that copy, and of those that are copied.
        resample: how likely it is that a hyperparameter is drawn anew instead of multiplied by
            0.8 or 1.2 (of a list of choices, its neighbours are taken).
        mutate: names of what changes, such as ``lr`` or ``optimizer.sgd.momentum``; by default all
            ranges of floats. Whatever is not named is copied.

    Raises:
        SearchError: without ``budget.trials``; for another option; for a name that is not in the
            space, or on which it depends which other parameters there are.
    """

    exploits = True

    def __init__(
        self,
        spec: Spec,
        interval: int | None = None,
        quantile: float = 0.25,
        resample: float = 0.25,
        mutate: Sequence[str] | None = None,
    ) -> None:
        epochs = spec.budget.epochs
        if interval is None:
            interval = max(1, epochs // 10)
        check_whole("interval", interval, 1, epochs, "epochs")
        check_share("quantile", quantile, 0.5)
        check_share("resample", resample, 1)
        self.trials = needed_trials(spec)
        self.space = spec.space
        self.seed = spec.seed
        self.quantile = Fraction(str(quantile))  # 0.1 of 30 are 3, not 4
        self.resample = resample
        self._axes = _mutated(spec.space, mutate)
        self.mutate = tuple(axis.name for axis in self._axes)
        self._rungs = (*range(interval, epochs, interval), epochs)

    def rungs(self, number: int) -> tuple[int, ...]:
        return self._rungs

    def decide(self, history: History, number: int) -> Decision:
        trial, rung = history.trials[number], history.rung_of(number)
        if not self._has_gathered(history, rung):
            return Pause()
        count = min(ceil(self.quantile * len(rung)), len(rung) // 2)
        if rung.better(number) < len(rung) - count:
            return Continue()
        rng = generator(self.seed, number, trial.rung, _EXPLOIT)
        source = -rung.standings[-1 - int(rng.integers(count))][1]
        params = history.trials[source].params_at(trial.rung)
        return Exploit(source, self._explored(params, rng))

    def next(self, history: History) -> int | None:
        # All that wait at a rung where all have gathered do so at the last such rung.
        gathered = bisect_left(
            self._rungs[:-1],
            True,
            key=lambda epoch: not self._has_gathered(history, history.rung(self._rungs, epoch)),
        )
        if not gathered:
            return None
        paused = history.rung(self._rungs, self._rungs[gathered - 1]).paused
        return -paused[-1][1] if paused else None

    def _has_gathered(self, history: History, rung: Rung) -> bool:
        """Whether every member has reached the rung, or has ended before it."""
        return history.has_all_begun(self.trials) and rung.is_settled(len(history))

    def _explored(self, params: Params, rng: Generator) -> Params:
        values = self.space.values(params)
        for axis in self._axes:
            if axis.name in values:
                values[axis.name] = self._changed(axis.parameter, values[axis.name], rng)
        return self.space.config(values)

    def _changed(self, parameter: Parameter, value: Any, rng: Generator) -> Any:
        is_drawn, goes_up = rng.random() < self.resample, rng.random() < 0.5
        match parameter:
            case Range():
                drawn = parameter.sample(rng)
                return drawn if is_drawn else _times(parameter, value, PERTURB[goes_up])
            case Labels(values):
                drawn = values[int(rng.integers(len(values)))]
                return drawn if is_drawn else _neighbour(values, value, 1 if goes_up else -1)
        raise TypeError(f"{parameter!r} cannot be changed")


def _times(parameter: Range, value: Any, factor: float) -> Any:
    """The value times the factor within its range, and to the next step where steps are wide."""
    moved = parameter.nearest(value * factor)
    if moved == value and parameter.step:
        moved = parameter.nearest(value + (parameter.step if factor > 1 else -parameter.step))
    return moved


def _neighbour(values: Sequence[Any], value: Any, step: int) -> Any:
    """The next one in the list; at its ends there is only one."""
    texts = [repr(each) for each in values]  # Python says True == 1
    index = texts.index(repr(value)) + step
    return values[index if 0 <= index < len(values) else index - 2 * step]


def _mutated(space: Space, names: Sequence[str] | None) -> tuple[Axis, ...]:
    """The axes with these names; without any, all ranges of floats."""
    parents = {axis.when.parent for axis in space.axes if axis.when is not None}
    allowed = {axis.name: axis for axis in space.axes if axis.name not in parents}
    if names is None:
        found = tuple(axis for axis in allowed.values() if isinstance(axis.parameter, Float))
        if not found:
            raise SearchError("mutate: name what changes; the space has no range of floats")
        return found
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise SearchError(f"mutate must be a list of names, got {names!r}")
    for name in names:
        if name in parents:
            raise SearchError(f"mutate: on '{name}' it depends which other parameters there are")
        if name not in allowed:
            listed = ", ".join(allowed)
            hint = nearest(str(name), allowed)
            raise SearchError(f"mutate: '{name}' is not in the space{hint} (allowed: {listed})")
    return tuple(axis for name, axis in allowed.items() if name in names)
