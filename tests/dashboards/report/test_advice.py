"""What the report warns of."""

from __future__ import annotations

import pytest

from lanewise.dashboards.report.advice import cautions, edges
from lanewise.search.store.view import open_view
from lanewise.spaces import Choice, Float, Int, Space


def titles(view, status="done"):
    return [caution.title for caution in cautions(view.history, view.spec, status)]


@pytest.mark.parametrize(
    ("domain", "value", "edge"),
    [
        (Float(1e-4, 1e-1, log=True), 9.5e-2, "highest"),
        (Float(1e-4, 1e-1, log=True), 1.05e-4, "lowest"),
        (Float(1e-4, 1e-1, log=True), 2e-3, None),
        (Float(0.0, 0.5), 0.0, None),  # nothing lies below
        (Float(0.0, 0.5), 0.5, "highest"),
        (Int(1, 3), 3, None),  # one in three is no hint
        (Int(16, 128), 128, "highest"),
        (Choice(["a", "b"]), "b", None),
    ],
)
def test_a_value_on_the_edge_of_its_range(domain, value, edge):
    params, distributions = Space({"x": domain}).encode({"x": value})
    assert edges(params, distributions) == ({"x": edge} if edge else {})


def test_a_sound_sweep_needs_no_caution(swept):
    def peak(params, epoch):
        return {"val_accuracy": 1 - abs(params["x"] - 0.5)}

    view = swept({"x": Float(0, 1)}, peak, trials=40)
    assert view.history.best.number < 36  # by its seed
    assert titles(view) == []


def test_a_best_on_the_edge_and_late_and_few(swept):
    view = swept({"x": Float(0.1, 1)}, lambda params, epoch: {"val_accuracy": 0.5}, trials=3)
    best = view.history.best
    best.params["x"] = 1.0
    assert titles(view) == [
        "Only 3 trials reported a value",
        "x = 1 is its highest allowed value, or close to it",
    ]


def test_a_best_that_came_last(swept):
    view = swept({"x": Int(0, 999)}, lambda params, epoch: {"val_accuracy": 0.5}, trials=20)
    assert titles(view) == []
    view.history.best = view.history.trials[18]
    assert titles(view) == ["The best was among the last tenth of the trials (trial 18 of 20)"]


def test_many_failures_of_a_kind_and_a_sweep_that_is_not_over(failed, lab):
    view = failed("boom", "boom", "bang")
    assert titles(view, "interrupted") == [
        "The sweep is interrupted",
        "3 of 3 trials failed: bug",
    ]
    assert open_view(lab.journal, "s1").history.best is None
