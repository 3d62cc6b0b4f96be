"""Parallel coordinates that one can read."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lanewise.dashboards.report.figures import search_figures
from lanewise.dashboards.report.parallel import ABSENT, MOST_AXES, MOST_LABELS
from lanewise.dashboards.report.points import points_of
from lanewise.search.core.spec import Objective
from lanewise.spaces import Choice, Float, Int


def parallel_of(view):
    figures = search_figures(points_of(view), Objective("val_accuracy", "max"), {})
    return next(figure for figure in figures if figure.key == "parallel")


def scored(params, epoch):
    return {"val_accuracy": params["x"]}


def labels_at(figure, name):
    """(height, text) of the labels beside the axis of that title."""
    notes = figure.body["layout"]["annotations"]
    place = next(note["x"] for note in notes if note["text"] == f"<b>{name}</b>")
    return [
        (n["y"], n["text"]) for n in notes if n["x"] == place and not n["text"].startswith("<b>")
    ]


def test_no_more_axes_than_one_can_read(swept):
    view = swept({f"x{n}": Float(0, 1) for n in range(20)} | {"x": Float(0, 1)}, scored, trials=12)
    figure = parallel_of(view)
    titles = [n for n in figure.body["layout"]["annotations"] if n["text"].startswith("<b>")]
    assert len(titles) == len(figure.body["layout"]["shapes"]) == MOST_AXES == 8
    assert {x for trace in figure.body["data"] for x in trace["x"]} == {*range(MOST_AXES), None}
    assert "the 14 least important are left out" in figure.caption


def test_integers_have_whole_ticks(swept):
    space = {
        "layers": Int(1, 3),
        "units": Int(8, 500),
        "width": Int(16, 128, log=True),
        "x": Float(0, 1),
    }
    figure = parallel_of(swept(space, scored, trials=12))
    assert [text for _, text in labels_at(figure, "layers")] == ["1", "2", "3"]
    for name in ("units", "width"):
        assert all(text.isdigit() for _, text in labels_at(figure, name))


@pytest.mark.parametrize("options", [2, 14, 15, 60])
def test_labels_never_overlap(options, swept):
    words = [f"a rather long option, number {n} of many" for n in range(options)]
    view = swept({"word": Choice(words), "x": Float(1e-9, 1, log=True)}, scored, trials=12)
    figure = parallel_of(view)
    room = 11 / (0.7 * figure.height)  # a line of text, beside an axis as high as the plot allows
    for name in ("word", "x", "val_accuracy"):
        heights = sorted(height for height, _ in labels_at(figure, name))
        assert len(heights) <= MOST_LABELS
        assert all(b - a > room for a, b in pairwise(heights))
    labels = [text for _, text in labels_at(figure, "word")]
    assert all(len(text) <= 16 for text in labels)
    assert len(set(labels)) == len(labels)


def test_a_configuration_without_the_parameter_passes_below_its_axis(swept):
    space = {"kind": Choice(["a", {"b": {"y": Float(0, 1)}}]), "x": Float(0, 1)}
    view = swept(space, scored, trials=12)
    figure = parallel_of(view)
    passing = [
        (y, text)
        for trace in figure.body["data"]
        for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True)
        if text and " kind.b.y " in text
    ]
    assert len(passing) == 12
    for y, text in passing:
        trial = view.history.trials[int(text.split(":")[0].removeprefix("trial "))]
        assert (y == ABSENT) == (trial.params["kind"]["name"] == "a") == text.endswith("not exist")
