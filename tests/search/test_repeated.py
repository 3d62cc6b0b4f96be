import math
import random

import pytest

from lanewise.search.selection.repeated import Repeated, of_moments, of_values


def test_of_values_and_of_moments_agree():
    values = [0.9, 0.92, 0.97, 0.91]
    mean = sum(values) / 4
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / 4)  # as a trial's replicas have it
    one, other = of_values(values), of_moments(mean, deviation, 4, folds=1)
    assert one.mean == pytest.approx(other.mean)
    assert one.spread == pytest.approx(other.spread)
    # Student's t with 3 degrees of freedom: 2.3534 at 95 %.
    low, high = one.interval(0.9)
    assert (high - low) / 2 == pytest.approx(2.3534 * one.spread / 2, rel=1e-4)


def test_folds_share_training_rows_which_widens_the_interval():
    alone, folded = Repeated(0.9, 0.02, 25), Repeated(0.9, 0.02, 25, folds=5)
    assert folded.variance == pytest.approx(0.02**2 * (1 / 25 + 1 / 4))
    assert folded.variance > alone.variance


def test_a_single_training_says_nothing_of_its_spread():
    assert of_values([0.9]).interval() == (-math.inf, math.inf)
    assert of_values([0.9]).is_tied(of_values([0.1]))


def test_what_is_far_apart_is_not_tied():
    assert Repeated(0.9, 0.01, 10).is_tied(Repeated(0.901, 0.01, 10))
    assert not Repeated(0.9, 0.01, 10).is_tied(Repeated(0.8, 0.01, 10))


def test_the_interval_holds_the_mean_as_often_as_it_says():
    rng = random.Random(0)
    held = 0
    for _ in range(2000):
        low, high = of_values([rng.gauss(0, 1) for _ in range(5)]).interval(0.9)
        held += low <= 0 <= high
    assert abs(held / 2000 - 0.9) < 0.04  # 6 sigma
