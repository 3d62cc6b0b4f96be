import json

import numpy as np
import pandas as pd
import pytest

from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.preprocess import MOST_LEVELS, Preprocess
from lanewise.trainables.data.table import Table
from lanewise.trainables.errors import DataError


def test_numbers_are_imputed_and_standardised(table):
    data = table()
    fit = Preprocess.fit(data)
    x = fit.transform(data)
    assert x.dtype == np.float32
    # a | b and whether it is missing | Bern, Rome, missing
    assert x.shape == (40, 6) == (40, fit.width)
    assert abs(x[:, :2].mean(0)).max() < 1e-6
    assert abs(x[:, :2].std(0) - 1).max() < 1e-5
    assert np.array_equal(x[:, 2], np.isnan(data.x_ND[:, 1]))
    assert np.array_equal(x[:, 3:].sum(1), np.ones(40))


def test_fitted_on_the_training_part_only(table):
    data = table(60)
    before = prepare(data, source="x", task="binary", seed=1)
    held = np.setdiff1d(np.arange(60), _training_rows(data, before))
    data.x_ND[held] *= 1000
    data.categories["city"][held] = "Atlantis"
    after = prepare(data, source="x", task="binary", seed=1)
    assert after.folds[0].preprocess == before.folds[0].preprocess
    assert np.array_equal(after.folds[0].x_train, before.folds[0].x_train)
    assert not np.array_equal(after.folds[0].x_val, before.folds[0].x_val)


def _training_rows(data, prepared):
    number = prepared.folds[0].preprocess.numbers[0]
    found = prepared.folds[0].x_train[:, 0] * number.scale + number.mean
    return [int(np.argmin(abs(data.x_ND[:, 0] - value))) for value in found]


def test_json_round_trip_is_exact(table):
    fit = Preprocess.fit(table(), regression=True)
    assert Preprocess.from_json(fit.to_json()) == fit
    assert isinstance(json.loads(fit.to_json()), dict)


def test_the_same_rows_in_any_form(table):
    data = table()
    fit = Preprocess.fit(data)
    columns = {"a": data.x_ND[:, 0], "b": data.x_ND[:, 1], "city": data.categories["city"]}
    frame = pd.DataFrame(columns)[["city", "b", "a"]]  # order has no say
    rows = [list(row) for row in zip(columns["a"], columns["city"], columns["b"], strict=True)]
    for form in (columns, frame, rows, np.array(rows, dtype=object)):
        assert np.array_equal(fit.transform(form), fit.transform(data))


def test_new_data_with_unseen_categories_and_missing_values(table):
    fit = Preprocess.fit(table())
    x = fit.transform({"a": [None], "b": ["5"], "city": ["Paris"]})
    number = fit.numbers[0]
    assert x[0, 0] == np.float32((number.median - number.mean) / number.scale)
    assert not x[0, 3:].any()


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (
            {"a": [1], "b": [1], "town": ["x"]},
            "column 'city' is missing (columns given: a, b, town",
        ),
        ({"a": ["one"], "b": [1], "city": ["x"]}, "column 'a' was numeric in training"),
        (np.zeros((2, 5)), "takes 3 columns (a, city, b), not an array of shape [2, 5]"),
    ],
)
def test_new_data_that_does_not_fit(table, X, words):
    with pytest.raises(DataError) as caught:
        Preprocess.fit(table()).transform(X)
    assert words in str(caught.value)


def one_column(x):
    return Table(np.array(x, float)[:, None], ("a",), {}, ("a",), np.zeros(len(x)), "y")


@pytest.mark.parametrize("x", [[3, 3, 3], [0.1] * 3, [1e300, -1e300, 0], [np.nan, 2, np.nan]])
def test_odd_columns_give_finite_numbers(x):
    data = one_column(x)
    assert np.isfinite(Preprocess.fit(data).transform(data)).all()


def test_columns_without_a_value():
    with pytest.raises(DataError, match="nothing to learn from"):
        Preprocess.fit(one_column([np.nan, np.nan]))


def test_only_the_most_frequent_categories():
    names = np.array([f"n{i}" for i in range(90)] + ["n89"] * 5, dtype=object)
    data = Table(np.zeros((95, 0)), (), {"c": names}, ("c",), np.zeros(95), "y")
    fit = Preprocess.fit(data)
    assert len(fit.categories[0].levels) == MOST_LEVELS
    assert "n89" in fit.categories[0].levels


def test_targets_go_both_ways():
    data = one_column([1, 2, 3])
    fit = Preprocess.fit(Table(*[*data.__dict__.values()][:4], np.array([10, 20, 60]), "y"))
    assert (fit.target_mean, fit.target_std) == (0, 1)
    y = np.array([10.0, 20, 60])
    fit = Preprocess.fit(Table(*[*data.__dict__.values()][:4], y, "y"), regression=True)
    assert abs(fit.encode_target(y).mean()) < 1e-6
    assert np.allclose(fit.decode_target(fit.encode_target(y)), y)


def test_the_largest_floats_are_brought_near():
    x_ND = np.array([[0.0], [0.1]])
    table = Table(x_ND, ("a",), {}, ("a",), np.zeros(2), "y")
    found = Preprocess.fit(table).transform({"a": [1.7e308, -1.7e308]})
    assert [*found[:, 0]] == [1e6, -1e6]
