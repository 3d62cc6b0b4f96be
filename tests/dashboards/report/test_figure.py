"""Axes and ticks: what a plot shows of its values."""

from __future__ import annotations

import math

import pytest

from lanewise.dashboards.report.figure import (
    CURVES,
    axis,
    is_within,
    left_out,
    tick_text,
    ticks,
)


@pytest.mark.parametrize(
    ("values", "mode", "settings"),
    [
        ([], "max", {}),
        ([0.5], "max", {"range": [0.45, 0.55]}),
        ([0.0, 0.0], "min", {"range": [-0.1, 0.1]}),
        ([math.nan, math.inf], "max", {}),
        ([0.1, 0.5, 0.9, 1.0], "max", {}),
        ([-9.0, 0.90, 0.92, 0.94, 1.0], "max", {"range": [0.892, 1.008]}),
        ([9.0, 0.90, 0.92, 0.94, 1.0], "min", {"range": [0.892, 1.008]}),
        ([1e-4, 1e-3, 1e-2, 1e3], "min", {"type": "log"}),
        ([0.0, 1e-3, 1e-2, 2e-2, 1e3], "min", {"range": [-0.0016, 0.0216]}),
        # One explosion among what spans no orders of magnitude.
        ([50.0, 52.0, 55.0, 60.0, 9e9], "min", {"range": [49.27601, 60.88156]}),
        # Diverged beyond what a logarithm squeezes: from 0.1 to 1, in decades.
        ([0.1, 0.2, 0.5, 1.0, 1e30], "min", {"type": "log", "range": [-1.08, 0.08]}),
    ],
)
def test_a_few_bad_values_do_not_squeeze_the_axis(values, mode, settings):
    found = axis(values, mode)
    assert found.keys() == settings.keys()
    assert found.get("type") == settings.get("type")
    if "range" in settings:
        assert found["range"] == pytest.approx(settings["range"])


@pytest.mark.parametrize("share", [0.02, 0.2, 0.45])
@pytest.mark.parametrize("sign", [1, -1])
def test_up_to_half_of_the_values_may_explode(share, sign):
    usual = [sign * (0.5 + 0.001 * place) for place in range(200)]
    values = usual + [-sign * 1e6 * (1 + n) for n in range(int(share * 200 / (1 - share)))]
    found = axis(values, "max" if sign > 0 else "min", CURVES)
    low, high = found["range"]
    assert -2 < low < high < 2
    assert all(is_within(value, found) for value in usual[100:] if sign > 0)
    assert "lie outside of the axis" in left_out(values, found)


def test_a_caption_counts_what_it_leaves_out():
    settings = {"type": "log", "range": [0, 2]}
    assert left_out([1.0, 10.0, 100.0], settings) == ""
    assert left_out([1.0, 10.0, 1e5, math.nan], settings).startswith(" The worst 1 of 3 values ")


@pytest.mark.parametrize(
    ("low", "high", "is_log", "is_integer", "found"),
    [
        (1, 3, False, True, [1, 2, 3]),
        (2, 9, False, True, [2, 4, 6, 8]),
        (0, 0.5, False, False, [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        (1e-4, 1e-1, True, False, [1e-4, 1e-3, 1e-2, 1e-1]),
        (5e-4, 3e-3, True, False, [5e-4, 1e-3, 2e-3]),
        (16, 128, True, True, [16, 32, 64, 128]),
        (0.1, 0.3, True, False, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (7, 7, False, True, [7]),
    ],
)
def test_ticks_are_round(low, high, is_log, is_integer, found):
    assert ticks(low, high, is_log=is_log, is_integer=is_integer) == pytest.approx(found)


@pytest.mark.parametrize("low", [1, 3, 17, 250])
@pytest.mark.parametrize("width", [1, 2, 9, 100, 54321])
@pytest.mark.parametrize("is_log", [True, False])
def test_ticks_of_integers_are_integers_within_the_range(low, width, is_log):
    found = ticks(low, low + width, is_log=is_log, is_integer=True)
    assert found == sorted(set(found))
    assert 1 <= len(found) <= 10
    assert all(value == int(value) and low <= value <= low + width for value in found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (64, "64"),
        (1024, "1024"),
        (-65536.0, "-65536"),
        (1e5, "1e5"),
        (1e-5, "1e-5"),
        (0.25, "0.25"),
        (3e12, "3e12"),
        (0, "0"),
    ],
)
def test_a_tick_is_short(value, text):
    assert tick_text(value) == text
