"""The functions on which samplers are compared, and that our TPE is no worse than Optuna's."""

from __future__ import annotations

import statistics
from itertools import product

import numpy as np
import pytest
from samplers import FUNCTIONS, OPTUNAS, OURS, bests, milliseconds, share_better

MINIMA = {
    "sphere": {f"x{i}": 0.3 * i for i in range(8)},
    "branin": {"x": 9.42478, "y": 2.475},
    "rosenbrock": {f"x{i}": 1.0 for i in range(4)},
    "training": {
        "hidden": [74, 74],
        "activation": "relu",
        "dropout": 0.2,
        "l2": 1e-4,
        "lr": 10**-2.7,
        "optimizer": {"name": "adam"},
    },
    "branches": {"model": {"name": "scaled", "k": 37, "z": 10**1.7}, "shared": 0.7},
    "integers": {"n0": 3, "n1": 8, "n2": 13, "n3": 18, "m": 50, "q": 0.7},
    "categories": {**{f"c{i}": "becafd"[i] for i in range(6)}, "x": 0.6},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_0_at_its_minimum_and_more_elsewhere(name):
    space, value = FUNCTIONS[name]
    space.validate(MINIMA[name])
    assert value(MINIMA[name]) == pytest.approx(0, abs=1e-3)
    rng = np.random.default_rng(0)
    assert min(value(space.sample(rng)) for _ in range(100)) > 0


def test_the_share_of_pairs_counts_equal_ones_half():
    assert share_better([1, 2], [2, 3]) == 0.875


def test_what_a_suggestion_costs_is_measured_alone_and_in_a_row():
    assert all(cost > 0 for cost in milliseconds(OURS, 20))


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_our_tpe_is_not_worse_than_optunas():
    # Of two equal samplers with n = 20 runs each, one is the better in half of all pairs, with a
    # standard deviation of sqrt((2n + 1) / 12 n^2) = 0.092, so 0.025 in the mean of 14 shares. The
    # limits are 4 such deviations away: equal samplers fail once in 30,000 choices of seeds. (The
    # seeds are fixed: it is the streams of numpy and Optuna that may change.)
    against = {"random": [], OPTUNAS: []}
    for batch, name in product((1, 32), FUNCTIONS):
        ours = bests(OURS, name, range(20), 100, batch)
        for other, shares in against.items():
            shares.append(share_better(ours, bests(other, name, range(20), 100, batch)))
    assert statistics.mean(against[OPTUNAS]) > 0.4
    assert statistics.mean(against["random"]) > 0.6
