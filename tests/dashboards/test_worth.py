"""What the best value is worth: in words, in JSON, in MLflow's runs and as a picture."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from lanewise.dashboards.describe import describe
from lanewise.dashboards.projection import Projection
from lanewise.dashboards.report.worth import MOST, worth_figures
from lanewise.dashboards.summary import best, summary
from lanewise.dashboards.terminal import render_best, render_summary
from lanewise.dashboards.worth import corrected_of, interval, ties
from lanewise.search.core.events import Estimated
from lanewise.search.core.history import History
from lanewise.search.store.view import open_view

NINE_IN_TEN = "in about nine in ten sweeps the truly best one is among the best and those tied"


@pytest.fixture
def estimated(lab):
    """A finished sweep and its estimate."""
    *events, closed = lab.simulated(8)
    history = History.of(lab.spec(8))
    for event in events:
        history.apply(event)
    top, *others = (trial.number for trial in history.ranked())
    made = Estimated(top, 0.5432, 0.5, 0.6, tuple(sorted(others[:2])), (900, 300, 1200))
    lab.write([*events, made, closed])
    return made


def view_of(lab):
    view = open_view(lab.journal, "s1")
    view.launch.details["data"]["parts"] = {"train": 1257, "val": 270}
    return view


def test_an_interval_has_the_metrics_digits():
    corrected = {"score": 0.96990, "low": 0.940870, "high": 0.987284}
    rows = {"val": 270}
    assert interval("val_accuracy", corrected, rows) == "0.970 (90 % interval 0.941 to 0.987)"
    assert interval("val_rmse", corrected, rows) == "0.9699 (90 % interval 0.9409 to 0.9873)"


def test_ties_are_no_probabilities():
    assert ties([]) == ""
    assert ties([4]).startswith("Tied with it: trial 4. The differences may be chance; ")
    assert NINE_IN_TEN in ties(range(20))
    assert "trials 0, 1, 2, 3, 4, 5, 6, 7, … (20 in all)" in ties(range(20))


def test_json_has_it_beside_the_best_alone(lab, estimated):
    first, second = best(view_of(lab), top=2)
    assert first["trial"] == estimated.best
    assert first["corrected"] == {"score": 0.5432, "low": 0.5, "high": 0.6}
    assert first["tied"] == list(estimated.tied)
    assert "corrected" not in second


def test_json_says_null_where_nothing_is_known(lab):
    lab.write(lab.simulated(5))
    (only,) = best(view_of(lab))
    assert only["corrected"] is None
    assert only["tied"] == []


def test_a_terminal_shows_naive_and_corrected(lab, estimated):
    view, out = view_of(lab), StringIO()
    console = Console(file=out, width=120)
    render_summary(console, summary(view, lab.home), lambda *words: " ".join(words))
    render_best(console, view)
    text = out.getvalue()
    assert text.count("corrected") == 2
    assert text.count("0.543 (90 % interval 0.500 to 0.600)") == 2
    assert text.count(NINE_IN_TEN) == 2


def test_mlflow_has_it_once_on_the_sweeps_own_run(lab, estimated):
    projection = Projection(lab.journal.launches()[0][0], "/home of mine")
    for record in lab.journal.read("s1"):
        projection.take(record)
    run = projection.run(None)
    points = {point.key: point.value for point in run.points if "corrected" in point.key}
    assert points == {
        "corrected_val_accuracy": 0.5432,
        "corrected_val_accuracy_low": 0.5,
        "corrected_val_accuracy_high": 0.6,
    }
    assert run.tags["lanewise.corrected"] == "0.5432 (90 % interval 0.5 to 0.6)"
    assert run.tags["lanewise.tied"] == ", ".join(map(str, estimated.tied))
    assert "Corrected for having been selected: **0.5432" in describe(projection)


def test_a_picture_shows_the_tied_with_their_sizes(lab, estimated):
    view = view_of(lab)
    (figure,) = worth_figures(view.history, {"val": 270})
    naive, corrected = figure.body["data"]
    assert naive["y"][0] == f"trial {estimated.best}: 900 parameters"
    assert len(naive["y"]) == len(naive["x"]) == 3
    assert corrected["x"] == [0.5432]
    assert corrected["y"] == naive["y"][:1]
    assert "0.543 (90 % interval 0.500 to 0.600)" in figure.caption
    assert "2 trials are tied with it" in figure.caption
    assert "nine in ten" in figure.caption
    assert MOST == 12


def test_without_an_estimate_there_is_no_picture(lab):
    lab.write(lab.simulated(5))
    view = view_of(lab)
    assert worth_figures(view.history, {}) == []
    assert corrected_of(view.history) == {"corrected": None, "tied": []}
