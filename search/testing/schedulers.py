"""What must hold of every scheduler.

from lanewise.search.testing import check_scheduler

def test_my_scheduler():
    check_scheduler(MyScheduler)
    check_scheduler(lambda spec: MyScheduler(spec, patience=3))
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lanewise.search.core.events import (
    Continue,
    Decision,
    Event,
    Exploit,
    Failure,
    Metrics,
    Params,
    Pause,
    decode,
    encode,
)
from lanewise.search.core.history import History
from lanewise.search.core.invariants import check_invariants
from lanewise.search.core.spec import Budget, Mode, Objective, Plugin, Spec
from lanewise.search.core.states import COMPLETED, PAUSED
from lanewise.search.core.sweep import Done, Run, Sweep
from lanewise.search.errors import SearchError
from lanewise.search.samplers import make_sampler
from lanewise.search.schedulers.base import Scheduler, exploits
from lanewise.spaces import Float, Space

Make = Callable[[Spec], Scheduler]

TRIALS, EPOCHS = 20, 27


def check_scheduler(make: Make, *, keeps_best: bool = True) -> None:
    """Raise AssertionError unless what ``make`` makes of a spec keeps to the scheduler's protocol.

    Args:
        make: a scheduler's class, or a function that gives it options. The spec has one objective,
            20 trials of up to 27 epochs (for ``rungs`` also of others), and one range ``x``.
        keeps_best: whether a trial that is the best at every epoch must train to its end.
    """
    for check in CHECKS:
        if keeps_best or check is not check_best_is_kept:
            check(make)


def check_rungs(make: Make) -> None:
    """Rungs are whole numbers that ascend to the last epoch, the same whenever they are asked."""
    for epochs in (1, 2, 3, EPOCHS, 100):
        try:
            scheduler, again = (make(spec_of(epochs=epochs)) for _ in range(2))
        except SearchError:  # an option such as min_epochs may be more than so few epochs
            assert epochs < EPOCHS
            continue
        for number in range(TRIALS):
            rungs = scheduler.rungs(number)
            assert isinstance(rungs, tuple), f"rungs({number}) is {rungs!r}, not a tuple"
            ascend = list(rungs) == sorted(set(rungs))
            whole = all(type(rung) is int and rung >= 1 for rung in rungs)
            assert ascend, f"rungs({number}) do not ascend: {rungs}"
            assert whole, f"rungs({number}) are no whole numbers from 1: {rungs}"
            assert rungs[-1] == epochs, f"rungs({number}) end with {rungs[-1]}, not {epochs}"
            assert again.rungs(number) == rungs, f"rungs({number}) differ between two objects"


def check_determinism(make: Make) -> None:
    """The same sweep is decided in the same way, by one object or another, used before or not."""
    for mode in ("max", "min"):
        spec = spec_of(mode=mode)
        used = make(spec)
        first, second, third = (
            _play(Sweep(spec, make_sampler(spec), scheduler), seed=1).events
            for scheduler in (used, used, make(spec))
        )
        assert first == second, "an object that has judged a sweep judges an equal one differently"
        assert first == third, "two objects judge equal sweeps differently"


def check_no_state(make: Make) -> None:
    """Every answer depends on the history alone: a new object would give the same."""
    for seed in range(3):
        spec = spec_of()
        scheduler = _Doubled(make(spec), partial(make, spec))
        _play(Sweep(spec, make_sampler(spec), scheduler), seed=seed, faults=0.2)


def check_best_is_kept(make: Make) -> None:
    """The trial that is the best at every epoch trains to its end, whatever the order."""
    for seed in range(3):
        for workers in (1, 4, TRIALS):
            play = _played(make, seed=seed, workers=workers)
            history = play.sweep.history
            best = history.best
            if not any(isinstance(decision, Exploit) for decision in play.decisions):
                best = max(history, key=lambda trial: trial.params["x"])
            assert best is not None, "nothing was trained"
            assert best.status == COMPLETED, (
                f"trial {best.number}, the best at every epoch, is {best.status} at {best.epoch}"
            )


def check_pauses_end(make: Make) -> None:
    """A sweep ends with any number of workers and failures, and no pause holds it up."""
    for seed in range(2):
        for workers in (1, 2, 5, TRIALS + 1):
            for faults in (0.0, 0.3):
                sweep = _played(make, seed=seed, workers=workers, faults=faults).sweep
                history = sweep.history
                assert len(history) == TRIALS, f"only {len(history)} of {TRIALS} trials began"
                assert sweep.scheduler.next(history) is None, "next() names a trial, yet it is done"
                for trial in history.paused:
                    decision = sweep.scheduler.decide(history, trial.number)
                    assert isinstance(decision, Pause), (
                        f"trial {trial.number} is paused for ever, though its decision is "
                        f"{decision}: next() does not name it"
                    )


def check_replay(make: Make) -> None:
    """From a replay up to any moment, the same commands get the same answers and events."""
    for seed in range(3):
        play = _played(make, seed=seed, faults=0.2)
        for cut in range(0, len(play.commands), 1 + len(play.commands) // 8):
            before = play.commands[cut].events_before
            sweep = _sweep(make, play.sweep.spec)
            for event in _through_json(play.events[:before]):
                sweep.history.apply(event)
            events: list[Event] = []
            for command in play.commands[cut:]:
                answer = getattr(sweep, command.method)(*command.arguments)
                assert answer == command.answer, (
                    f"after a replay, {command.method}{command.arguments} is answered with "
                    f"{answer}, not {command.answer}"
                )
                events += sweep.drain()
            assert events == play.events[before:], "after a replay, other events follow"


def check_budgets(make: Make) -> None:
    """Never are more epochs granted than the budget has."""
    for seed in range(3):
        total = 60 + 30 * seed
        history = _played(make, seed=seed, faults=0.1, total_epochs=total).sweep.history
        assert history.spent <= total, f"{history.spent} epochs of {total} were trained"


CHECKS: tuple[Callable[[Make], None], ...] = (
    check_rungs,
    check_determinism,
    check_no_state,
    check_best_is_kept,
    check_pauses_end,
    check_replay,
    check_budgets,
)


# -- a sweep that is played ------------------------------------------------------------------------


def spec_of(mode: Mode = "max", **budget: Any) -> Spec:
    """The spec that schedulers are checked with."""
    return Spec(
        space=Space({"x": Float(0.1, 1.0)}),
        objectives=(Objective("score", mode),),
        budget=Budget(**{"epochs": EPOCHS, "trials": TRIALS, **budget}),
        sampler=Plugin("random"),
        scheduler=Plugin("none"),
        retries={"node_lost": 3},
    )


def _score(params: Params, epoch: int) -> Metrics:
    return {"score": params["x"] * (1 - 0.9**epoch)}  # curves that never cross


@dataclass(frozen=True)
class _Command:
    events_before: int
    method: str
    arguments: tuple[Any, ...]
    answer: Any


@dataclass
class _Play:
    """A sweep, what it was told and what happened."""

    sweep: Sweep
    commands: list[_Command] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def do(self, method: str, *arguments: Any) -> Any:
        before = len(self.events)
        answer = getattr(self.sweep, method)(*arguments)
        self.events += self.sweep.drain()
        self.commands.append(_Command(before, method, arguments, answer))
        return answer


def _sweep(make: Make, spec: Spec) -> Sweep:
    return Sweep(spec, make_sampler(spec), make(spec))


def _played(
    make: Make, *, seed: int, workers: int = 3, faults: float = 0.0, **budget: Any
) -> _Play:
    sweep = _sweep(make, spec_of(**budget))
    return _play(sweep, seed=seed, workers=workers, faults=faults)


def _play(sweep: Sweep, *, seed: int, workers: int = 3, faults: float = 0.0) -> _Play:
    """Plays it to its end: workers report in any order; attempts fail, are lost or end early.

    Args:
        faults: how likely it is that an attempt does not reach its next rung.
    """
    order, play = random.Random(seed), _Play(sweep)
    running: list[int] = []
    total = sweep.spec.budget.total_epochs
    for step in range(100 * TRIALS * EPOCHS):
        while len(running) < workers and isinstance(answer := play.do("ask"), Run):
            running.append(answer.number)
        if not running:
            assert isinstance(answer, Done), f"{answer} though nothing is running"
            check_invariants(sweep.history)
            return play
        number = running.pop(order.randrange(len(running)))
        if _advance(play, number, order, faults):
            running.append(number)
        if step % 20 == 0:
            check_invariants(sweep.history)
        granted = sweep.history.spent + sweep.history.granted
        assert total is None or granted <= total, f"{granted} epochs of {total} were granted"
    raise AssertionError("the sweep does not come to an end")


def _advance(play: _Play, number: int, order: random.Random, faults: float) -> bool:
    """One step of a running trial; whether it goes on running."""
    trial = play.sweep.history.trials[number]
    rows = [(e, _score(trial.params, e)) for e in range(trial.epoch + 1, trial.until + 1)]
    if order.random() >= faults:
        decision = play.do("report", number, rows)
        play.decisions.append(decision)
        if isinstance(decision, Pause):
            assert trial.status == PAUSED
        return isinstance(decision, Continue | Exploit)
    match order.choice(["lost", "node_lost", "bug", "early", "some rows"]):
        case "lost":
            play.do("lost", number)
        case "early":
            play.do("complete", number)
        case "some rows":
            play.do("report", number, rows[:-1])
            return True
        case kind:
            play.do("fail", number, Failure(kind, "on purpose"))
    return False


class _Doubled:
    """A scheduler beside one that is made anew for every question; both must agree."""

    def __init__(self, scheduler: Scheduler, make: Callable[[], Scheduler]) -> None:
        self.scheduler = scheduler
        self.make = make
        self.exploits = exploits(scheduler)

    def rungs(self, number: int) -> tuple[int, ...]:
        return self.scheduler.rungs(number)

    def decide(self, history: History, number: int) -> Decision:
        answer, fresh = (each.decide(history, number) for each in (self.scheduler, self.make()))
        assert answer == fresh, f"decide() answers {answer}, a new object {fresh}: it keeps a state"
        return answer

    def next(self, history: History) -> int | None:
        answer, fresh = (each.next(history) for each in (self.scheduler, self.make()))
        assert answer == fresh, f"next() answers {answer}, a new object {fresh}: it keeps a state"
        return answer


def _through_json(events: Iterable[Event]) -> list[Event]:
    return [decode(event.kind, json.loads(json.dumps(encode(event)))) for event in events]
