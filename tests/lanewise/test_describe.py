"""What ``validate`` says of a sweep."""

from __future__ import annotations

import pytest

from lanewise.describe import describe, sentences
from lanewise.plan import make_plan
from lanewise.sweepfile import parse


@pytest.mark.parametrize(
    ("scheduler", "epochs", "line"),
    [
        ("none", 9, "random, none, compared at epochs 9"),
        ("asha", 9, "random, asha, compared at epochs 1, 3, 9"),
        ("hyperband", 9, "random, hyperband, compared at epochs 1, 3, 9 / 3, 9 / 9"),
        ({"asha": {"eta": 2}}, 2000, "random, asha, compared at epochs 1, 2, 4, …, 2000"),
    ],
)
def test_the_rungs_of_every_bracket_are_told(scheduler, epochs, line, tmp_path):
    body = {
        "name": "sweep",
        "train": "math:sqrt",
        "objective": {"maximize": "score"},
        "space": {"x": {"float": [0, 1]}},
        "sampler": "random",
        "scheduler": scheduler,
        "budget": {"trials": 20, "epochs": epochs},
    }
    about = describe(make_plan(parse(body, "sweep"), tmp_path))
    assert f"  search     {line}" in sentences(about)
    assert about["rungs"] == sorted({epoch for rungs in about["brackets"] for epoch in rungs})
