"""What must hold of every history, whatever has happened: checked after a replay, and by tests."""

from __future__ import annotations

from lanewise.search.core.history import History
from lanewise.search.core.states import OPEN, PAUSED, RUNNING, WAITING


def check_invariants(history: History) -> None:
    """Raise ValueError, naming what does not hold. Costs one look at each trial."""
    trials = list(history)
    _hold(list(history.trials) == list(range(len(trials))), "numbers are 0, 1, 2, ...")
    for status, members in (
        (RUNNING, history.running),
        (WAITING, history.waiting),
        (PAUSED, history.paused),
    ):
        numbers = sorted(trial.number for trial in members)
        expected = [trial.number for trial in trials if trial.status == status]
        _hold(numbers == expected, f"{status} trials are {expected}, not {numbers}")
    _hold(history.ended == sum(not t.is_open for t in trials), "the trials that have ended")
    results = [
        (history.objective.score(t.best[1]), -t.number)
        for t in trials
        if not t.is_open and t.best and t.rank and not t.rank[0]
    ]
    _hold(list(history.results) == sorted(results), "the results of those that have ended")
    _hold(history.spent == sum(trial.epoch for trial in trials), "the epochs spent")
    _hold(history.granted == sum(trial.granted for trial in trials), "the epochs granted")
    ranks = [(trial.rank, -trial.number) for trial in trials if trial.rank is not None]
    best = history.best and (history.best.rank, -history.best.number)
    _hold(best == max(ranks, default=None), "the best trial")
    _hold(history.closed is None or not any(t.status in OPEN for t in trials), "open when closed")
    _check_rungs(history)


def _check_rungs(history: History) -> None:
    reached: dict[tuple[tuple[int, ...], int], set[int]] = {}
    paused: dict[tuple[tuple[int, ...], int], set[int]] = {}
    missed: dict[tuple[tuple[int, ...], int], int] = {}
    for trial in history:
        for rung in trial.rungs:
            if rung <= trial.epoch:
                reached.setdefault((trial.rungs, rung), set()).add(trial.number)
            elif not trial.is_open:
                missed[trial.rungs, rung] = missed.get((trial.rungs, rung), 0) + 1
        if trial.status == PAUSED:
            paused.setdefault((trial.rungs, trial.rung), set()).add(trial.number)
    for key in {(trial.rungs, rung) for trial in history for rung in trial.rungs}:
        _hold(history.rung(*key).missed == missed.get(key, 0), f"who ended before rung {key[1]}")
    for key, numbers in reached.items():
        at = history.rung(*key)
        _hold(set(at.arrived) == numbers, f"who reached rung {key[1]}")
        _hold(len(at.arrived) == len(numbers), f"who reached rung {key[1]}, once")
        _hold(list(at.standings) == sorted(at.standings), f"the order at rung {key[1]}")
        waits = {-number for _, number in at.paused}
        _hold(waits == paused.get(key, set()), f"who is paused at rung {key[1]}")


def _hold(is_so: bool, what: str) -> None:
    if not is_so:
        raise ValueError(f"the history contradicts itself: {what}")
