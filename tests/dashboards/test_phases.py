"""What a sweep does just now is said at any moment of its life."""

from __future__ import annotations

import io
import time

from rich.console import Console

from lanewise.dashboards.board import header, left_of
from lanewise.dashboards.feed import Feed
from lanewise.dashboards.phases import Phase, phase_of
from lanewise.dashboards.progress import Progress, Waiting
from lanewise.dashboards.state import DUE, LOGGED, Cursor, write_cursor
from lanewise.search.store.view import unread_view
from lanewise.search.sweeps import make_sweep


def phase(lab):
    feed = Feed(unread_view(lab.journal, "s1"))
    feed.refresh()
    return str(phase_of(feed.view, lab.home, is_working=feed.is_working))


def report_all(lab, sweep, run):
    sweep.report(run.number, [(e, lab.curve(run.params, e)) for e in range(1, 10)])


def test_the_life_of_a_sweep(lab):
    asked = lab.spec(trials=1, scheduler="none")
    made = make_sweep(asked)
    lab.write(lab.simulated(1)[:1])  # its launch
    assert phase(lab) == "starting"
    made.opened("packed", "asked for", {})
    lab.take(made)
    assert phase(lab) == "starting Ray"
    run = made.ask()
    lab.take(made)
    assert phase(lab) == "training"
    report_all(lab, made, run)
    lab.take(made)
    assert phase(lab) == "training"
    made.close("trials")
    lab.take(made)
    records = lab.journal.last("s1") + 1
    assert phase(lab) == f"syncing MLflow, {records} records left"
    write_cursor(lab.home, "s1", Cursor(seq=records - 1, report=DUE))
    assert phase(lab) == "writing the report"
    write_cursor(lab.home, "s1", Cursor(seq=records - 1, report=LOGGED))
    assert phase(lab) == "stopping Ray"


def test_an_interrupted_sweep_is_synced_and_a_resumed_one_starts(lab):
    sweep = lab.begun()
    sweep.ask()
    sweep.interrupt("by a signal")
    lab.take(sweep)
    assert phase(lab).startswith("syncing MLflow, ")
    sweep.opened("inline", "asked for", {})
    lab.take(sweep)
    assert phase(lab) == "starting"  # no Ray


def test_what_is_left_is_told_while_it_trains_only_and_not_as_nothing(lab):
    sweep = lab.begun(lab.spec(trials=4, scheduler="none"))
    for _ in range(3):
        report_all(lab, sweep, sweep.ask())
    sweep.ask()
    lab.take(sweep)
    feed = Feed(unread_view(lab.journal, "s1"))
    feed.refresh()
    snapshot = feed.read(feed.view.last_at + 30)
    assert left_of(snapshot).startswith("about ")
    shown = {
        name: "\n".join(line.plain for line in header(feed, snapshot, 80, Phase(name)))
        for name in ("training", "syncing MLflow")
    }
    assert "now      training" in shown["training"]
    assert " left" in shown["training"]
    assert " trials/min" in shown["training"]
    assert "now      syncing MLflow" in shown["syncing MLflow"]
    assert " left" not in shown["syncing MLflow"]
    at_once = feed.read(feed.view.last_at + 1.01)
    assert at_once.left is not None
    assert at_once.left < 1
    assert left_of(at_once) == ""


def test_plain_lines_name_each_phase_once(lab):
    file = io.StringIO()
    made = make_sweep(lab.spec(trials=1, scheduler="none"))
    lab.write(lab.simulated(1)[:1])
    made.opened("packed", "asked for", {})
    lab.take(made)
    with Progress(lab.home, "s1", Console(file=file, width=80)):
        time.sleep(1.2)
        run = made.ask()
        report_all(lab, made, run)
        made.close("trials")
        lab.take(made)
        time.sleep(1.2)
        write_cursor(lab.home, "s1", Cursor(seq=lab.journal.last("s1"), report=DUE))
        time.sleep(1.2)
    news = [line.partition("] ")[2] for line in file.getvalue().splitlines()]
    assert news[0] == "starting Ray"
    assert news[1].startswith("trials: 1 completed")  # before MLflow is waited for
    assert news[2:] == ["syncing MLflow", "writing the report"]


def test_what_takes_a_moment_only_is_not_told_and_more_is(monkeypatch):
    for is_terminal in (False, True):
        file = io.StringIO()
        console = Console(file=file, width=80, force_terminal=is_terminal)
        with Waiting("reading the data", console):
            pass
        assert file.getvalue() == ""
        for name in ("MOMENT", "LONG_MOMENT", "EVERY"):
            monkeypatch.setattr(f"lanewise.dashboards.progress.{name}", 0.01)
        with Waiting("reading the data", console):
            time.sleep(0.3)
        assert "reading the data" in file.getvalue()
        monkeypatch.undo()
