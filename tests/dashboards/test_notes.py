"""What a person should know of a sweep stands wherever people look, and not in the JSON."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from lanewise.dashboards import terminal
from lanewise.dashboards.board import Setting, header, screen
from lanewise.dashboards.describe import describe
from lanewise.dashboards.feed import Feed
from lanewise.dashboards.progress import clocked, told
from lanewise.dashboards.projection import Projection
from lanewise.dashboards.report.facts import gather
from lanewise.dashboards.summary import summary
from lanewise.search.core.events import Launched, Opened
from lanewise.search.store.view import open_view, unread_view

TEXT = "packs: up to 48 lanes a worker,\na probe predicts 5.1 times the speed of training alone"
LINE = TEXT.replace("\n", " ")


@pytest.fixture
def packed(lab):
    """A packed sweep with a note, some of its trials under way."""
    sweep = lab.begun(lab.spec(trials=900, scheduler="none"))
    sweep.opened("packed", "asked for", {})
    sweep.note("packing", "being probed")
    sweep.note("packing", TEXT)
    for _ in range(600):
        sweep.report(sweep.ask().number, [(9, {"val_accuracy": 0.5, "loss": 1.0})])
    for _ in range(48):
        sweep.ask()
    lab.take(sweep)
    return open_view(lab.journal, "s1")


def snapshot_of(lab):
    feed = Feed(unread_view(lab.journal, "s1"))
    feed.refresh()
    return feed, feed.read(feed.view.last_at + 10)


def projected(lab):
    records = lab.journal.read("s1")
    assert isinstance(records[0].event, Launched)
    projection = Projection(records[0].event, str(lab.home.root))
    for record in records:
        projection.take(record)
    return projection


def test_mlflow_has_it_as_a_tag_and_in_the_description(lab, packed):
    projection = projected(lab)
    run = projection.run(None)
    assert run.tags["lanewise.packing"] == TEXT
    assert f"\n- packing: {LINE}\n" in describe(projection) + "\n"


def test_a_note_sends_the_sweeps_run_again_and_takes_no_tag_of_ours(lab):
    sweep = lab.begun()
    lab.take(sweep)
    projection = projected(lab)
    projection.sent(None)
    sweep.note("sweep", "not this one")
    lab.take(sweep)
    for record in lab.journal.read("s1", projection.seq):
        projection.take(record)
    assert projection.sweep.unsent == projection.seq
    assert projection.run(None).tags["lanewise.sweep"] == "s1"


def test_the_terminal_and_the_report_tell_it(lab, packed):
    body = summary(packed, lab.home)
    for render, *args in (
        (terminal.render_sweep, packed, lab.home),
        (terminal.render_summary, body, lambda *words: " ".join(words)),
    ):
        console = Console(file=io.StringIO(), width=80)
        render(console, *args)
        assert f"packing: {LINE}\n" in console.file.getvalue()
    assert "packing" not in json.dumps(body)
    assert dict(gather(packed, lab.home).notes)["packing"] == LINE


def test_the_board_tells_it_where_there_is_room(lab, packed):
    feed, snapshot = snapshot_of(lab)
    setting = Setting("running", "packed", ["Ctrl-C leaves"])
    tall = [line.plain for line in screen(feed, snapshot, setting, 120, 40)]
    assert f"packing  {LINE}" in tall
    assert not any("packing" in line.plain for line in screen(feed, snapshot, setting, 120, 12))


def test_progress_counts_lanes_and_rates_by_the_minute(lab, packed):
    feed, snapshot = snapshot_of(lab)
    text = "\n".join(line.plain for line in header(feed, snapshot, 100))
    assert "48 running, 600 completed · 48 lanes in use" in text
    assert " trials/min · " in text
    assert " epochs/min" in text
    assert "/s" not in text
    line = clocked(snapshot, told(snapshot)).plain
    assert "48 lanes in use" in line
    assert " trials/min · " in line
    assert line.endswith(" left")


def test_trials_that_train_alone_are_no_lanes(lab, packed):
    sweep = lab.begun(sweep="s2")
    sweep.ask()
    lab.take(sweep, "s2")
    feed = Feed(unread_view(lab.journal, "s2"))
    feed.refresh()
    assert isinstance(feed.view.history.opened, Opened)
    assert "lanes" not in told(feed.read(feed.view.last_at + 10))
