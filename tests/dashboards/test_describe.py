"""Descriptions and words for people."""

from __future__ import annotations

import pytest

from lanewise.dashboards.describe import LONGEST, describe, domain_words, space_rows
from lanewise.dashboards.projection import Projection
from lanewise.dashboards.words import duration, one_line
from lanewise.search.core.events import BY_A_PERSON
from lanewise.spaces import Constant, Float, Space


def projected(lab):
    projection = Projection(lab.journal.launches()[0][0], "/home of mine")
    for record in lab.journal.read("s1"):
        projection.take(record)
    return projection


def test_the_space_in_words(lab):
    rows = dict(space_rows(lab.spec().space.to_json()))
    assert rows == {
        "lr": "0.0001 … 0.1 (log)",
        "hidden": "list of 1 to 3, each 16 … 64 (integer)",
        "optimizer": "sgd, adam",
        "optimizer = sgd → momentum": "0 … 0.99",
        "batch_size": "always 64",
    }
    assert domain_words({"float": [0, 1], "grid": 5}) == "0 … 1 (grid 5)"
    assert domain_words({"int": [1, 12345678]}) == "1 … 12345678 (integer)"
    assert domain_words({"float": [0.123456789, 2.5e9]}) == "0.123456789 … 2500000000.0"


def test_a_description_says_what_and_how_far(lab):
    lab.write(lab.simulated(5))
    text = describe(projected(lab))
    assert "to maximize **val_accuracy**" in text
    assert "1797 rows × 64 columns" in text
    assert "up to 9 epochs each" in text
    assert text.startswith("**Best: val_accuracy ")  # the page folds the rest away
    assert "Done (trials) · 5 asked" in text
    assert "tags.`lanewise.sweep` = 's1'" in text
    assert "lanewise show s1 --home '/home of mine'" in text


def test_the_best_has_the_digits_of_its_rows(lab):
    lab.write(lab.simulated(5))
    projection = projected(lab)
    projection.launch.details["data"]["parts"] = {"train": 1257, "val": 270}
    value = projection.best()["metrics"]["val_accuracy"]
    assert describe(projection).startswith(f"**Best: val_accuracy {value:.3f}** ")


def test_an_ended_sweep_says_why(lab):
    sweep = lab.begun()
    sweep.close(BY_A_PERSON)
    lab.take(sweep)
    assert "stopped by a person" in describe(projected(lab))


def test_a_huge_space_still_fits(lab):
    wide = {f"parameter_{i}": Constant(i) for i in range(2000)} | {"lr": Float(0.0, 1.0)}
    lab.begun(lab.spec(space=Space(wide)))
    assert len(describe(projected(lab))) <= LONGEST + 10


def test_what_is_settled_never_overtakes_what_is_unsent(lab):
    lab.write(lab.simulated(5))
    projection = projected(lab)
    assert projection.settled == -1
    projection.sent(None)
    ended, open_ = projection.unsent()
    assert not open_
    for number in ended:
        before = projection.settled
        projection.sent(number)
        assert projection.settled >= before
    assert projection.settled == projection.seq


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (59, "59 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7640, "2 h 07 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_configuration_in_one_line():
    params = {"lr": 0.0123456789, "hidden": [32, 64], "optimizer": {"name": "sgd", "momentum": 0.9}}
    expected = "lr 0.01235 · hidden [32, 64] · optimizer sgd · optimizer.momentum 0.9"
    assert one_line(params) == expected
    assert one_line(params, {"lr", "optimizer"}) == "hidden [32, 64] · optimizer.momentum 0.9"
