"""Training and validation parts that each trial draws anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.table import Groups


def reshuffled(table, **more):
    more = {"split": (0.6, 0.2, 0.2), "seed": 3, **more}
    return prepare(table, source="rows", task="binary", reshuffle=True, **more)


def test_a_seed_deals_all_rows_but_those_of_the_test_part(table):
    rows = table(100)
    made, usual = reshuffled(rows), prepare(
        rows, source="rows", task="binary", split=(0.6, 0.2, 0.2), seed=3
    )  # fmt: skip
    assert np.array_equal(made.test.x_ND, usual.test.x_ND, equal_nan=True)
    assert len(made.redraw.table) == 80
    ((train, val),) = made.redraw.draw(1)
    assert sorted([*train, *val]) == list(range(80))
    assert len(val) == len(usual.folds[0].y_val)
    assert made.redraw.codes[val].mean() == pytest.approx(0.5)
    assert np.array_equal(made.redraw.draw(1)[0][1], val)
    assert not np.array_equal(made.redraw.draw(2)[0][1], val)
    assert made.identity["reshuffle"] is True


def test_folds_are_dealt_anew(table):
    made = reshuffled(table(100), folds=4)
    one, other = made.redraw.draw(1), made.redraw.draw(2)
    assert sorted(np.concatenate([val for _, val in one])) == list(range(80))
    assert len(one) == len(other) == len(made.redrawn(1).folds) == 4
    assert not np.array_equal(one[0][1], other[0][1])


def test_groups_stay_together(table):
    rows = table(120)
    groups = np.arange(120) // 6
    made = reshuffled(replace(rows, groups=Groups("of", groups)))
    for seed in range(5):
        ((train, val),) = made.redraw.draw(seed)
        of = made.redraw.table.groups.values
        assert not set(of[train]) & set(of[val])


def test_each_trial_learns_preprocessing_of_its_own_training_rows_in_one_shape(table):
    rows = table(60)
    town = np.array([f"town {i}" for i in range(60)], dtype=object)  # each is in one row
    rows = replace(rows, categories={"town": town}, columns=("a", "town", "b"))
    made = reshuffled(rows)
    one, other = made.redrawn(1), made.redrawn(2)
    assert one.folds[0].x_train.shape == other.folds[0].x_train.shape
    assert one.folds[0].x_train.shape[1:] == made.info.input_shape
    assert one.folds[0].preprocess.categories != other.folds[0].preprocess.categories
    assert one.folds[0].preprocess.numbers != other.folds[0].preprocess.numbers
    assert abs(one.folds[0].x_train[:, 0].mean()) < 1e-6
    assert one.info is made.info
