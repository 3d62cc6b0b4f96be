"""Odd but usable data: what is made of them, and that it is said."""

import warnings

import numpy as np
import pandas as pd
import pytest

from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.convert import from_frame
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.preprocess import FARTHEST, MOST_LEVELS, Preprocess
from lanewise.trainables.data.task import infer_task
from lanewise.trainables.errors import DataError


def prepared(columns, target=None, folds=1, **more):
    rows = len(next(iter(columns.values())))
    target = np.arange(rows) % 2 if target is None else target
    table = from_frame(pd.DataFrame({**columns, "y": target}), Columns("y"), "the frame")
    task = infer_task(table, task=None, metric=None)
    return prepare(table, source="x", task=task, folds=folds, **more)


def test_what_is_left_out_or_cut_is_said():
    made = prepared(
        {
            "a": np.arange(200.0),
            "empty": np.nan,
            "infinite": np.inf,
            "same": 3,
            "word": "w",
            "name": [f"n{n}" for n in range(200)],
            "Unnamed: 0": np.arange(200),
        },
        target=np.where(np.arange(200) < 5, np.nan, np.arange(200) % 2),
    )
    assert made.notes == (
        "5 of 200 rows (2.5%) have no value in y: left out",
        "no training row has a value in empty, infinite; left out",
        "one value in all rows: same, word",
        "name has 195 different values; the 50 most frequent get an input each",
        "Unnamed: 0 has no name in the file; row numbers should not be there",
    )
    assert np.isfinite(made.folds[0].x_train).all()
    assert prepared({"a": np.arange(50)}).notes == ()


def test_ten_thousand_categories_are_fifty_inputs():
    names = [f"n{n}" for n in range(10_000)] + ["often"] * 500
    made = prepared({"name": names})
    assert made.info.input_shape == (MOST_LEVELS,)
    (category,) = made.folds[0].preprocess.categories
    assert "often" in category.levels


def test_one_row_is_one_line():
    with pytest.raises(DataError, match=r"data.target: column .y. has one value"):
        prepared({"a": [1.0]}, target=[0.5], split=(0.7, 0.15, 0.15))


@pytest.mark.parametrize("folds", [1, 3])
def test_a_lone_row_of_a_class_has_an_output(folds):
    made = prepared({"a": np.arange(61)}, np.array(["a", "b"] * 30 + ["c"]), folds=folds)
    assert made.info.classes == ("a", "b", "c")
    if folds == 1:
        assert 2 in made.folds[0].y_train  # where it can be learned
    else:
        assert all((fold.y_train != 2).sum() > 0 for fold in made.folds)


def test_values_far_beyond_those_of_training_stay_finite(table):
    fit = Preprocess.fit(table())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = fit.transform({"a": [1e300, -1e300], "b": [np.inf, 0], "city": ["Bern", "Bern"]})
    assert x[:, 0].tolist() == [FARTHEST, -FARTHEST]
    assert np.isfinite(x).all()
