"""How many digits of a metric people see."""

from __future__ import annotations

import pytest

from lanewise.dashboards.digits import SHARES, decimals, metric, rows_of
from lanewise.search.core.events import Launched
from lanewise.trainables.metrics.names import BASE


def launched(data):
    return Launched("s1", "digits", {}, {"data": data})


@pytest.mark.parametrize(
    ("name", "value", "rows", "shown"),
    [
        ("val_accuracy", 265 / 270, {"val": 270}, "0.981"),
        ("val_accuracy", 1.0, {"val": 270}, "1.000"),
        ("val_accuracy", 29 / 30, {"val": 30}, "0.97"),
        ("val_accuracy", 3 / 4, {"val": 4}, "0.75"),
        ("val_accuracy", 0.98765432, {"val": 60_000}, "0.98765"),
        ("train_accuracy", 1 / 3, {"train": 1000, "val": 30}, "0.333"),
        ("val_roc_auc", 0.912345, {"val": 113}, "0.912"),
        ("val_accuracy", 265 / 270, {}, "0.9815"),  # of a training function: nobody knows
        ("train_accuracy", 265 / 270, {"val": 270}, "0.9815"),
        ("accuracy", 265 / 270, {"val": 270}, "0.9815"),
        ("val_loss", 0.0589828, {"val": 270}, "0.05898"),
        ("val_rmse", 54.123456, {"val": 66}, "54.12"),
        ("val_mse", 123456.0, {"val": 66}, "1.235e+05"),
        ("val_r2", -0.123456, {"val": 66}, "-0.1235"),
        ("val_f1", float("nan"), {"val": 66}, "nan"),
        ("reward", 12, {}, "12"),
    ],
)
def test_a_metric_has_the_digits_that_it_deserves(name, value, rows, shown):
    assert metric(name, value, rows) == shown


@pytest.mark.parametrize("rows", [3, 10, 64, 99, 100, 101, 270, 999, 1000, 5000])
def test_one_row_more_always_shows(rows):
    shown = [metric("val_accuracy", right / rows, {"val": rows}) for right in range(rows + 1)]
    assert len(set(shown)) == rows + 1
    assert 10 ** -decimals(rows) <= 1 / rows


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (None, {}),
        ({"source": "x.csv", "rows": 9}, {}),  # a journal of an older release
        ({"parts": {"train": 70, "val": 15, "test": 0}}, {"train": 70, "val": 15}),
        (
            {"parts": {"train": 80, "val": 20, "test": 9}, "folds": 5},
            {"train": 80, "val": 100, "test": 9},
        ),
    ],
)
def test_the_rows_that_a_metric_stands_for(data, rows):
    assert rows_of(launched(data)) == rows


def test_every_metric_of_ours_is_known_as_a_share_or_not():
    others = {"loss", "log_loss", "mse", "rmse", "mae", "r2", "skill", "threshold", "wasserstein"}
    assert set(BASE) == SHARES | others
