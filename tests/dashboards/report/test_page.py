"""The page: what comes from users stays text, and every sweep has one."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from lanewise.dashboards.report.build import build, report_of
from lanewise.dashboards.report.curves import learning_figures
from lanewise.dashboards.report.figure import ORANGE, axis
from lanewise.dashboards.report.figures import MOST_LINES, search_figures
from lanewise.dashboards.report.page import embedded
from lanewise.dashboards.report.study import make_study
from lanewise.search.spec import Objective
from lanewise.search.view import open_view
from lanewise.spaces import Choice, Float, Int

EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """The elements of a page, and the text outside of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words = ""
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.words += data


def page_of(view, lab) -> Page:
    return Page(build(view, lab.home).read_text("utf-8"))


def figures_of(view):
    study = make_study(view)
    return [*search_figures(study, view.spec.objective), *learning_figures(view)]


def scored(params, epoch):
    return {"val_accuracy": params.get("x", 0.5), "train_loss": 1 / epoch, "val_loss": 1 / epoch}


@pytest.fixture
def view(lab):
    lab.write(lab.simulated(12))
    return open_view(lab.journal, "s1")


def test_a_report_is_one_file_with_plotly_once(view, lab):
    path = build(view, lab.home)
    text = path.read_text("utf-8")
    page = Page(text)
    assert path == lab.home.root / "reports" / "s1.html"
    assert text.count("plotly.js v") == 1
    assert len(page.scripts) == 3  # figures, Plotly, ours
    assert not re.search(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?!data:)', text)
    assert len(text) < 8_000_000
    drawn = json.loads(page.scripts[0])
    expected = ["history", "curves", "best-0", "importances", "parallel", "slice-0", "contour"]
    assert set(expected) <= set(drawn)
    assert list(path.parent.iterdir()) == [path]  # no draft is left


def test_the_report_knows_of_which_records_it_is(view, lab):
    assert report_of(view, lab.home) is None
    path = build(view, lab.home)
    assert report_of(view, lab.home) == path
    view.seq += 1
    assert report_of(view, lab.home) is None
    path.write_bytes(b"\xff broken")
    assert report_of(view, lab.home) is None


def test_what_comes_from_users_is_text(swept, lab):
    metric = "val_</script><b>"
    view = swept(
        {"word": Choice([EVIL, "fine"]), "x": Float(0, 1)},
        lambda params, epoch: {metric: params["x"], EVIL: 1.0, '" onclick="x': 1.0},
        objective=Objective(metric, "max"),
    )
    object.__setattr__(view.launch, "name", EVIL)
    page = page_of(view, lab)
    assert len(page.scripts) == 3
    assert page.words.count(EVIL) >= 3  # title, heading, a value
    assert metric in page.words
    assert "b" not in page.tags
    assert "onclick" not in page.attributes
    figures = json.loads(page.scripts[0])  # the elements end where they should
    assert "<script" not in json.dumps(figures)  # nor does Plotly, which reads HTML, get any


def test_what_failed_is_text(failed, lab):
    page = page_of(failed(f"Traceback\n  {EVIL}\n{EVIL}"), lab)
    assert len(page.scripts) == 3
    assert page.words.count(EVIL) == 3  # the last line, and the whole text


def test_embedded_json_never_ends_its_element():
    value = {"</script>": ["<!--", "&amp;", "\u2028"]}
    text = embedded(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("space", "trials"),
    [
        ({"x": Float(0, 1)}, 1),
        ({"x": Float(0, 1)}, 7),
        ({"a": 1, "b": "word"}, 1),
        ({"x": Float(0, 1), "flag": Choice([True, False]), "list": Choice([[1, 2], [3]])}, 7),
        ({"x": Float(0, 1), "kind": Choice(["a", {"b": {"y": Float(1e-5, 1, log=True)}}])}, 2),
        ({f"x{n}": Int(0, 1000) for n in range(30)} | {"x": Float(0, 1)}, 9),
    ],
)
def test_sweeps_of_every_kind_have_their_plots(space, trials, swept, lab):
    page = page_of(swept(space, scored, trials=trials), lab)
    assert "could not be drawn" not in page.words
    assert page.tags.count("tr") == trials + 1


