"""The sweep's state machine under any order of commands: a model beside it, replays at any cut.

Over all schedulers, and all samplers but those of Optuna's, which take too long for so many asks.

Derandomized: fails by chance never; raise max_examples to explore.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lanewise.search.core import events as ev
from lanewise.search.core import noise
from lanewise.search.core.events import Continue, Exploit, Failure, Pause, Stop, decode, encode
from lanewise.search.core.invariants import check_invariants
from lanewise.search.core.spec import RETRIES, Budget, Constraint, Objective, Plugin, Spec
from lanewise.search.core.sweep import Done, Run, Wait
from lanewise.search.schedulers import SCHEDULERS
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Choice, Float, Int, Repeat, Space, fingerprint

SPACES = [
    Space({"a": Int(1, 6), "b": Choice(["x", "y"])}),
    Space(
        {
            "lr": Float(1e-4, 1e-1, log=True, grid=2),
            "hidden": Repeat(Int(8, 64, grid=2), times=(0, 2)),
            "optimizer": Choice([{"sgd": {"momentum": Float(0.0, 0.9, grid=2)}}, "adam"]),
        }
    ),
]
ENDED = ["completed", "stopped", "failed", "cancelled"]
KINDS = [*RETRIES, "a kind of a later release"]
CONSTRAINT = Constraint("size", most=1)
SPREAD = 1.0  # between the replicas of every trial here
BAD = [math.nan, math.inf, -math.inf, None, "0.5", True]

values = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 1, -1.0]), st.floats(-1e300, 1e300, allow_nan=False)
)
numbers = st.integers(0, 30)  # picks one of the trials at hand


@pytest.fixture(autouse=True, scope="module")
def few_trials_show_the_noise():
    """As many as these sweeps have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise, "TOP", 1)
        patch.setattr(noise, "TRIALS", 3)
        yield


def row(value):
    """What is reported beside a value; it is feasible near 0.25."""
    size = 2 * abs(value - 0.25)
    return {"score": value, "loss": math.nan, "score_std": SPREAD, "size": size}


def schedulers(epochs):
    halving = {
        "eta": st.integers(2, 5),
        "min_epochs": st.integers(1, epochs),
        "promote": st.booleans(),
    }
    options = {
        "none": {},
        "asha": halving,
        "hyperband": halving,
        "constant": {"first": st.integers(1, epochs), "top": st.integers(1, 4)},
        "median": {"interval": st.integers(1, 4), "min_trials": st.integers(1, 3)},
        "pbt": {
            "interval": st.integers(1, epochs),
            "quantile": st.sampled_from([0.1, 0.25, 0.5]),
            "resample": st.sampled_from([0, 0.25, 1]),
        },
    }
    assert set(options) == set(SCHEDULERS)
    return st.sampled_from(list(options)).flatmap(
        lambda name: st.fixed_dictionaries({}, optional=options[name]).map(
            lambda chosen: Plugin(name, chosen)
        )
    )


@st.composite
def specs(draw):
    space = draw(st.sampled_from(SPACES))
    epochs = draw(st.sampled_from([27, 10, 9, 3, 2, 1]))
    scheduler = draw(schedulers(epochs))
    if scheduler.name == "pbt" and space is SPACES[0]:
        scheduler = Plugin("pbt", {**scheduler.options, "mutate": ["a", "b"]})
    needs_trials = scheduler.name in ("constant", "pbt")
    starts = draw(st.lists(st.integers(0, 3), max_size=3))
    return Spec(
        space=space,
        objectives=(Objective("score", draw(st.sampled_from(["max", "min"]))),),
        budget=Budget(
            epochs,
            trials=draw(st.integers(1, 12) if needs_trials else st.none() | st.integers(3, 20)),
            total_epochs=draw(st.one_of(st.none(), st.integers(20, 200))),
            time=draw(st.one_of(st.none(), st.none(), st.floats(5, 50))),
            target=draw(st.sampled_from([None, None, None, 1e300])),
            stall=draw(st.one_of(st.none(), st.none(), st.integers(1, 6))),
        ),
        sampler=Plugin(draw(st.sampled_from(["grid", "random", "sobol", "tpe"]))),
        scheduler=scheduler,
        seed=draw(st.integers(0, 3)),
        retries=draw(st.fixed_dictionaries({kind: st.integers(0, 2) for kind in RETRIES})),
        # Equal seeds give equal configurations: asked twice on purpose.
        start=tuple(space.sample(np.random.default_rng(seed)) for seed in starts),
        constraints=draw(st.sampled_from([(), (CONSTRAINT,)])),
    )


