"""Every view names the same trial as the best, and orders all trials alike, ties included."""

from __future__ import annotations

import io
import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from lanewise.dashboards import terminal
from lanewise.dashboards.feed import Feed
from lanewise.dashboards.projection import Projection
from lanewise.dashboards.report.facts import gather
from lanewise.dashboards.report.points import points_of
from lanewise.dashboards.runs import order_key
from lanewise.dashboards.summary import best, history, listing, summary
from lanewise.search.core.events import Noted
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.store.view import open_view, unread_view
from lanewise.spaces import Float, Space

few = st.sampled_from([0.25, 0.5, 1.0])
losses = st.one_of(st.none(), few)
trials = st.lists(st.lists(st.tuples(few, losses), max_size=4), min_size=1, max_size=7)
# Accuracy 1 with the losses of the issue, costs and ages against the order; one without a value.
ISSUE = [[(1.0, 0.926)], [(0.5, 0.1), (1.0, 0.0003)], [], [(1.0, 0.0003)], [(1.0, None)]]


def swept(lab, rows_of, objective, name="s1"):
    """The view of a sweep of trials with these (score, val_loss) by epoch."""
    count = len(rows_of)
    space = Space({"lr": Float(0, 1)})
    asked = Spec(space, (objective,), Budget(9, count), Plugin("random"), seed=3)
    sweep = lab.begun(asked, name)
    for rows in rows_of:
        number = sweep.ask().number
        for epoch, (score, loss) in enumerate(rows, 1):
            metrics = {"score": score} | ({} if loss is None else {"val_loss": loss})
            sweep.report(number, [(epoch, metrics)])
        sweep.complete(number)
    sweep.close("trials")
    lab.take(sweep, name)
    return open_view(lab.journal, name)


def text_of(render, *given):
    out = io.StringIO()
    render(Console(file=out, width=100), *given)
    return out.getvalue()


def orders(view, home):
    """view -> the trials that it names, best first; ("show", …) with their best epochs."""
    name = view.launch.sweep
    feed = Feed(unread_view(view.journal, name))
    feed.refresh()
    projection = Projection(view.launch, str(home.root))
    for record in view.journal.read(name):
        projection.take(record)
    tags = {number: projection.run(number).tags for number in projection.trials}
    page = gather(view, home)
    (listed,) = [each for each in listing(view.journal, home) if each["sweep"] == name]
    yield "ranked", [(trial.number, trial.best[0]) for trial in view.history.ranked()]
    yield "summary", [_pair(summary(view, home)["best"])]
    yield "ls", [_pair(listed["best"])]
    yield "best --json", [_pair(one) for one in best(view, 99)]
    yield "best", _said(text_of(terminal.render_best, view, 99))
    yield "show", _said(text_of(terminal.render_sweep, view, home))[:1]
    yield "watch", _said(feed.read(0.0).best)
    yield "MLflow", [_pair(projection.best())]
    yield "report", [(page.best.trial, page.best.epoch)]
    yield (
        "MLflow's list",
        sorted(
            (number for number in tags if "lanewise.order" in tags[number]),
            key=lambda number: tags[number]["lanewise.order"],
        ),
    )
    valued = [trial.number for trial in view.history if trial.best]
    yield "report's table", [int(row[0].text) for row in page.rows][: len(valued)]
    yield "report's plots", [point.number for point in points_of(view).ranked]


def check(view, home):
    """All that a view says agrees with a sort of all epochs of all trials."""
    objective = view.spec.objective
    epochs = sorted(
        (
            -objective.score(metrics["score"]),
            metrics.get("val_loss", math.inf) if objective.ties == "loss" else 0,
            epoch if objective.ties == "loss" else 0,
            trial.number,
            epoch,
        )
        for trial in view.history
        for epoch, metrics in trial.rows
    )
    wanted = list({number: (number, epoch) for *_, number, epoch in reversed(epochs)}.values())
    wanted.sort(key=lambda pair: next(i for i, e in enumerate(epochs) if e[3:] == pair))
    if not wanted:
        assert view.history.best is None
        return wanted
    for name, said in orders(view, home):
        pairs = wanted if isinstance(said[0], tuple) else [number for number, _ in wanted]
        assert said == pairs[: len(said)], name
    by_number = {one["trial"]: one for one in history(view)}
    for number, epoch in wanted:
        trial = view.history.trials[number]
        assert by_number[number]["metrics"] == dict(trial.rows)[epoch] == trial.best_metrics
    return wanted


@pytest.mark.parametrize(
    ("mode", "ties", "wanted"),
    [
        ("max", "loss", [(3, 1), (1, 2), (0, 1), (4, 1)]),
        ("max", "age", [(0, 1), (1, 2), (3, 1), (4, 1)]),
        ("min", "loss", [(1, 1), (3, 1), (0, 1), (4, 1)]),
    ],
)
def test_every_view_has_the_same_order(lab, mode, ties, wanted):
    assert check(swept(lab, ISSUE, Objective("score", mode, ties)), lab.home) == wanted


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(trials, st.sampled_from(["max", "min"]), st.sampled_from(["loss", "age"]))
def test_every_view_has_the_same_order_for_any_history(lab, rows_of, mode, ties):
    name = f"s{lab.journal.last('count') + 2}"
    lab.write([Noted("count", name)], "count")
    check(swept(lab, rows_of, Objective("score", mode, ties), name), lab.home)


values = st.floats(allow_nan=False, allow_infinity=False)
feasible = st.one_of(st.just(-0.0), st.floats(-1e9, -1e-9))
ranks = st.tuples(feasible, values, st.one_of(values, st.just(-math.inf)), st.integers(-(10**6), 0))


@given(st.lists(st.tuples(ranks, st.integers(0, 10**6)), max_size=20))
def test_the_text_that_mlflow_sorts_by_sorts_as_the_ranks_do(pairs):
    wanted = sorted(pairs, key=lambda pair: (pair[0], -pair[1]), reverse=True)
    keys = [order_key(rank, number) for rank, number in wanted]
    assert keys == sorted(keys)
    assert len(set(keys)) == len({(rank, number) for rank, number in pairs})


def _pair(one):
    return one["trial"], one["epoch"]


def _said(text):
    """(trial, epoch) wherever a text says "trial 3, epoch 5"."""
    return [(int(n), int(e)) for n, e in re.findall(r"trial (\d+), epoch (\d+)", text)]
