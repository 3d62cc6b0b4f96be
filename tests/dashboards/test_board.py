"""A whole screen of a running sweep: it fits any terminal, whatever users call things."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from lanewise.dashboards.board import Setting, header, screen
from lanewise.dashboards.feed import Feed
from lanewise.dashboards.plot import plot
from lanewise.search.core.events import Failure
from lanewise.search.store.view import unread_view
from lanewise.spaces import Choice, Float, Space

SETTING = Setting("running", "tune", ["MLflow shows everything", "Ctrl-C leaves"])
HOSTILE = "宽" * 40 + "\x1b[2J\nsecond line [bold]" + "x" * 200
WIDE = Space({"lr": Float(0, 1), "name" * 20: Choice([HOSTILE, "short"])})


def fed(lab):
    feed = Feed(unread_view(lab.journal, "s1"))
    feed.refresh()
    return feed


def shown(feed, width=110, height=32, setting=SETTING):
    snapshot = feed.read(feed.view.last_at + 1)
    return [line.plain for line in screen(feed, snapshot, setting, width, height)]


@pytest.fixture
def busy(lab):
    """Many have ended, one failed, and more run than fit on a screen."""
    sweep = lab.begun(lab.spec(trials=200, space=WIDE))
    curve = {"val_accuracy": 0.5}
    for number in range(60):
        sweep.report(sweep.ask().number, [(1, {"val_accuracy": number / 60})])
    lab.failing(sweep, message=f"Traceback\n  {HOSTILE}")
    running = [sweep.ask() for _ in range(40)]
    sweep.report(running[0].number, [(1, curve)])
    lab.take(sweep)
    return fed(lab)


@pytest.mark.parametrize("width", [20, 60, 80, 110, 200])
@pytest.mark.parametrize("height", [3, 12, 24, 32, 60])
def test_every_line_fits(busy, width, height):
    lines = shown(busy, width, height)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    assert all(line.isprintable() for line in lines)


def test_a_screen_tells_all(busy):
    text = "\n".join(shown(busy, 160, 40))
    best = busy.view.history.best
    assert "digits" in text
    assert f"(trial {best.number}, epoch 1)" in text
    assert "failures 1 bug" in text
    assert "trial 60: " in text
    assert "more" in text  # of those that run
    assert "MLflow shows everything" in text
    assert text.endswith("Ctrl-C leaves")
    ended = [trial.number for trial in busy.ended[-2:]]
    assert text.index(f"\n{'':9}{ended[1]}") < text.index(f"\n{'':9}{ended[0]}")  # newest first


def test_a_small_screen_keeps_the_numbers_and_how_to_leave(busy):
    text = "\n".join(shown(busy, 60, 12))
    for part in ("trials   ", "best     ", "Ctrl-C leaves"):
        assert part in text


def test_before_the_first_trial(lab):
    lab.begun()
    feed = fed(lab)
    assert "trials   none yet" in shown(feed)
    lines = header(feed, feed.read(feed.view.last_at), 80)
    assert not any(line.plain.startswith("best") for line in lines)


def test_a_trial_that_runs_shows_its_rung_and_latest_value(lab):
    sweep = lab.begun(lab.spec(scheduler="asha"))
    number = sweep.ask().number
    sweep.report(number, [(1, {"val_accuracy": 0.123456})])
    sweep.fail(number, Failure("node_lost", "the worker died"))
    sweep.ask()
    lab.take(sweep)
    (row,) = [line for line in shown(fed(lab)) if "attempt 2" in line]
    assert "1 of 9, next 3, attempt 2" in row
    assert "0.1235" in row


def test_the_plot_rises_for_max_and_falls_for_min():
    rising = [(0.0, 0.1), (5.0, 0.9)]
    up = [line.plain for line in plot(rising, rising, "max", 40, 4)]
    falling = [(x, -value) for x, value in rising]
    down = [line.plain for line in plot(falling, falling, "min", 40, 4)]
    assert up[0].split()[0] == "0.9"
    assert down[-1].split()[0] == "-0.9"
    first, last, blank = 10, -1, "⠀"
    assert blank not in (up[-1][first], up[0][last], down[0][first], down[-1][last])
    assert up[0][first + 3] == down[-1][first + 3] == blank


def test_hopeless_trials_do_not_flatten_the_plot():
    path = [(0.0, 0.5), (10.0, 0.4)]
    trials = [(float(n), 0.5) for n in range(19)] + [(19.0, 1e9)]
    top = plot(trials, path, "min", 40, 4)[0].plain
    assert float(top.split()[0]) < 1


def test_the_plot_of_one_value():
    assert len(plot([(0.0, 0.0)], [(0.0, 0.0)], "max", 40, 3)) == 3
