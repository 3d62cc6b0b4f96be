"""Parts that follow time: nobody learns from what is to be foretold."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.errors import DataError
from trainables.table import Order
from trainables.timeline import split_in_time


@given(
    rows=st.integers(40, 120),
    horizon=st.integers(1, 5),
    folds=st.integers(1, 4),
    test=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 100),
)
def test_training_ends_before_validation_begins_and_that_before_test(
    rows, horizon, folds, test, seed
):
    first = np.random.default_rng(seed).permutation(rows)
    order = Order("day", first, first + horizon - 1)
    pairs, tested = split_in_time(order, (0.6, 0.4 - test, test), folds)
    assert len(pairs) == folds
    assert bool(len(tested)) == bool(test)
    for train, val in pairs:
        assert order.last[train].max() < order.first[val].min()
        if test:
            assert order.last[val].max() < order.first[tested].min()
    for (train, _), (later, _) in itertools.pairwise(pairs):
        assert set(train) < set(later)


def test_rows_of_one_moment_stay_together():
    moments = np.repeat(np.arange(10), 7)
    (((train, val),), tested) = split_in_time(Order("day", moments, moments), (0.6, 0.2, 0.2), 1)
    parts = [set(moments[part]) for part in (train, val, tested)]
    assert sum(map(len, parts)) == 10
    assert set.union(*parts) == set(range(10))


@pytest.mark.parametrize(("folds", "path"), [(1, "data.order"), (3, "folds")])
def test_too_few_moments_are_one_line(folds, path):
    moments = np.zeros(30)
    with pytest.raises(DataError) as caught:
        split_in_time(Order("day", moments, moments), (0.7, 0.15, 0.15), folds)
    assert caught.value.path == path
    assert "column 'day' has rows at 1 moments" in str(caught.value)