@st.composite
def waiting_specs(draw):
    """Small sweeps in which trials wait for each other, and that end by nothing else."""
    epochs = draw(st.sampled_from([9, 10]))
    name = draw(st.sampled_from(["pbt", "constant", "asha", "hyperband"]))
    options = {
        "pbt": {"interval": draw(st.integers(1, 4)), "quantile": 0.5},
        "constant": {"first": draw(st.integers(1, 4)), "top": draw(st.integers(1, 3))},
        "asha": {"eta": 2, "promote": True},
        "hyperband": {"eta": 2, "promote": True},
    }[name]
    return Spec(
        space=SPACES[1],
        objectives=(Objective("score", draw(st.sampled_from(["max", "min"]))),),
        budget=Budget(epochs, draw(st.integers(2, 8)), draw(st.none() | st.integers(20, 60))),
        sampler=Plugin("random"),
        scheduler=Plugin(name, options),
        seed=draw(st.integers(0, 3)),
        retries={**dict.fromkeys(RETRIES, 0), "node_lost": 1},
        constraints=draw(st.sampled_from([(), (CONSTRAINT,)])),
    )


@st.composite
def noisy_specs(draw):
    """Sweeps that end by the noise, if not by the number of their trials."""
    spec = draw(specs())
    trials = spec.budget.trials or 20
    return replace(spec, budget=Budget(spec.budget.epochs, trials, noise=True))


def through_json(events):
    texts = [(event.kind, json.dumps(encode(event))) for event in events]
    return [decode(kind, json.loads(text)) for kind, text in texts]


def state(sweep):
    """Every field of the history as text, in which NaN equals NaN."""
    fields = dict(vars(sweep.history))
    fields["fingerprints"] = sorted(fields["fingerprints"])
    return {name: repr(value) for name, value in fields.items()}


@dataclass
class Model:
    """What a trial must be, told by the answers alone."""

    rungs: tuple
    status: str = "running"
    until: int = 0
    segments: int = 1
    attempt: int = 1
    rows: list = field(default_factory=list)  # (epoch, value)
    failures: Counter = field(default_factory=Counter)

    @property
    def epoch(self):
        return self.rows[-1][0] if self.rows else 0


