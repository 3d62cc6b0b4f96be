"""Parts that follow time: nobody learns from what is to be foretold."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from lanewise.trainables.data.table import Order
from lanewise.trainables.data.timeline import split_in_time
from lanewise.trainables.errors import DataError


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


@given(each=st.integers(2, 9), folds=st.integers(2, 5))
def test_folds_of_equal_size_are_those_of_scikit_learn(each, folds):
    moments = np.arange(each * (folds + 1))
    pairs, _ = split_in_time(Order("day", moments, moments), (0.8, 0.2, 0), folds)
    for (train, val), (ours, theirs) in zip(
        pairs, TimeSeriesSplit(folds).split(moments), strict=True
    ):
        assert np.array_equal(train, ours)
        assert np.array_equal(val, theirs)


@given(
    first=st.lists(st.integers(0, 30), min_size=12, max_size=60),
    reach=st.lists(st.integers(0, 6), min_size=60, max_size=60),
    split=st.sampled_from([(0.5, 0.25, 0.25), (0.7, 0.3, 0.0), (0.8, 0.0, 0.2), (1.0, 0.0, 0.0)]),
    folds=st.integers(1, 3),
)
def test_rows_of_any_reach_are_parted_without_a_leak_or_refused(first, reach, split, folds):
    """Moments come several times, rows reach differently far; 0 to validate is a part of its own,
    or, with folds, none beside them.
    """
    begin = np.array(first)
    order = Order("day", begin, begin + np.array(reach[: len(first)]))
    try:
        pairs, tested = split_in_time(order, split, folds)
    except DataError:
        return
    for train, val in pairs:
        assert len(train) >= 2
        assert bool(len(val)) == (folds > 1 or split[1] > 0)
        for before, after in ((train, val), (train, tested), (val, tested)):
            if len(before) and len(after):
                assert order.last[before].max() < order.first[after].min()


@pytest.mark.parametrize(("test", "kept"), [(0.0, 20), (0.2, 16)])
def test_where_validation_has_rows_of_its_own_all_others_train(test, kept):
    moments = np.arange(20)
    ((train, val),), tested = split_in_time(Order("day", moments, moments), (1 - test, 0, test), 1)
    assert (len(train), len(val), len(tested)) == (kept, 0, 20 - kept)


@pytest.mark.parametrize(("folds", "path"), [(1, "data.order"), (3, "folds")])
def test_too_few_moments_are_one_line(folds, path):
    moments = np.zeros(30)
    with pytest.raises(DataError) as caught:
        split_in_time(Order("day", moments, moments), (0.7, 0.15, 0.15), folds)
    assert caught.value.path == path
    assert "column 'day' has rows at 1 moments" in str(caught.value)