def test_a_sweep_without_values_says_so(failed, lab):
    page = page_of(failed("boom", "bang"), lab)
    assert json.loads(page.scripts[0]) == {}
    assert "could not be drawn" not in page.words
    assert "No trial has reported a usable value of val_accuracy." in page.words


def test_a_sweep_that_has_just_begun(lab):
    lab.take(lab.begun())
    assert page_of(open_view(lab.journal, "s1"), lab).tags.count("tr") == 1


def test_equal_values_are_not_compared(swept, lab):
    view = swept({"x": Float(0, 1)}, lambda params, epoch: {"val_accuracy": 0.5})
    assert "All trials have the same value" in page_of(view, lab).words


def test_the_plots_follow_the_objective(swept):
    minimized = Objective("val_accuracy", "min")
    view = swept({"x": Float(0, 1), "y": Float(0, 1)}, scored, trials=9, objective=minimized)
    history = next(figure for figure in figures_of(view) if figure.key == "history")
    best_so_far = next(trace for trace in history.body["data"] if trace["mode"] == "lines")
    assert best_so_far["y"][-1] == view.history.best.best[1] == min(best_so_far["y"])


def test_the_best_line_of_many_is_the_best_trial(swept):
    """Optuna sorts its lines where choices are numbers."""
    space = {"size": Choice([64, 16, 32]), "x": Float(0, 1), "on": Choice([True, False])}
    view = swept(space, scored, trials=30)
    parallel = next(figure for figure in figures_of(view) if figure.key == "parallel")
    *_, line = [trace for trace in parallel.body["data"] if trace["mode"] == "lines"]
    best = view.history.best.params
    told = dict(line["customdata"])
    assert line["line"]["color"] == ORANGE
    assert (told["size"], told["x"]) == (str(best["size"]), f"{best['x']:.3g}")


def test_long_choices_that_look_the_same_stay_apart(swept):
    words = ["a" * 30 + middle + "z" * 30 for middle in "123"]
    view = swept({"word": Choice(words), "x": Float(0, 1)}, scored, trials=12)
    (domain,) = {trial.distributions["word"] for trial in make_study(view).trials}
    assert len(set(domain.choices)) == 3
    for trial, frozen in zip(view.history, make_study(view).trials, strict=True):
        assert domain.choices.index(frozen.params["word"]) == words.index(trial.params["word"])


@pytest.mark.long
def test_1500_trials_are_thinned_out(lab):
    lab.write(lab.simulated(1500))
    view = open_view(lab.journal, "s1")
    figures = {figure.key: figure for figure in figures_of(view)}
    assert not [f.note for f in figures.values() if f.note]
    lines = figures["parallel"].body["data"]
    assert sum(trace["mode"] == "lines" for trace in lines) == MOST_LINES
    assert "1350 other trials are left out" in figures["curves"].caption
    path = build(view, lab.home)
    assert path.stat().st_size < 8_000_000
    assert Page(path.read_text("utf-8")).tags.count("tr") == 1501


@pytest.mark.parametrize(
    ("values", "mode", "settings"),
    [
        ([], "max", {}),
        ([0.5], "max", {}),
        ([0.1, 0.5, 0.9, 1.0], "max", {}),
        ([-9.0, 0.90, 0.92, 0.94, 1.0], "max", {"range": [0.892, 1.008]}),
        ([9.0, 0.90, 0.92, 0.94, 1.0], "min", {"range": [0.892, 1.008]}),
        ([1e-4, 1e-3, 1e-2, 1e3], "min", {"type": "log"}),
        ([0.0, 1e-3, 1e-2, 2e-2, 1e3], "min", {"range": [-0.0016, 0.0216]}),
    ],
)
def test_a_few_bad_values_do_not_squeeze_the_axis(values, mode, settings):
    found = axis(values, mode)
    assert found.keys() == settings.keys()
    if "range" in settings:
        assert found["range"] == pytest.approx(settings["range"])
    else:
        assert found == settings
