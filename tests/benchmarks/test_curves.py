"""The learning curves that are shipped, and how they are stored."""

from __future__ import annotations

import numpy as np
import pytest

from curves import recorded
from curves.recorded import Curves, load, path, write
from lanewise.spaces import Float, Space

SHIPPED = [name for name in recorded.NAMES if path(name).exists()]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_file_holds_curves_of_configurations_of_its_space(name):
    curves = load(name)
    assert curves.val.shape == curves.test.shape == (len(curves.params), 3, 27)
    assert len(curves.params) >= 300
    for config in curves.params:
        curves.space.validate(config)
    assert np.isnan(curves.val).mean() < 0.05
    if curves.metric == "accuracy":
        assert np.nanmin(curves.val) >= 0
        assert 0.7 < np.nanmax(curves.val) <= 1


def test_the_files_are_small():
    sizes = [path(name).stat().st_size for name in SHIPPED]
    assert max(sizes) < 1e6
    assert sum(sizes) < 5e6


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_good_on_validation_rows_is_good_on_test_rows_and_seeds_differ(name):
    curves = load(name)
    val, test = (values[:, :, -1] for values in (curves.val, curves.test))
    usable = np.isfinite(val).all(1)
    assert np.corrcoef(val[usable].mean(1), test[usable].mean(1))[0, 1] > 0.8
    assert val[usable].std(1).mean() > 0


def test_written_curves_are_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    val = np.array([[[0.0, 0.5, 0.25], [1.0, 0.75, np.nan]]])
    test = np.array([[[7.0004, 0.0, 99.0], [1.0, 65.534, np.nan]]])
    space, config = Space({"lr": Float(0, 1)}), {"lr": 0.5}
    write(Curves("table", space, [config], val, test, "mae", "min"), {"val": 1 / 4, "test": 0.001})
    found = load("table")
    assert (found.space, found.params) == (space, [config])
    assert (found.metric, found.mode) == ("mae", "min")
    np.testing.assert_array_equal(found.val, val)
    np.testing.assert_allclose(found.test, [[[7.0, 0.0, 65.534], [1.0, 65.534, np.nan]]])


def test_what_is_shipped_is_what_the_recorder_records():
    from record_curves import Workload

    curves, workload = load("table"), Workload.open("table")
    val, test = workload.record(workload.configs(2), seeds=3, epochs=2)
    assert workload.configs(2) == curves.params[:2]
    # Sums of other neighbours' lanes may differ by rounding, and turn a row around.
    np.testing.assert_allclose(val, curves.val[:2, :, :2], atol=2.5 / 300)
    np.testing.assert_allclose(test, curves.test[:2, :, :2], atol=5.5 / 1500)
