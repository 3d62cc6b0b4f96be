"""The median stopping rule: a trial stops where its best lies below what others had on average.

Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.1: stop
at step s if the best objective by then is strictly worse than the median of the running averages,
up to step s, of the other trials. Theirs are the completed ones; here all count that have come as
far, running or stopped since: few would be left to compare with otherwise, and only good ones.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from fractions import Fraction
from weakref import WeakKeyDictionary

from lanewise.search.core.events import Continue, Decision, Stop
from lanewise.search.core.history import History, Trial
from lanewise.search.core.spec import Spec
from lanewise.search.schedulers.options import check_whole


class Median:
    """Stops a trial whose best value is worse than the median of the others' averages so far.

    Args:
        interval: epochs from one comparison to the next.
        min_epochs: the first comparison, at most the epochs of a trial.
        min_trials: with how many others a trial is compared at least.

    Raises:
        SearchError: for another interval, min_epochs or min_trials.
    """

    def __init__(
        self, spec: Spec, interval: int = 1, min_epochs: int = 1, min_trials: int = 5
    ) -> None:
        check_whole("interval", interval, 1)
        check_whole("min_epochs", min_epochs, 1, spec.budget.epochs, "epochs")
        check_whole("min_trials", min_trials, 1)
        self.min_trials = min_trials
        self._rungs = (*range(min_epochs, spec.budget.epochs, interval), spec.budget.epochs)
        # A memo, not a state: a history only grows, and each average is a function of its rows.
        self._averages: WeakKeyDictionary[History, _Averages] = WeakKeyDictionary()

    def rungs(self, number: int) -> tuple[int, ...]:
        return self._rungs

    def decide(self, history: History, number: int) -> Decision:
        trial = history.trials[number]
        if len(history.rung_of(number)) <= self.min_trials:
            return Continue()
        averages = self._averages.setdefault(history, _Averages())
        best = max(_scores(history, trial, 0, _rows_at(trial, trial.rung)))
        if best < averages.median_of_others(history, trial):
            return Stop(f"rung {trial.rung}")
        return Continue()

    def next(self, history: History) -> int | None:
        return None


class _Averages:
    """The running averages of a history's trials, each computed once."""

    def __init__(self) -> None:
        self._totals: dict[int, Fraction] = {}  # exact: equal values have themselves as average
        self._of_trial: dict[int, array[float]] = {}  # after each of its rows
        self._at_rung: dict[tuple[tuple[int, ...], int], list[float]] = {}  # ascending

    def median_of_others(self, history: History, trial: Trial) -> float:
        """The median at the trial's rung, without its own average."""
        averages = self._at_rung.setdefault((trial.rungs, trial.rung), [])
        for number in history.rung_of(trial.number).arrived[len(averages) :]:
            insort(averages, self._average(history, history.trials[number], trial.rung))
        own = bisect_left(averages, self._average(history, trial, trial.rung))
        low, high = ((len(averages) - 2) // 2, (len(averages) - 1) // 2)  # of the others
        return averages[low + (low >= own)] / 2 + averages[high + (high >= own)] / 2

    def _average(self, history: History, trial: Trial, rung: int) -> float:
        known = self._of_trial.setdefault(trial.number, array("d"))
        rows = _rows_at(trial, rung)
        for score in _scores(history, trial, len(known), rows):
            total = self._totals[trial.number] = self._totals.get(trial.number, 0) + Fraction(score)
            known.append(float(total / (len(known) + 1)))
        return known[rows - 1]


def _rows_at(trial: Trial, rung: int) -> int:
    """How many rows it had when it reached the rung: up to the first one at or past it."""
    return bisect_left(trial.rows, rung, key=lambda row: row[0]) + 1


def _scores(history: History, trial: Trial, start: int, stop: int) -> list[float]:
    objective = history.objective
    return [objective.score(metrics[objective.metric]) for _, metrics in trial.rows[start:stop]]
