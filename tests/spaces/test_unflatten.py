"""Flat names and the texts of tables, read as configurations of a space."""

from __future__ import annotations

import re

import pytest

from lanewise.spaces import Choice, Constant, Float, Int, Repeat, Space, SpaceError, flatten

SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "width": Int(16, 64, step=16),
        "hidden": Repeat(Int(1, 9), times=(0, 2)),
        "optimizer": Choice([{"sgd": {"momentum": Float(0, 1)}}, "adam"]),
        "bias": Choice([True, False, None]),
        "kernel": Choice([[3, 3], [3], 5]),
        "batch": 64,
    }
)
CONFIG = {
    "lr": 0.01,
    "width": 32,
    "hidden": [4, 9],
    "optimizer": {"name": "sgd", "momentum": 0.5},
    "bias": None,
    "kernel": [3],
    "batch": 64,
}


def test_the_texts_of_a_table_are_read_by_the_space():
    texts = {name: str(value) for name, value in flatten(CONFIG).items()}
    assert space_types(SPACE.unflatten(texts)) == space_types(CONFIG)


def space_types(config):
    return repr(config)  # 64 and 64.0, True and 1 are told apart


def test_numbers_that_are_written_in_another_way_are_the_same():
    flat = {**flatten(CONFIG), "width": 32.0, "lr": "1e-2", "bias": "true", "batch": "64.0"}
    assert repr(SPACE.unflatten(flat)) == repr({**CONFIG, "bias": True})


def test_an_empty_list_and_an_option_without_a_sub_space_are_read():
    flat = flatten({**CONFIG, "hidden": [], "optimizer": {"name": "adam"}})
    read = SPACE.unflatten(flat)
    assert read["hidden"] == []
    assert read["optimizer"] == {"name": "adam"}


def test_a_missing_constant_is_filled_in():
    flat = flatten(CONFIG)
    del flat["batch"]
    assert SPACE.unflatten(flat) == CONFIG
    assert Space({"list": Constant([1, 2])}).unflatten({}) == {"list": [1, 2]}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"lr": 0.5}, "lr: must be a number from 0.0001 to 0.1, got 0.5"),
        ({"lr": "fast"}, "lr: must be a number from 0.0001 to 0.1, got 'fast'"),
        ({"lr": True}, "lr: must be a number from 0.0001 to 0.1, got True"),
        ({"lr": "nan"}, "lr: must be a number from 0.0001 to 0.1, got 'nan'"),
        ({"width": 33}, "width: must be an integer from 16 to 64 in steps of 16, got 33"),
        ({"width": 32.5}, "width: must be an integer from 16 to 64 in steps of 16, got 32.5"),
        ({"width": None}, "width: must be an integer from 16 to 64 in steps of 16, got None"),
        ({"hidden.2": 3}, "hidden: must be a list of 0 to 2 values, got [4, 9, 3]"),
        ({"hidden.1": 30}, "hidden.1: must be an integer from 1 to 9, got 30"),
        ({"optimizer": "lion"}, "optimizer: must be a mapping whose name is one of sgd, adam, got"),
        ({"bias": "maybe"}, "bias: must be one of true, false, null, got 'maybe'"),
        ({"kernel.0": 4}, "kernel: must be one of [3,3], [3], 5, got nothing"),
        ({"batch": 32}, "batch: must be 64, got 32"),
    ],
)
def test_what_does_not_fit_is_told(change, line):
    with pytest.raises(SpaceError, match=re.escape(line)):
        SPACE.unflatten({**flatten(CONFIG), **change})


@pytest.mark.parametrize(
    "name", [name for name in flatten(CONFIG) if not name.startswith(("hidden", "batch"))]
)
def test_a_missing_parameter_does_not_fit(name):
    flat = flatten(CONFIG)
    del flat[name]
    with pytest.raises(SpaceError, match="got nothing"):
        SPACE.unflatten(flat)
