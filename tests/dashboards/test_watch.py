"""Watching a sweep: what is said of it, when it ends, and that the sweep does not notice."""

from __future__ import annotations

import io
import json
import socket
import sqlite3
import time

import pytest
from rich.console import Console

from lanewise.cli import run
from lanewise.dashboards import watch
from lanewise.dashboards.feed import Feed
from lanewise.dashboards.state import Cursor, write_cursor
from lanewise.dashboards.watch import Watcher, in_lines, on_screen
from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Opened
from lanewise.search.store.view import unread_view


@pytest.fixture(autouse=True)
def _no_waiting_for_mlflow(monkeypatch):
    monkeypatch.setattr(watch, "DRAINING", 0.0)


def watcher(lab):
    made = Watcher(Feed(unread_view(lab.journal, "s1")), lab.home, "lanewise resume s1")
    made.feed.refresh()
    return made


def status(watcher, quiet=0.0):
    """The status, ``quiet`` seconds after the last record."""
    return watcher._status(watcher.feed.view.last_at + quiet)


def lines(lab, **options):
    file = io.StringIO()
    said = in_lines(watcher(lab), Console(file=file, width=80), 0.01, **options)
    return said, file.getvalue().splitlines()


def test_a_sweep_of_a_controller_is_starting_running_or_resuming(lab):
    sweep = lab.begun()
    with lab.home.controller_lock("s1"):
        assert status(watcher(lab), quiet=3600) == "running"
        sweep.interrupt("by a signal")
        lab.take(sweep)
        assert status(watcher(lab)) == "resuming"


def test_a_sweep_is_starting_until_its_controller_has_opened(lab):
    launched, *_ = lab.simulated()
    lab.write([launched])
    with lab.home.controller_lock("s1"):
        assert status(watcher(lab)) == "starting"


def test_a_controller_that_went_without_a_word_is_noticed(lab):
    lab.begun()
    assert status(watcher(lab), quiet=2) == "running"
    assert status(watcher(lab), quiet=20) == "interrupted"


def test_a_controller_on_another_host_gets_more_time(lab):
    sweep = lab.begun()
    sweep.opened("tune", "asked for", {"host": f"not-{socket.gethostname()}"})
    lab.take(sweep)
    one = watcher(lab)
    assert one.setting("running").where.startswith("tune on not-")
    assert status(one, quiet=20) == "running"
    assert status(one, quiet=100) == "interrupted"


def test_lines_at_every_change_until_the_end(lab):
    sweep = lab.begun(lab.spec(trials=4))
    one = watcher(lab)
    looks = one.looks(0.01)
    assert next(looks)[0] == "running"
    assert next(looks)[1].counts["completed"] == 0
    lab.write(simulate(sweep, lab.curve))
    *_, (said, snapshot) = looks
    assert said == "done"
    assert sum(snapshot.counts.values()) == 4


def test_a_finished_sweep_is_one_line(lab):
    lab.write(lab.simulated())
    said, told = lines(lab)
    assert said == "done"
    assert len(told) == 1
    assert "done: trials: " in told[0]


def test_lines_end_with_an_interruption(lab):
    sweep = lab.begun()
    sweep.ask()
    sweep.interrupt("by a signal")
    lab.take(sweep)
    said, told = lines(lab)
    assert said == "interrupted"
    assert told[-1].endswith("interrupted: trials: 1 open")


def test_json_lines(lab):
    lab.write(lab.simulated())
    _, told = lines(lab, as_json=True)
    (body,) = map(json.loads, told)
    assert body["status"] == "done"
    assert body["trials"]["asked"] == 8
    assert body["seconds_left"] is None


def test_a_terminal_says_how_to_go_on_and_is_left_clean(lab):
    sweep = lab.begun()
    sweep.interrupt("by a signal")
    lab.take(sweep)
    one, file = watcher(lab), io.StringIO()
    screens = one.looks
    one.looks = lambda interval: [next(screens(interval))]
    console = Console(file=file, width=80, height=24, force_terminal=True)
    assert on_screen(one, console, 0.01) == "interrupted"
    assert "lanewise resume s1" in file.getvalue()
    assert file.getvalue().endswith("\x1b[?25h\x1b[?1049l")  # cursor and screen are back


def test_watching_waits_for_mlflow_for_a_while(lab, monkeypatch):
    monkeypatch.setattr(watch, "DRAINING", 0.3)
    lab.write(lab.simulated())
    lines(lab)
    assert time.time() - watcher(lab).feed.view.last_at > 0.3
    monkeypatch.setattr(watch, "DRAINING", 1e9)
    write_cursor(lab.home, "s1", Cursor(seq=lab.journal.last("s1")))
    lines(lab)  # comes back, since MLflow shows all


def test_the_journal_is_not_written_and_a_writer_is_not_waited_for(lab):
    lab.write([*lab.simulated()[:2]])
    path = lab.home.root / "journal.db"
    with sqlite3.connect(path) as writer:
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.read_bytes()
        writer.execute("BEGIN IMMEDIATE")
        journal = lab.home.journal()  # as another process opens it
        feed = Feed(unread_view(journal, "s1"))
        assert feed.refresh()
        journal.close()
        writer.rollback()
    writer.close()
    assert path.read_bytes() == before


def test_a_look_costs_what_is_new(lab, monkeypatch):
    lab.write(lab.simulated(trials=40))
    one = watcher(lab)
    read = []
    original = lab.journal.read
    monkeypatch.setattr(lab.journal, "read", lambda *a: read.append(original(*a)) or read[-1])
    for _ in range(3):
        one.feed.refresh()
    assert read == [[], [], []]
    opened = Opened("inline", "again", {})
    lab.write([opened])
    one.feed.refresh()
    assert [record.event for record in read[-1]] == [opened]


def test_the_command_ends_with_a_summary_or_says_that_nobody_works_on_it(lab, capsys):
    sweep = lab.begun()
    sweep.interrupt("by a signal")
    lab.take(sweep)
    command = ["watch", "--home", str(lab.home.root), "--interval", "0.1"]
    assert run(command) == 130
    assert capsys.readouterr().out.endswith("interrupted: trials: none yet\n")
    lab.write(lab.simulated(sweep="s2"), "s2")
    assert run(command) == 0
    said = capsys.readouterr().out
    assert "done: trials: " in said
    assert "Best: trial" in said
    assert run([*command, "--interval", "0"]) == 2
    assert "--interval" in capsys.readouterr().err
