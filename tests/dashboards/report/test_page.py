"""The page: what comes from users stays text, and every sweep has one."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from lanewise.dashboards.digits import rows_of
from lanewise.dashboards.report.build import build
from lanewise.dashboards.report.curves import learning_figures
from lanewise.dashboards.report.figure import ORANGE
from lanewise.dashboards.report.figures import search_figures
from lanewise.dashboards.report.files import report_of
from lanewise.dashboards.report.page import breakable, embedded
from lanewise.dashboards.report.parallel import MOST_LINES
from lanewise.dashboards.report.points import points_of
from lanewise.search.core.spec import Objective
from lanewise.search.store.view import open_view
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
    found = search_figures(points_of(view), view.spec.objective, rows_of(view.launch))
    return [*found, *learning_figures(view)]


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
        objectives=(Objective(metric, "max"),),
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


def test_long_names_may_break_behind_points_and_underscores():
    assert breakable("optimizer.sgd.weight_decay") == "optimizer.<wbr>sgd.<wbr>weight_<wbr>decay"
    assert breakable("1.5 <b>") == "1.<wbr>5 &lt;b&gt;"


def test_a_slice_whose_points_are_all_among_those_left_out_says_that_its_axis_is_another(swept):
    """Of thirty trials the ten with a momentum are far worse than all others."""
    space = {"x": Float(0, 1), "how": Choice([{"sgd": {"momentum": Float(0, 1)}}, "adam", "adamw"])}

    def curve(params, epoch):
        is_bad = params["how"]["name"] == "sgd"
        return {"val_accuracy": -1000.0 - params["x"] if is_bad else params["x"]}

    slices = [f for f in figures_of(swept(space, curve, trials=30)) if f.group == "Slices"]
    outside = (
        "All trials with how.sgd.momentum lie outside of it, so there the axis is another one."
    )
    assert all(figure.caption.endswith(outside) for figure in slices)
    ranges = {f.title: f.body["layout"]["yaxis"].get("range") for f in slices}
    assert ranges.pop("how.sgd.momentum") is None
    assert all(-1 < low < high < 2 for low, high in ranges.values())


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
    space = {"size": Choice([64, 16, 32]), "x": Float(0, 1), "on": Choice([True, False])}
    view = swept(space, scored, trials=30)
    parallel = next(figure for figure in figures_of(view) if figure.key == "parallel")
    *others, line = parallel.body["data"]
    best = view.history.best.params
    assert line["line"]["color"] == ORANGE
    assert all(other["line"]["color"] != ORANGE for other in others)
    told = dict(text.split(": ")[1].split(" ") for text in line["text"] if text)
    assert (told["size"], told["x"]) == (str(best["size"]), f"{best['x']:.4g}")
    numbers = {text.split(":")[0] for other in [*others, line] for text in other["text"] if text}
    assert numbers == {f"trial {number}" for number in range(30)}


def test_long_choices_that_look_the_same_stay_apart(swept):
    words = ["a" * 30 + middle + "z" * 30 for middle in "123"]
    view = swept({"word": Choice(words), "x": Float(0, 1)}, scored, trials=12)
    points = points_of(view)
    word = next(parameter for parameter in points.parameters if parameter.name == "word")
    assert len(set(word.labels)) == 3
    for point in points.ranked:
        trial = view.history.trials[point.number]
        assert int(point.places["word"]) == words.index(trial.params["word"])


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["relu", "tanh"], ("relu", "tanh")),
        (["bert-base-uncased", "bert-base-cased"], ("…uncased", "…cased")),
        ([f"model-{n}-of-the-long-kind" for n in (1, 12)], ("…1…", "…12…")),
        (["exponential_decay", "exponential"], ("exponential_decay", "exponential")),
        (["v1/big/model.pt", "v1/small/model.pt"], ("v1/big…", "v1/small…")),
        (["runs/a/model_1.pt", "runs/b/model_22.pt"], ("…a/model_1.pt", "…b/model_22.pt")),
        (["a word that is long", "another one here"], ("a word that is long", "another one here")),
        (["b" * 40, "b" * 50], ("bbbbbbbbbbbb…bbbbbbbbbbb (1)", "bbbbbbbbbbbb…bbbbbbbbbbb (2)")),
    ],
)
def test_long_options_are_told_by_what_tells_them_apart(options, labels, swept):
    view = swept({"word": Choice(options), "x": Float(0, 1)}, scored, trials=6)
    word = next(p for p in points_of(view).parameters if p.name == "word")
    assert word.labels == labels


def test_true_and_1_are_two_options(swept):
    options = [True, 1, "1", None]
    view = swept({"flag": Choice(options), "x": Float(0, 1)}, scored, trials=20)
    flag = next(p for p in points_of(view).parameters if p.name == "flag")
    assert len(set(flag.labels)) == 4
    for point in points_of(view).ranked:
        assert (
            options[int(point.places["flag"])] is view.history.trials[point.number].params["flag"]
        )


@pytest.mark.long
def test_1500_trials_are_thinned_out(lab):
    lab.write(lab.simulated(1500))
    view = open_view(lab.journal, "s1")
    figures = {figure.key: figure for figure in figures_of(view)}
    assert not [f.note for f in figures.values() if f.note]
    lines = figures["parallel"].body["data"]
    assert sum(trace["x"].count(0) for trace in lines) == MOST_LINES
    assert "1,350 other trials are left out" in figures["curves"].caption
    path = build(view, lab.home)
    assert path.stat().st_size < 8_000_000
    assert Page(path.read_text("utf-8")).tags.count("tr") == 1501


def test_the_page_has_what_one_looks_for(view, lab):
    """A contents whose links lead somewhere, the space, the sweep file, and what can be copied."""
    text = build(view, lab.home).read_text("utf-8").partition('<script type="application/json"')[0]
    links = re.findall(r'<li><a href="#([\w-]+)">', text)
    assert len(links) > 10
    assert set(links) <= set(re.findall(r' id="([\w-]+)"', text))
    headings = re.findall(r'<h2 id="([\w-]+)">', text)
    assert links == headings  # all of them, in the page's order
    assert len(set(re.findall(r' id="([\w-]+)"', text))) == len(re.findall(r' id="[\w-]+"', text))
    assert re.search(r"<dt>optimizer = sgd → momentum</dt><dd>0 … 0.99</dd>", text)
    assert re.search(r'<pre[^>]* id="sweep-file"><code>name: digits</code></pre>', text)
    copied = re.findall(r'data-copy="([\w-]+)" aria-label="Copy ', text)
    assert {"taking", "python", "command-1", "sweep-file"} <= set(copied)
    config = re.search(r'data-text="([^"]+)" aria-label="Copy the configuration', text)
    assert json.loads(unescape(config[1])) == view.history.best.params


def test_a_sentence_is_no_number(view, lab):
    """A note stands where sentences do."""
    view.history.notes["packing"] = "off, no speed-up in a test (1.00×)"
    text = build(view, lab.home).read_text("utf-8")
    tiles = re.search(r'<dl class="tiles">(.*?)</dl>', text, re.DOTALL)[1]
    assert "packing" not in tiles
    assert re.search(r"<li class=\"noted\"><strong>packing:</strong> off, no speed-up", text)
