"""Live progress: what it says, and that it never breaks the sweep."""

from __future__ import annotations

import io
import time

from rich.console import Console

from dashboards.progress import Gauge, Progress, rendered, told
from search.view import open_view


def running(lab):
    sweep = lab.begun(lab.spec(trials=4, scheduler="none"))
    for _ in range(2):
        run = sweep.ask()
        sweep.report(run.number, [(e, lab.curve(run.params, e)) for e in range(1, 10)])
    sweep.ask()
    lab.take(sweep)
    return sweep


def test_rates_share_and_time_left(lab):
    sweep = running(lab)
    view = open_view(lab.journal, "s1")
    gauge, now = Gauge(view), view.last_at
    assert gauge.read(now).trials_per_minute is None
    sweep.report(2, [(e, lab.curve(sweep.history.trials[2].params, e)) for e in range(1, 10)])
    lab.take(sweep)
    view.refresh()
    snapshot = gauge.read(now + 10)
    assert snapshot.trials_per_minute == 6
    assert snapshot.epochs_per_second == 0.9
    assert snapshot.done == 0.75
    assert snapshot.left == 10
    assert snapshot.counts["completed"] == 3
    assert "best val_accuracy" in told(snapshot)
    file = io.StringIO()
    Console(file=file, width=80).print(rendered(snapshot))
    assert "6 trials/min" in file.getvalue()
    assert max(map(len, file.getvalue().splitlines())) <= 80


def test_plain_lines_without_a_terminal(lab):
    file = io.StringIO()
    sweep = running(lab)
    with Progress(lab.home, "s1", Console(file=file, width=80)):
        time.sleep(1.2)
        sweep.report(2, [(e, lab.curve(sweep.history.trials[2].params, e)) for e in range(1, 10)])
        lab.take(sweep)
    lines = file.getvalue().splitlines()
    assert len(lines) == 2  # one at first, one at the end; nothing in between is new
    assert "1 running, 2 completed" in lines[0]
    assert "3 completed" in lines[1]


def test_a_terminal_is_left_clean(lab):
    file = io.StringIO()
    running(lab)
    with Progress(lab.home, "s1", Console(file=file, width=80, force_terminal=True)):
        time.sleep(1.2)
    assert "2 completed" in file.getvalue()


def test_an_error_is_one_line(lab):
    file = io.StringIO()
    with Progress(lab.home, "unknown", Console(file=file, width=80)):
        time.sleep(0.3)
    assert file.getvalue().startswith("progress is not shown any more: there is no sweep")
    assert len(file.getvalue().splitlines()) == 1
