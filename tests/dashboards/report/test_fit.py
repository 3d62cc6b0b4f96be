"""Over- and underfitting from curves."""

from __future__ import annotations

import math

import pytest

from lanewise.dashboards.report.fit import (
    FITS,
    OVERFITS,
    UNDERFITS,
    UNFINISHED,
    UNKNOWN,
    UNSTABLE,
    diagnose,
    find_pair,
)
from lanewise.search.core.spec import Objective

ACCURACY = Objective("val_accuracy", "max")
EPOCHS = range(1, 21)


def rows(train, val, name="loss", epochs=EPOCHS):
    return [(e, {f"train_{name}": train(e), f"val_{name}": val(e)}) for e in epochs]


def falling(rate, floor=0.0):
    return lambda epoch: floor + math.exp(-rate * epoch)


@pytest.mark.parametrize(
    ("train", "val", "verdict", "says"),
    [
        # Validation turns about epoch 8, training goes on.
        (
            falling(0.3),
            lambda e: 0.3 + 0.004 * (e - 8) ** 2,
            OVERFITS,
            "lowest at epoch 8 (0.3) and rose to a mean of",
        ),
        # Validation stands still at ten times the training error.
        (falling(1, 0.02), falling(1, 0.2), OVERFITS, "10.0 times train_loss"),
        (falling(0.05), falling(0.05, 0.01), UNFINISHED, "still falling"),
        (lambda e: 0.69, lambda e: 0.69, UNDERFITS, "stays at 100% of what it was"),
        (falling(0.6, 0.1), falling(0.6, 0.12), FITS, "neither a gap nor a turn"),
        # Both turn together: not a matter of memorising.
        (
            lambda e: 0.5 + 0.01 * abs(e - 8),
            lambda e: 0.5 + 0.01 * abs(e - 8),
            UNSTABLE,
            "training got worse with it",
        ),
        # Perfect: what is left on both parts is nothing beside where they began.
        (falling(2), falling(1.9), FITS, "neither"),
    ],
)
def test_the_verdict_on_a_curve(train, val, verdict, says):
    found = diagnose(rows(train, val), ACCURACY)
    assert found.verdict == verdict
    assert says in found.why


@pytest.mark.parametrize(
    ("train", "val"),
    [
        # Of a report: validation doubles, and so does training, far below it.
        (
            lambda e: 2 / e**2 if e < 12 else 0.0152 + 0.003 * (e - 12),
            lambda e: 0.07 + abs(e - 12) / 50,
        ),
        (lambda e: 0.1 + abs(e - 8) / 20, lambda e: 0.5 + abs(e - 8) / 20),
        # Validation stands still, training rises again: a gap, and no memorising.
        (lambda e: 1 / e if e < 10 else 0.1 + (e - 10) / 100, lambda e: 0.6 + 1 / e),
    ],
)
def test_where_training_got_worse_too_nothing_is_memorised(train, val):
    found = diagnose(rows(train, val), ACCURACY)
    assert found.verdict == UNSTABLE
    assert "overfit" not in found.why + found.remedy
    assert "got worse" in found.why


def test_what_is_said_was_reported():
    """The values by which a person finds the turn in the table and the plots, not smoothed ones."""
    val = {e: 0.3 + 0.01 * (e - 9) ** 2 for e in EPOCHS} | {8: 0.2121}
    found = diagnose(rows(falling(0.3), val.__getitem__), ACCURACY)
    assert found.verdict == OVERFITS
    assert found.why.startswith("val_loss was lowest at epoch 8 (0.2121) and rose to a mean of")
    assert f"{sum(val[e] for e in range(17, 21)) / 4:.4g} over the last 4 epochs" in found.why


def test_a_training_that_stands_still_memorises_all_the_same():
    still = rows(
        lambda e: 0.3 + 0.001 * (e % 3) if e > 5 else 2 / e, lambda e: 0.4 + 0.002 * (e - 8) ** 2
    )
    found = diagnose(still, ACCURACY)
    assert found.verdict == OVERFITS
    assert "train_loss" in found.why


