"""Parts with equal shares of a column's values."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.convert import from_frame
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.split import split_rows
from lanewise.trainables.data.strata import strata_of
from lanewise.trainables.errors import DataError


def rows_of(counts, seed=0):
    """So many rows of each user, in no order."""
    users = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(seed).shuffle(users)
    return users


def shares(users, part):
    return np.bincount(users[part], minlength=users.max() + 1) / np.bincount(users)


def test_each_users_rows_are_spread_over_the_parts():
    users = rows_of([20] * 50 + [200] * 3)
    split = split_rows(len(users), users, split=(0.7, 0.15, 0.15), folds=1, seed=1)
    train, val = split.folds[0]
    assert np.abs(shares(users, train) - 0.7).max() <= 0.051  # 14 ± 1 of 20
    assert shares(users, val).min() > 0
    assert shares(users, split.test).min() > 0
    alone = split_rows(len(users), None, split=(0.7, 0.15, 0.15), folds=1, seed=1)
    assert np.abs(shares(users, alone.folds[0][0]) - 0.7).max() > 0.1


def test_folds_deal_each_users_rows_evenly():
    users = rows_of([6] * 30)
    split = split_rows(180, users, split=(1, 0, 0), folds=3, seed=1)
    for _, val in split.folds:
        assert np.bincount(users[val]).tolist() == [2] * 30


def test_a_user_with_few_rows_trains():
    users = rows_of([20] * 40 + [2] * 10)
    train, _ = split_rows(len(users), users, split=(0.7, 0.15, 0.15), folds=1, seed=2).folds[0]
    assert (shares(users, train)[40:] == 1).all()


def test_strata_draw_as_they_always_did():
    """A sweep that is resumed must find the parts that it had."""
    codes = np.array([2, 0, 1, 0, 2, 1, 0, 0, 2, 1, 1, 0])
    split = split_rows(12, codes, split=(0.5, 0.25, 0.25), folds=1, seed=7)
    assert [part.tolist() for part in (*split.folds[0], split.test)] == PARTS


PARTS = [[2, 4, 6, 7, 8, 9], [1, 3, 5], [0, 10, 11]]


def table(**columns):
    frame = pd.DataFrame({"y": [0, 1] * 20, **columns})
    return from_frame(frame, Columns("y"), "rows")


def test_any_feature_may_be_the_column():
    town = ["Bern", None, "Rome", "nan"] * 10
    rows = table(town=town, size=[1.0, np.nan, 2.0, 2.0] * 10)
    assert len(np.unique(strata_of(rows, "town"))) == 4
    assert len(np.unique(strata_of(rows, "size"))) == 3
    made = prepare(rows, source="rows", task="binary", split=(0.5, 0.5, 0), stratify="town")
    assert made.identity["stratify"] == "town"
    assert "town" in made.folds[0].preprocess.columns  # it stays a feature
    x = made.folds[0].x_train
    other = dataclasses.replace(rows)
    plain = prepare(other, source="rows", task="binary", split=(0.5, 0.5, 0))
    assert len(x) == len(plain.folds[0].x_train) == 20
    assert "stratify" not in plain.identity


def test_a_column_that_is_not_there_is_one_line():
    with pytest.raises(DataError) as caught:
        strata_of(table(town=["a", "b"] * 20), "twon")
    words = "data.stratify: column 'twon' is not among the columns (town; did you mean 'town'?)"
    assert str(caught.value) == words
