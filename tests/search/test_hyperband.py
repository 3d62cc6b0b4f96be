"""Hyperband: brackets and their shares are the paper's, each decides as an ASHA, one is ASHA.

Random tests are derandomized: they fail by chance never; raise max_examples to explore.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import FINISHED, Continue, Stop
from lanewise.search.core.rungs import geometric
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.search.errors import SearchError
from lanewise.search.schedulers import make_scheduler
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Float, Space

check = settings(deadline=None, max_examples=30, derandomize=True)


def spec(name, epochs, trials=10, **options):
    return Spec(
        space=Space({"x": Float(0, 1)}),
        objectives=(Objective("score", "max"),),
        budget=Budget(epochs, trials),
        sampler=Plugin("random"),
        scheduler=Plugin(name, options),
    )


def paper(R, r, eta):
    """Algorithm 1 of Li et al., JMLR 2018, for resources from r to R: s -> (n, first rung)."""
    s_max = max(s for s in range(64) if r * eta**s <= R)
    B = (s_max + 1) * R
    return {
        s: (ceil(Fraction(B, R) * Fraction(eta**s, s + 1)), r * eta ** (s_max - s) if s else R)
        for s in range(s_max, -1, -1)
    }


@pytest.mark.parametrize(
    ("epochs", "first", "eta"),
    [(81, 1, 3), (27, 1, 3), (243, 1, 3), (1000, 1, 10), (100, 2, 3), (64, 1, 4), (1, 1, 2)],
)
def test_brackets_and_their_shares_are_the_papers(epochs, first, eta):
    scheduler = make_scheduler(spec("hyperband", epochs, eta=eta, min_epochs=first))
    sizes = {geometric(r, eta, epochs): n for n, r in paper(epochs, first, eta).values()}
    whole = sum(sizes.values())
    trials = [scheduler.rungs(number) for number in range(2 * whole)]
    assert Counter(trials[:whole]) == sizes
    assert trials[:whole] == trials[whole:]
    begun = Counter()
    for count, rungs in enumerate(trials, 1):  # at any time, each has its share so far
        begun[rungs] += 1
        for bracket, size in sizes.items():
            assert abs(begun[bracket] - Fraction(count * size, whole)) < len(sizes)


def test_the_first_bracket_compares_from_the_first_rung_and_the_last_one_never():
    scheduler = make_scheduler(spec("hyperband", 81))
    assert [bracket.rungs(0) for bracket in scheduler.brackets] == [
        *((1, 3, 9, 27, 81), (3, 9, 27, 81), (9, 27, 81), (27, 81), (81,))
    ]
    assert [scheduler.rungs(number)[0] for number in range(10)] == [1, 3, 1, 1, 9, 1, 3, 1, 27, 1]
    two = make_scheduler(spec("hyperband", 81, brackets=2))
    assert {two.rungs(number) for number in range(100)} == {(1, 3, 9, 27, 81), (3, 9, 27, 81)}


@check
@given(data=st.data())
def test_every_decision_is_the_papers_within_its_bracket(data):
    eta, R = data.draw(st.integers(2, 4), "eta"), data.draw(st.integers(1, 40), "R")
    sweep = make_sweep(spec("hyperband", R, data.draw(st.integers(1, 25), "trials"), eta=eta))
    reached = defaultdict(list)  # (bracket, epoch) -> values
    running = []
    while True:
        # A new trial begins, or one of those running reaches its next rung.
        chosen = data.draw(st.integers(0, len(running)))
        if chosen == len(running):
            run = sweep.ask()
            if isinstance(run, Run):
                running.append((run, run.until))
            if not running:
                break
            continue
        run, epoch = running.pop(chosen)
        value = data.draw(st.integers(-3, 3))
        decision = sweep.report(run.number, [(epoch, {"score": value})])
        peers = reached[run.rungs, epoch]
        peers.append(value)
        is_on_top = value >= sorted(peers, reverse=True)[max(1, len(peers) // eta) - 1]
        if epoch == R:
            assert decision == Stop(FINISHED)
        elif is_on_top:
            assert decision == Continue(min(rung for rung in run.rungs if rung > epoch))
            running.append((run, decision.until))
        else:
            assert decision == Stop(f"rung {epoch}")


def curve(params, epoch):
    return {"score": params["x"] * epoch % 0.31}


@pytest.mark.parametrize("promote", [False, True])
@pytest.mark.parametrize("workers", [1, 4])
def test_one_bracket_equals_asha(promote, workers):
    options = {"eta": 3, "min_epochs": 2, "promote": promote}
    one = make_sweep(spec("hyperband", 20, 30, brackets=1, **options))
    asha = make_sweep(spec("asha", 20, 30, **options))
    assert simulate(one, curve, workers=workers) == simulate(asha, curve, workers=workers)


def test_promotion_keeps_to_brackets():
    sweep = make_sweep(spec("hyperband", 9, 40, promote=True))
    simulate(sweep, curve, workers=3)
    ends = defaultdict(list)
    for trial in sweep.history:
        ends[trial.rungs].append(trial.status)
    assert {rungs: "completed" in statuses for rungs, statuses in ends.items()} == {
        (1, 3, 9): True,
        (3, 9): True,
        (9,): True,
    }
    assert set(ends[9,]) == {"completed"}
    assert "stopped" in ends[3, 9]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"eta": 1}, "eta must be a whole number of at least 2, got 1"),
        ({"brackets": 4}, "brackets must be a whole number from 1 to all (3), got 4"),
        ({"brackets": 0}, "brackets must be a whole number from 1 to all (3), got 0"),
        ({"promote": "yes"}, "promote must be true or false, got 'yes'"),
    ],
)
def test_bad_options_get_one_line(options, line):
    with pytest.raises(SearchError, match=f"^{re.escape(f'scheduler.hyperband: {line}')}$"):
        make_scheduler(spec("hyperband", 9, **options))
