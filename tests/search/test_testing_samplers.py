"""The conformance suite of samplers refuses what breaks the protocol."""

from __future__ import annotations

import pytest

from lanewise.search.samplers.random import draw
from lanewise.search.testing import check_sampler
from lanewise.search.testing.samplers import CONDITIONAL
from lanewise.spaces import Float, Space

LINE = Space({"x": Float(0, 1)})


class Good:
    is_adaptive, is_finite = False, False

    def __init__(self, space, seed):
        self.space, self.seed = space, seed

    def ask(self, history, numbers):
        return [draw(self.space, self.seed, number) for number in numbers]


class Counting(Good):
    calls = 0

    def ask(self, history, numbers):
        self.calls += 1
        return [draw(self.space, self.seed, self.calls, number) for number in numbers]


class Wild(Good):
    def ask(self, history, numbers):
        return [{"x": 2.0} for _ in numbers]


class Tuples(Good):
    def ask(self, history, numbers):
        return [
            {**params, "hidden": tuple(params["hidden"])}
            for params in super().ask(history, numbers)
        ]


class Writing(Good):
    def ask(self, history, numbers):
        for trial in history:
            trial.reason = "seen"
        return super().ask(history, numbers)


class ByBatch(Good):
    def ask(self, history, numbers):
        return [draw(self.space, self.seed, numbers[0], index) for index in range(len(numbers))]


class Fragile(Good):
    def ask(self, history, numbers):
        if len(history) > 3:
            history.ranked()[0]
        return super().ask(history, numbers)


def test_one_that_keeps_to_the_protocol_passes():
    check_sampler(Good)
    check_sampler(Good, LINE, trials=9)


@pytest.mark.parametrize(
    ("sampler", "space", "line"),
    [
        (Counting, LINE, "it keeps a state"),
        (Wild, LINE, "a proposal is not of the space: space.x: must be a number from 0 to 1"),
        (Tuples, CONDITIONAL, "JSON makes"),
        (Writing, LINE, "asking changes the history"),
        (ByBatch, LINE, "a batch is not what is proposed one by one"),
    ],
)
def test_what_breaks_the_protocol_is_told(sampler, space, line):
    with pytest.raises(AssertionError, match=line):
        check_sampler(sampler, space)


def test_one_that_needs_results_fails_where_there_are_none():
    with pytest.raises(IndexError):
        check_sampler(Fragile, LINE)