def test_what_is_maximised_is_said_as_it_is_reported():
    turned = rows(lambda e: 1 - 0.5 / e, lambda e: 0.9 - 0.002 * (e - 8) ** 2, "accuracy")
    found = diagnose(turned, ACCURACY, {"train": 700, "val": 150})
    assert found.why == (
        "val_accuracy was highest at epoch 8 (0.900) and fell to a mean of 0.677 over the last 4 "
        "epochs, while train_accuracy went from 0.938 to 0.973."
    )


def test_little_is_left_to_learn_where_hardly_an_error_is_left():
    """Of a report: an accuracy of 1, and a loss that halves once more, at 1 % of its first."""
    found = diagnose(rows(falling(0.5), falling(0.45)), ACCURACY)
    assert found.verdict == FITS


def test_one_that_still_learns_underfits_only_where_training_is_bad():
    slow = diagnose(rows(lambda e: 1 - e / 50, lambda e: 1.01 - e / 50), ACCURACY)
    fast = diagnose(rows(lambda e: 1 - e / 22, lambda e: 1.1 - e / 22), ACCURACY)
    far = diagnose(rows(falling(0.5), lambda e: 2 - e / 15), ACCURACY)
    assert {slow.verdict, fast.verdict, far.verdict} == {UNFINISHED}
    assert "underfits" in slow.why
    assert "underfits" not in fast.why + far.why
    assert "times train_loss all the same" in far.why


def test_a_small_rise_below_the_training_curve_is_no_overfitting():
    """Dropout keeps the training loss above: no gap shows, and 8 % is within what epochs differ."""
    val = [0.3, 0.15, 0.1, 0.09, 0.08, 0.075, 0.072, 0.07, 0.07, 0.07, 0.071, 0.073, 0.074]
    curve = [0.9, 0.4, 0.3, 0.25, 0.2, 0.18, 0.17, 0.165, 0.16, 0.158, 0.155, 0.152, 0.15]
    found = rows(lambda e: curve[e - 1], lambda e: val[e - 1], epochs=range(1, len(val) + 1))
    assert diagnose(found, ACCURACY).verdict == FITS


def test_one_lucky_epoch_is_no_turning_point():
    lucky = rows(falling(0.5, 0.1), lambda e: 0.05 if e == 10 else 0.12 + math.exp(-0.5 * e))
    assert diagnose(lucky, ACCURACY).verdict == FITS


def test_without_losses_the_objective_is_compared_as_an_error():
    reached = rows(lambda e: 1 - 0.02 / e, lambda e: 0.8, "accuracy")
    found = diagnose(reached, ACCURACY)
    assert found.verdict == OVERFITS
    assert "val_accuracy 0.8: 1 − val_accuracy is 183.2 times 1 − train_accuracy" in found.why


def test_the_loss_is_preferred_since_it_is_one_on_both_parts():
    both = [
        (e, {"train_loss": 1 / e, "val_loss": 1 / e, "train_accuracy": 1.0, "val_accuracy": 0.5})
        for e in EPOCHS
    ]
    assert find_pair(both, ACCURACY).name == "loss"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "no curve on both parts (train_loss and val_loss or train_accuracy and val_accuracy)"),
        (rows(falling(1), falling(1), epochs=range(1, 4)), "3 epochs are too few"),
        (rows(lambda e: math.nan, falling(1)), "no curve on both parts"),
        ([(e, {"val_loss": 1.0}) for e in EPOCHS], "no curve on both parts"),
        (rows(lambda e: -1.0, falling(1)), "goes beyond 0"),
        (rows(lambda e: 2.0, lambda e: 0.5, "accuracy"), "goes beyond 1"),
    ],
)
def test_it_says_when_it_cannot_tell(given, says):
    found = diagnose(given, ACCURACY)
    assert found.verdict == UNKNOWN
    assert says in found.why
