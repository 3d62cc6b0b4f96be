"""The sorted sequence of a rung is what a sorted list is, at a bounded cost.

Random tests are derandomized: they fail by chance never.
"""

from __future__ import annotations

import random
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanewise.search.core import ordered
from lanewise.search.core.ordered import BLOCK, Ordered
from lanewise.search.core.rungs import Rung


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=120), st.integers(1, 4))
def test_it_does_what_a_sorted_list_does(steps, block):
    before, ordered.BLOCK = ordered.BLOCK, block
    try:
        ours, theirs = Ordered(), []
        for adds, number in steps:
            value = (float(number % 7), -number)
            if adds and value not in theirs:
                ours.add(value)
                theirs = sorted([*theirs, value])
            elif not adds and value in theirs:
                ours.remove(value)
                theirs.remove(value)
            elif not adds:
                with pytest.raises(ValueError, match="is not there"):
                    ours.remove(value)
            assert ours.rank(value) == bisect_left(theirs, value)
            assert list(ours) == theirs
            assert [ours[index] for index in range(-len(ours), len(ours))] == theirs * 2
        for index in (len(theirs), -len(theirs) - 1):
            with pytest.raises(IndexError):
                ours[index]
        assert ours == Ordered(theirs)
        assert repr(ours) == f"Ordered({theirs})"
    finally:
        ordered.BLOCK = before


class Compared(float):
    """A score that counts how often it is compared."""

    count = 0

    def __lt__(self, other):
        Compared.count += 1
        return float(self) < float(other)

    def __eq__(self, other):
        Compared.count += 1
        return float(self) == float(other)

    __hash__ = float.__hash__


def comparisons(size):
    """Of 50 trials that reach a rung of that many, pause there and go on."""
    draws, rung = random.Random(0), Rung()
    for number in range(size):
        rung.enter(number, Compared(draws.random()))
    Compared.count = 0
    for number in range(size, size + 50):
        rung.enter(number, Compared(draws.random()))
        rung.better(number)
        rung.best(1 + len(rung) // 3)
        rung.pause(number)
        rung.leave(number)
    assert max(map(len, rung.standings._blocks)) < 2 * BLOCK  # as much as one insertion moves
    return Compared.count


def test_a_decision_costs_no_more_than_the_logarithm_of_the_trials():
    few, many = comparisons(100), comparisons(20_000)
    assert many < few * 3  # log 20,000 / log 100 is 2.2
