import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.split import split_rows
from lanewise.trainables.data.table import Order
from lanewise.trainables.errors import DataError

SPLIT = (0.7, 0.15, 0.15)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    folds=st.integers(1, 4),
    seed=st.integers(0, 2**64 - 1),
)
def test_parts_are_disjoint_complete_and_stratified(counts, folds, seed):
    codes = np.repeat(np.arange(len(counts)), counts)
    if len(codes) < 20:
        return
    split = split_rows(len(codes), codes, split=SPLIT, folds=folds, seed=seed)
    for train, val in split.folds:
        every = np.concatenate([train, val, split.test])
        assert np.array_equal(np.sort(every), np.arange(len(codes)))
        if folds == 1 and min(counts) >= 3:
            for code, count in enumerate(counts):
                # Each class to within about one row, plus the rounding of the whole.
                assert abs((codes[train] == code).sum() - 0.7 * count) <= 2.5
    if folds > 1:
        validated = np.concatenate([val for _, val in split.folds])
        assert len(np.unique(validated)) == len(validated) == len(codes) - len(split.test)
        assert max(len(v) for _, v in split.folds) - min(len(v) for _, v in split.folds) <= 1


def test_folds_deal_each_class_evenly():
    codes = np.repeat([0, 1], [90, 30])
    split = split_rows(120, codes, split=(1, 0, 0), folds=3, seed=1)
    assert [np.bincount(codes[val]).tolist() for _, val in split.folds] == [[30, 10]] * 3


def test_a_lone_row_of_a_class_trains():
    codes = np.array([0] * 30 + [1] * 30 + [2])
    for seed in range(20):
        split = split_rows(61, codes, split=SPLIT, folds=1, seed=seed)
        assert 60 in split.folds[0][0]


def test_seeded():
    first, again, other = (
        split_rows(100, None, split=SPLIT, folds=1, seed=seed) for seed in (3, 3, 4)
    )
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)
    assert [len(part) for part in (*first.folds[0], first.test)] == [70, 15, 15]


@pytest.mark.parametrize("folds", [1, 4])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_test_part_stays_where_the_rest_is_cut_anew(folds, grouped):
    codes, groups = np.arange(200) % 3, np.arange(200) // 4 if grouped else None
    once = split_rows(200, codes, split=SPLIT, folds=1, seed=5, groups=groups)
    cuts = [
        split_rows(200, codes, split=SPLIT, folds=folds, seed=s, test_seed=5, groups=groups)
        for s in (6, 7)
    ]
    for cut in cuts:
        assert np.array_equal(cut.test, once.test)
        for train, val in cut.folds:
            assert np.array_equal(np.sort([*train, *val, *cut.test]), np.arange(200))
            if grouped:
                assert not set(groups[train]) & set(groups[val])
    assert not np.array_equal(cuts[0].folds[0][1], cuts[1].folds[0][1])


def test_no_seed_cuts_parts_that_follow_time():
    order = Order("day", np.arange(50.0), np.arange(50.0))
    with pytest.raises(DataError, match="test_seed: the parts follow 'day'"):
        split_rows(50, None, split=SPLIT, folds=1, seed=0, order=order, test_seed=1)


def test_zero_parts():
    assert not len(split_rows(10, None, split=(0.8, 0.2, 0), folds=1, seed=0).test)
    assert len(split_rows(10, None, split=(0.9, 0, 0.1), folds=3, seed=0).test) == 1


@pytest.mark.parametrize(
    ("split", "folds", "words"),
    [
        ((0.7, 0.3), 1, "data.split: [0.7, 0.3]: give three shares"),
        ((0.7, 0.4, -0.1), 1, "give three shares from 0 to 1"),
        ((0.7, 0.2, 0.2), 1, "must sum to 1, not 1.1"),
        ((0, 0.5, 0.5), 1, "training share must be above 0"),
        ((0.9, 0, 0.1), 1, "may be 0 only with folds of 2 or more"),
        (SPLIT, 0, "folds: 0: give 1"),
        (SPLIT, 9, "folds: 9 folds need 18 rows, and there are 8"),
        ((0.1, 0.8, 0.1), 1, "data.source: 10 rows are too few for the split"),
    ],
)
def test_impossible_splits(split, folds, words):
    with pytest.raises(DataError) as caught:
        split_rows(10, None, split=split, folds=folds, seed=0)
    assert words in str(caught.value)


def test_no_fold_holds_a_test_row(table):
    data = table(60, np.arange(60) % 2)
    data.x_ND[:, 0] = np.arange(60)  # tells which row it was
    made = prepare(data, source="x", task="binary", folds=4, seed=2)
    tested = set(made.test.x_ND[:, 0])
    for fold in made.folds:
        number = fold.preprocess.numbers[0]
        seen = np.concatenate([fold.x_train[:, 0], fold.x_val[:, 0]]) * number.scale + number.mean
        assert not tested & set(np.round(seen))
    assert made.for_trials().test is None
    assert made.identity["parts"]["test"] == len(tested)
    assert len({fold.x_train.shape[1] for fold in made.folds} | {made.info.input_shape[0]}) == 1
