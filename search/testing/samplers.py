"""What must hold of every sampler.

from lanewise.search.testing import check_sampler

def test_my_sampler():
    check_sampler(MySampler)
    check_sampler(lambda space, seed: MySampler(space, seed, startup=3), space=MY_SPACE)
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lanewise.search.core.events import Asked, Event, Failure, Params, decode, encode
from lanewise.search.core.history import History
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run, Sweep
from lanewise.search.samplers import wrapped
from lanewise.search.samplers.base import Sampler
from lanewise.search.schedulers import make_scheduler
from lanewise.spaces import Choice, Float, Int, Repeat, Space, SpaceError, fingerprint

Make = Callable[[Space, int], Sampler]

FINITE = Space({"a": Int(1, 3), "b": Choice(["x", "y"]), "c": Float(0.0, 0.5, step=0.5)})
CONDITIONAL = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True, grid=4),
        "hidden": Repeat(Int(16, 64, grid=3), times=(0, 2)),
        "optimizer": Choice(
            [
                {"sgd": {"momentum": Float(0.0, 0.99, grid=2), "nesterov": Choice([True, False])}},
                "adam",
            ]
        ),
        "batch_size": 64,
    }
)
SEEDS = (0, 1)  # of plays; with an odd one values are minimized and trials paused, not stopped


def check_sampler(make: Make, space: Space | None = None, *, trials: int = 20) -> None:
    """Raise AssertionError unless what ``make`` makes of (space, seed) keeps to the protocol.

    Args:
        make: a sampler's class, or a function that gives it options.
        space: to be sampled; by default a finite one and a conditional one, both with a grid.
        trials: how long the sweeps are; at least as many as the sampler draws without a model.
    """
    for each in (FINITE, CONDITIONAL) if space is None else (space,):
        for check in CHECKS:
            check(make, each, trials)


def check_proposals(make: Make, space: Space, trials: int) -> None:
    """Proposals are of the space, in plain JSON, and asking for them changes no history."""
    play = _Play(make, space, 0)
    for _ in range(trials):
        before = repr(play.history.trials)
        proposals = play.proposals(1)
        assert repr(play.history.trials) == before, "asking changes the history"
        for params in proposals:
            try:
                space.validate(params)
            except SpaceError as error:
                raise AssertionError(f"a proposal is not of the space: {error}") from None
            as_read = json.loads(json.dumps(params))
            assert as_read == params, f"JSON makes {as_read} of the proposal {params}"
        if not play.goes_on():
            break


def check_no_state(make: Make, space: Space, trials: int) -> None:
    """A new sampler on a replayed history proposes what the one proposed that saw it grow."""
    for seed in SEEDS:
        play = _Play(make, space, seed)
        for step in range(trials):
            proposals = play.proposals(1)
            if step % 3 < 2 and step + 1 < trials:  # a replay is long for some
                if not play.goes_on():
                    break
                continue
            expected = make(space, 0).ask(play.replayed().history, [len(play.history)])
            assert proposals == expected, (
                f"for trial {len(play.history)} it proposes {proposals}, and {expected} from a "
                "replay of the same history: it keeps a state"
            )
            if not play.goes_on():
                break


def check_side_by_side(make: Make, space: Space, trials: int) -> None:
    """One sampler serves two histories, turn by turn, as two samplers would."""
    shared = make(space, 0)
    plays = [_Play(lambda space, seed: shared, space, seed) for seed in SEEDS]
    for _ in range(trials):
        for play in plays:
            play.goes_on()
    for play, seed in zip(plays, SEEDS, strict=True):
        alone = _Play(make, space, seed)
        for _ in range(trials):
            alone.goes_on()
        assert play.tried == alone.tried, "what it proposes depends on another history"


def check_batches(make: Make, space: Space, trials: int) -> None:
    """A batch is what is proposed one by one; one that is dropped leaves nothing behind."""
    for seed in SEEDS:
        play = _Play(make, space, seed)
        for _ in range(trials - 3):
            play.goes_on()
        first = len(play.history)
        one_by_one, at_once, again = (play.replayed() for _ in range(3))
        expected = _new(one_by_one, [1, 1, 1])
        assert _new(at_once, [3]) == expected, "a batch is not what is proposed one by one"
        again.sampler.ask(again.history, range(first, first + 2))
        assert _new(again, [1, 2]) == expected, "a batch that was never tried leaves something"


def check_repeats(make: Make, space: Space, trials: int) -> None:
    """In a sweep no configuration is tried twice, and a finite space ends when all were."""
    play = _Play(make, space, 0, is_wrapped=True)
    count = min(trials, play.size) if play.size < math.inf else trials
    while len(play.history) < count and play.goes_on():
        pass
    tried = [fingerprint(params) for params in play.tried]
    assert len(set(tried)) == len(tried), "a configuration is tried twice"
    assert len(tried) == count, f"only {len(tried)} of {count} configurations are tried"
    if count == space.size:
        rest = play.proposals(1)
        assert rest == [], f"everything was tried, yet {rest} is proposed"


def check_failures(make: Make, space: Space, trials: int) -> None:
    """A history of failures alone is no obstacle."""
    play = _Play(make, space, 0)
    for number in range(trials):
        run = play.sweep.ask()
        if not isinstance(run, Run):
            break
        if number % 2:
            play.sweep.fail(number, Failure("bug", "on purpose"))
        else:
            play.sweep.report(number, [(1, {"score": math.nan})])
    assert play.history.count("failed") == len(play.history) > 0


CHECKS: tuple[Callable[[Make, Space, int], None], ...] = (
    check_proposals,
    check_no_state,
    check_side_by_side,
    check_batches,
    check_repeats,
    check_failures,
)


# -- a sweep that is played ------------------------------------------------------------------------


@dataclass
class _Play:
    """A sweep whose trials run side by side, report, fail, are lost, paused and stopped.

    Every random choice comes from the seed.
    """

    make: Make
    space: Space
    seed: int
    is_wrapped: bool = False
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.order = random.Random(self.seed)
        self.spec = Spec(
            space=self.space,
            objectives=(Objective("score", "min" if self.seed % 2 else "max"),),
            budget=Budget(epochs=9),
            scheduler=Plugin("asha", {"promote": bool(self.seed % 2)}),
            retries={"node_lost": 1},
        )
        self.sweep = self._sweep()

    def _sweep(self) -> Sweep:
        sampler = self.make(self.space, 0)
        if self.is_wrapped:
            sampler = wrapped(sampler, self.spec)
        return Sweep(self.spec, sampler, make_scheduler(self.spec))

    @property
    def history(self) -> History:
        return self.sweep.history

    @property
    def size(self) -> int | float:
        """How many configurations there are: a grid has fewer than its space."""
        is_finite = self.sweep.sampler.is_finite
        return self.space.grid_size if is_finite else self.space.size

    @property
    def tried(self) -> list[Params]:
        return [trial.segments[0].params for trial in self.history]

    def proposals(self, count: int) -> list[Params]:
        first = len(self.history)
        return self.sweep.sampler.ask(self.history, range(first, first + count))

    def replayed(self) -> Sweep:
        """The same history in a sweep of its own, through the journal's JSON."""
        sweep = self._sweep()
        for event in self.events:
            text = json.dumps(encode(event))
            sweep.history.apply(decode(event.kind, json.loads(text)))
        return sweep

    def goes_on(self) -> bool:
        """Until one more trial was asked for; False where there is none."""
        count = len(self.history)
        while len(self.history) == count:
            running = self.history.running
            may_ask = len(running) < 4 and (not running or self.order.random() < 0.7)
            if may_ask and not isinstance(self.sweep.ask(), Run) and not running:
                return False
            if running:
                self._step(running[self.order.randrange(len(running))].number)
            self.events += self.sweep.drain()
        return True

    def _step(self, number: int) -> None:
        trial = self.history.trials[number]
        score = int(fingerprint(trial.params)[:8], 16) / 2**32  # any function will do
        match self.order.choices(range(5), [8, 6, 6, 5, 75])[0]:
            case 0:
                self.sweep.fail(number, Failure("node_lost", "on purpose"))
            case 1:
                self.sweep.report(number, [(trial.until, {"score": math.nan})])
            case 2:
                self.sweep.complete(number)
            case 3:
                self.sweep.lost(number)
            case _:
                self.sweep.report(number, [(trial.until, {"score": score})])


def _new(sweep: Sweep, batches: Sequence[int]) -> list[Params]:
    """The configurations of new trials, asked for in such batches, with nothing else happening."""
    proposals: list[Params] = []
    for count in batches:
        first = len(sweep.history)
        numbers = range(first, first + count)
        for number, params in zip(numbers, sweep.sampler.ask(sweep.history, numbers), strict=False):
            rungs = sweep.scheduler.rungs(number)
            sweep.history.apply(Asked(number, params, rungs[0], rungs))
            proposals.append(params)
    return proposals