class SweepMachine(RuleBasedStateMachine):
    @initialize(spec=specs())
    def begin(self, spec):
        self.spec = spec
        self.sweep = make_sweep(spec)
        self.model = {}
        self.waiting = []  # in the order in which they began to wait
        self.events = []
        self.commands = []  # (events before it, method, arguments, answer)
        self.seconds = 0.0
        self.best = None  # (-violation, score, -epoch, -number)
        self.ended_since = 0  # trials, since the best value was last improved
        self.is_closed = False
        self.may_ask = True
        self.within_grants = True

    # -- commands ------------------------------------------------------------------------------

    def do(self, method, *args):
        before = len(self.events)
        answer = getattr(self.sweep, method)(*args)
        self.events += self.sweep.drain()
        assert self.sweep.drain() == []
        self.commands.append((before, method, args, answer))
        self.may_ask = method != "ask" or isinstance(answer, Run)
        return answer

    def in_state(self, status):
        return [number for number, trial in self.model.items() if trial.status == status]

    def pick(self, place):
        running = self.in_state("running")
        return running[place % len(running)]

    @property
    def is_over(self):
        budget, score = self.spec.budget, self.spec.objective.score
        return (
            self.is_closed
            or (budget.time is not None and self.seconds >= budget.time)
            or (
                budget.target is not None
                and self.best is not None
                and self.best[:2] >= (0, score(budget.target))
            )
            or (budget.stall is not None and self.ended_since >= budget.stall)
            or (budget.noise and self.is_within_noise)
        )

    @property
    def is_within_noise(self):
        ended = [number for number, trial in self.model.items() if trial.status in ENDED]
        if len(ended) < noise.TRIALS or self.best is None or -self.best[3] not in ended:
            return False
        ranks = [max(self.ranks(number), default=(-1,)) for number in ended]
        scores = sorted((rank[1] for rank in ranks if not rank[0]), reverse=True)
        if len(scores) <= noise.TOP:
            return False
        trials = self.spec.budget.trials
        further = len(ended) if trials is None else min(len(ended), trials - len(self.model))
        share = further / len(ended)
        return noise.expected_gain(scores[: noise.TOP + 1], share) <= SPREAD

    def ranks(self, number):
        """Of all rows of a trial; no losses here: the cheaper comes first, then the older."""
        return [self.rank(number, *each) for each in self.model[number].rows]

    def rank(self, number, epoch, value):
        violation = sum(each.violation(row(value)) for each in self.spec.constraints)
        return -violation, self.spec.objective.score(value), -epoch, -number

    def ends(self, number, status):
        self.model[number].status = status
        self.ended_since += self.best is None or number != -self.best[3]

    @precondition(lambda self: self.may_ask or not self.in_state("running"))
    @rule(times=st.integers(1, 4))
    def ask(self, times):
        self._ask()
        for _ in range(times - 1):
            if self.may_ask:
                self._ask()

    def _ask(self):
        before = len(self.events)
        was_over = self.is_over
        answer = self.do("ask")
        for event in self.events[before:]:
            if isinstance(event, ev.Resumed):
                assert not was_over
                self._resumed(event)
        if isinstance(answer, Done):
            assert not self.in_state("running")
            self._nobody_is_forgotten()
        elif isinstance(answer, Wait):
            assert self.in_state("running")
        else:
            assert isinstance(answer, Run)
            self._started(answer)

    def _resumed(self, event):
        """A paused trial goes on, or ends since there are no epochs left for it."""
        number, decision = event.number, event.decision
        trial = self.model[number]
        assert trial.status == "paused"
        if isinstance(decision, Stop):
            assert decision.reason == "total_epochs"
            self.ends(number, "stopped")
        else:
            assert not self.waiting
            trial.status, trial.until = "running", decision.until
            if isinstance(decision, Exploit):
                self._copied(number, decision)

    def _copied(self, number, decision):
        """The source has been where the trial is; only what may change has changed."""
        trial, source = self.model[number], self.model[decision.source]
        rung = max(rung for rung in trial.rungs if rung <= trial.epoch)
        assert self.spec.scheduler.name == "pbt"
        assert decision.source != number
        assert source.epoch >= rung
        self.spec.space.validate(decision.params)
        before = self.spec.space.values(self.sweep.history.trials[decision.source].params_at(rung))
        after = self.spec.space.values(decision.params)
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= set(self.sweep.scheduler.mutate)
        trial.segments += 1

    def _nobody_is_forgotten(self):
        """Where nothing is left to do, whoever is paused was not to go on."""
        history, total = self.sweep.history, self.spec.budget.total_epochs
        if self.is_over or (total is not None and total <= history.spent):
            return
        assert not self.waiting
        for number in self.in_state("paused"):
            assert self.spec.scheduler.name != "pbt"
            assert self.sweep.scheduler.decide(history, number) == Pause()

    def _started(self, run):
        trial = self.model.get(run.number)
        assert not self.is_over
        assert run.until > run.epoch
        assert run.until in run.rungs or self.spec.budget.total_epochs
        assert run.rungs == self.sweep.scheduler.rungs(run.number)
        if trial is not None and trial.status == "running":  # a pause is over
            number = run.number
            assert run.until == trial.until
        elif self.waiting:
            number = self.waiting.pop(0)
            trial = self.model[number]
            trial.status, trial.until = "running", run.until
            trial.attempt += 1
        else:
            number = len(self.model)
            self.model[number] = trial = Model(run.rungs, until=run.until)
            self.spec.space.validate(run.params)
        assert run.segment == trial.segments - 1
        assert (run.source is None) == (run.segment == 0)
        assert (run.number, run.attempt, run.epoch) == (number, trial.attempt, trial.epoch)

    @precondition(lambda self: self.in_state("running"))
    @rule(place=numbers, new=st.lists(values, min_size=1, max_size=6), repeated=st.integers(0, 4))
    def report_the_next_epochs(self, place, new, repeated):
        """Rows up to ``until`` at most, perhaps after some that were reported before."""
        number = self.pick(place)
        trial = self.model[number]
        epochs = range(trial.epoch + 1, trial.until + 1)
        old = [(e, {"score": 1e308}) for e, _ in trial.rows[len(trial.rows) - repeated :]]
        fresh = [(e, row(v)) for e, v in zip(epochs, new, strict=False)]
        self._report(number, old + fresh)

    @precondition(lambda self: self.in_state("running"))
    @rule(reports=st.lists(st.tuples(numbers, values), min_size=1, max_size=8))
    def report_next_rungs(self, reports):
        for place, value in reports:
            if self.in_state("running"):
                number = self.pick(place)
                self._report(number, [(self.model[number].until, row(value))])

    @rule(workers=st.integers(1, 6), new=st.lists(values, min_size=6, max_size=6))
    def work(self, workers, new):
        """Workers that are free are fed, and all that runs reaches its next rung."""
        while self.may_ask and len(self.in_state("running")) < workers:
            self._ask()
        for number, value in zip(self.in_state("running"), new, strict=False):
            if self.model[number].status == "running":  # the sweep may be over meanwhile
                self._report(number, [(self.model[number].until, row(value))])

    @precondition(lambda self: self.in_state("running"))
    @rule(place=numbers, steps=st.lists(st.tuples(st.integers(1, 12), values), max_size=3))
    def report_epochs_with_gaps(self, place, steps):
        """As a user's function may: past rungs, past ``until``, past the last epoch; or nothing."""
        number = self.pick(place)
        epoch, rows = self.model[number].epoch, []
        for step, value in steps:
            epoch += step
            rows.append((epoch, row(value)))
        self.within_grants &= epoch <= self.model[number].until
        self._report(number, rows)

    @precondition(lambda self: self.in_state("running"))
    @rule(
        place=numbers,
        good=st.lists(st.tuples(st.integers(1, 9), values), max_size=2),
        bad=st.sampled_from([*BAD, "missing"]),
        step=st.integers(1, 9),
        after=values,
    )
    def report_a_bad_value(self, place, good, bad, step, after):
        number = self.pick(place)
        epoch, rows = self.model[number].epoch, []
        for gap, value in good:
            epoch += gap
            rows.append((epoch, row(value)))
        self.within_grants &= epoch <= self.model[number].until
        broken = {"loss": 1.0} if bad == "missing" else {"score": bad}
        rows += [(epoch + step, broken), (epoch + step + 1, row(after))]
        self._report(number, rows)

    def _report(self, number, rows):
        trial = self.model[number]
        answer = self.do("report", number, rows)
        fresh = [(epoch, metrics.get("score")) for epoch, metrics in rows if epoch > trial.epoch]
        usable = [type(v) in (int, float) and math.isfinite(v) for _, v in fresh]
        is_bad = not all(usable)
        for epoch, value in fresh[: usable.index(False)] if is_bad else fresh:
            trial.rows.append((epoch, value))
            rank = self.rank(number, epoch, value)
            if self.best is None or rank > self.best:
                is_better = self.best is None or rank[:2] > self.best[:2]
                self.best, self.ended_since = rank, 0 if is_better else self.ended_since
        rungs = [f"rung {rung}" for rung in trial.rungs[:-1]]
        match answer:
            case Pause():
                assert not is_bad
                assert not self.is_over
                assert self.spec.scheduler.name in ("asha", "hyperband", "constant", "pbt")
                trial.status = "paused"
            case Exploit(_, _, until):
                assert not is_bad
                assert not self.is_over
                assert until > trial.epoch
                trial.until = until
                self._copied(number, answer)
            case Continue(until):
                assert not is_bad
                assert not self.is_over
                assert until > trial.epoch
                trial.until = until
            case Stop("finished"):
                assert trial.epoch >= self.spec.budget.epochs
                self.ends(number, "completed")
            case Stop("bug" | "bad_value" as kind):
                assert is_bad
                assert trial.epoch < self.spec.budget.epochs
                self._failed(number, kind)
            case Stop(reason):
                assert reason in [*rungs, "total_epochs"] or self.is_over
                self.ends(number, "stopped")

    def _failed(self, number, kind):
        trial = self.model[number]
        retry = trial.failures[kind] < self.spec.retries.get(kind, 0)
        trial.failures[kind] += 1
        if retry:
            trial.status = "waiting"
            self.waiting.append(number)
        else:
            self.ends(number, "failed")

    @precondition(lambda self: self.in_state("running"))
    @rule(place=numbers, how=st.sampled_from(["lost", "complete", *KINDS]))
    def end(self, place, how):
        """An attempt is cut off, ends by itself, or fails."""
        number = self.pick(place)
        if how == "complete":
            self.do("complete", number)
            self.ends(number, "completed")
        elif how == "lost":
            self.do("lost", number)
            self.model[number].status = "waiting"
            self.waiting.append(number)
        else:
            assert self.do("fail", number, Failure(how, "Traceback:\n  boom")) == Stop(how)
            self._failed(number, how)

    @precondition(lambda self: self.spec.budget.time is not None and len(self.model) > 2)
    @rule(seconds=st.floats(0, 8))
    def tick(self, seconds):
        self.do("tick", self.seconds + seconds - 1)  # a clock that is a second behind is harmless
        self.seconds = max(self.seconds, round(max(self.seconds + seconds - 1, self.seconds), 3))

    @precondition(lambda self: len(self.model) > 2)
    @rule(topic=st.sampled_from(["packing", "data"]), text=st.sampled_from(["a", "b"]))
    def note(self, topic, text):
        self.do("note", topic, text)
        assert self.sweep.history.notes[topic] == text

    @precondition(lambda self: not self.is_closed and len(self.model) > 5)
    @rule(reason=st.sampled_from(["trials", ev.BY_A_PERSON]))
    def close(self, reason):
        self.do("close", reason)
        self.is_closed = True
        for trial in self.model.values():
            if trial.status in ("running", "waiting", "paused"):
                trial.status = "cancelled" if reason == ev.BY_A_PERSON else "stopped"
        self.waiting = []

    @precondition(lambda self: self.in_state("running") and self.commands[-1][1] == "report")
    @rule()
    def kill_and_resume(self):
        """What a new controller does: replay, and call lost whatever was running."""
        self.sweep = replay(Spec.from_json(self.spec_text()), through_json(self.events))
        for number in self.in_state("running"):
            self.do("lost", number)
            self.model[number].status = "waiting"
            self.waiting.append(number)

    # -- what always holds ---------------------------------------------------------------------

    @invariant()
    def every_trial_is_known_and_in_exactly_one_state(self):
        history = self.sweep.history
        assert list(history.trials) == [trial.number for trial in history] == list(self.model)
        assert list(self.model) == list(range(len(self.model)))
        assert {n: t.status for n, t in history.trials.items()} == {
            n: t.status for n, t in self.model.items()
        }
        assert [trial.number for trial in history.waiting] == self.waiting
        assert {trial.number for trial in history.running} == set(self.in_state("running"))
        assert {trial.number for trial in history.paused} == set(self.in_state("paused"))
        check_invariants(history)
        assert history.count("running", "waiting") == len(history.running) + len(history.waiting)
        assert history.has_running == bool(history.running)
        assert history.first_waiting is next(iter(history.waiting), None)
        assert history.granted == sum(max(0, t.until - t.epoch) for t in history.running)

    @invariant()
    def every_row_is_kept_once(self):
        for trial in self.sweep.history:
            assert [(e, m["score"]) for e, m in trial.rows] == self.model[trial.number].rows
        assert self.sweep.history.spent == sum(trial.epoch for trial in self.model.values())

    @invariant()
    def no_configuration_is_tried_twice_unless_given_twice(self):
        prints = [fingerprint(trial.segments[0].params) for trial in self.sweep.history]
        start = [fingerprint(params) for params in self.spec.start]
        assert prints[: len(start)] == start[: len(prints)]
        proposed = prints[len(start) :]
        assert len(set(proposed)) == len(proposed)
        assert not set(proposed) & set(start)

    @invariant()
    def budgets_hold(self):
        budget = self.spec.budget
        assert budget.trials is None or len(self.model) <= budget.trials
        if budget.total_epochs is not None and self.within_grants:
            granted = [
                trial.until if trial.status == "running" else trial.epoch
                for trial in self.model.values()
            ]
            assert sum(granted) <= budget.total_epochs

    @invariant()
    def best_is_the_best_of_all_rows(self):
        score = self.spec.objective.score
        ranks = [rank for number in self.model for rank in self.ranks(number)]
        best = self.sweep.history.best
        if not ranks:
            assert best is None
            assert self.sweep.history.ranked() == []
            return
        _, value, epoch, number = max(ranks)
        assert (score(best.best[1]), best.number, best.best[0]) == (value, -number, -epoch)
        assert best.best_metrics["score"] == best.best[1]
        assert math.isfinite(best.best[1])
        assert self.sweep.history.ranked()[0] is best

    @invariant()
    def a_rung_holds_the_first_row_at_or_past_it(self):
        for rungs, rung in {
            (trial.rungs, rung) for trial in self.model.values() for rung in trial.rungs
        }:
            reached = {}
            for number, trial in self.model.items():
                passed = [value for epoch, value in trial.rows if epoch >= rung]
                if passed and trial.rungs == rungs:
                    reached[number] = self.spec.objective.score(passed[0])
            at = self.sweep.history.rung(rungs, rung)
            assert at.scores == sorted(reached.values())
            assert all(at.score(n) == s for n, s in reached.items())

    # -- replay --------------------------------------------------------------------------------

    def spec_text(self):
        return json.loads(json.dumps(self.spec.to_json()))

    @invariant()
    def replay_gives_the_same_history(self):
        replayed = replay(self.spec, through_json(self.events))
        assert state(replayed) == state(self.sweep)
        assert replayed.drain() == []

    def teardown(self):
        """From a replay up to any cut, the same commands get the same answers and events."""
        commands = getattr(self, "commands", [])
        for cut in range(0, len(commands), 1 + len(commands) // 6):
            before = commands[cut][0]
            sweep = replay(Spec.from_json(self.spec_text()), through_json(self.events[:before]))
            events = []
            for _, method, args, answer in commands[cut:]:
                assert getattr(sweep, method)(*args) == answer
                events += sweep.drain()
            assert repr(events) == repr(self.events[before:])
            assert state(sweep) == state(self.sweep)


class WaitingMachine(SweepMachine):
    """The same where trials pause and copy each other; else that is rare."""

    @initialize(spec=waiting_specs())
    def begin(self, spec):
        super().begin(spec)


class NoisyMachine(SweepMachine):
    """The same where a sweep may end by the noise."""

    @initialize(spec=noisy_specs())
    def begin(self, spec):
        super().begin(spec)


def cases(machine, examples):
    machine.TestCase.settings = settings(
        deadline=None,
        max_examples=examples,
        stateful_step_count=40,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],  # to explain a failure takes longer than our timeout
    )
    return machine.TestCase


TestSweep = cases(SweepMachine, 50)
TestWaiting = cases(WaitingMachine, 40)
TestNoisy = cases(NoisyMachine, 15)
