"""The report beside the projector: after everything else, and never in its way."""

from __future__ import annotations

import pytest

from lanewise.dashboards import reporter
from lanewise.dashboards.reporter import Reporter
from lanewise.dashboards.service import Service
from lanewise.dashboards.state import (
    DUE,
    LOGGED,
    NONE,
    Cursor,
    read_cursor,
    wait_drained,
    wait_reported,
    write_cursor,
)
from lanewise.dashboards.summary import summary
from lanewise.dashboards.tail import Tail
from lanewise.search.store.view import open_view

pytestmark = pytest.mark.usefixtures("new_database")


@pytest.fixture
def ended(lab):
    """A finished sweep that wants a report; returns its launch."""
    events = lab.simulated(4)
    events[0].details["sweep_file"]["report"] = True
    lab.write(events)
    return events[0]


@pytest.fixture
def builder(monkeypatch, tmp_path):
    """Puts a shell script in the place of the Python that builds reports."""

    def put(script: str) -> None:
        path = tmp_path / "builder"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(reporter.sys, "executable", str(path))

    return put


def test_a_finished_sweep_gets_its_report(ended, lab):
    assert lab.drain() == 0
    cursor = read_cursor(lab.home, "s1")
    assert cursor.report == LOGGED
    parent, _ = lab.runs()
    assert "Lanewise report" in lab.artifact(parent, "report.html")[:20_000]
    view = open_view(lab.journal, "s1")
    assert summary(view, lab.home)["report"] == str(lab.home.report("s1"))
    assert list(lab.home.report("s1").parent.iterdir()) == [lab.home.report("s1")]  # no draft


def test_it_comes_after_everything_else(ended, lab, builder):
    """The sweep counts as drained while its report is still built."""
    builder("exec sleep 60")
    tail = Tail(lab.home, lab.journal, ended, lab.uri)
    try:
        while not tail.is_drained:
            tail.step()
        assert wait_drained(lab.home, lab.journal, "s1", patience=0) == 0
        assert read_cursor(lab.home, "s1").drained_at is not None
        assert (tail.cursor.report, tail.is_idle, tail.is_over) == (DUE, False, False)
        assert wait_reported(lab.home, "s1", patience=0.2) is False
        assert len(lab.runs()[1]) == 4
    finally:
        tail.close()


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$"])
def test_a_build_that_fails_fails_nothing_else(script, ended, lab, builder, capfd):
    builder(script)
    assert lab.drain() == 0
    assert read_cursor(lab.home, "s1").report == NONE
    assert wait_reported(lab.home, "s1", patience=0) is True
    assert "no report of s1: its process ended with code" in capfd.readouterr().err
    assert lab.runs()[0].info.status == "FINISHED"
    assert summary(open_view(lab.journal, "s1"), lab.home)["report"] is None


def test_a_build_that_hangs_is_given_up(ended, lab, builder, monkeypatch, capfd):
    builder("exec sleep 60")
    monkeypatch.setattr(reporter, "LIMIT", 0.1)
    assert lab.drain() == 0
    assert read_cursor(lab.home, "s1").report == NONE
    assert "it took longer than 0.1 s" in capfd.readouterr().err


def test_a_report_that_a_killed_projector_left_due_is_made_up_for(ended, lab, builder):
    builder("exit 1")
    lab.drain()
    cursor = read_cursor(lab.home, "s1")
    write_cursor(lab.home, "s1", Cursor(**{**vars(cursor), "report": DUE}))
    lab.home.report("s1").parent.mkdir()
    lab.home.report("s1").write_text("built")
    builder("exit 0")
    service = Service(lab.home, lab.journal)
    while not service.step() and read_cursor(lab.home, "s1").report == DUE:
        pass
    assert read_cursor(lab.home, "s1").report == LOGGED
    assert lab.artifact(lab.runs()[0], "report.html") == "built"


def test_sync_logs_it_anew(ended, lab, builder):
    lab.home.report("s1").parent.mkdir()
    lab.home.report("s1").write_text("first")
    builder("exit 0")
    lab.drain()
    lab.home.report("s1").write_text("second")
    lab.drain()  # nothing is new
    assert lab.artifact(lab.runs()[0], "report.html") == "first"
    lab.drain(rebuild=True)
    assert lab.artifact(lab.runs()[0], "report.html") == "second"


def test_what_is_due_when(ended, lab):
    of = Reporter(lab.home, ended)
    assert of.state(Cursor(seq=3), 4, at_rest=False) is None
    assert of.state(Cursor(seq=3), 4, at_rest=True) == DUE
    assert of.state(Cursor(seq=4, report=LOGGED), 4, at_rest=True) == LOGGED
    assert of.state(Cursor(seq=4, report=NONE), 4, at_rest=True) == NONE
    assert of.state(Cursor(seq=4, report=LOGGED), 9, at_rest=True) == DUE  # resumed, ended again
    ended.details["sweep_file"]["report"] = False
    assert Reporter(lab.home, ended).state(Cursor(seq=3), 4, at_rest=True) is None


def test_a_sweep_that_runs_has_none_until_it_is_interrupted(lab, builder):
    builder("exit 1")
    with lab.home.controller_lock("s1"):
        sweep = lab.begun()
        view = open_view(lab.journal, "s1")
        view.launch.details["sweep_file"]["report"] = True
        tail = Tail(lab.home, lab.journal, view.launch, lab.uri)
        while not tail.is_drained:
            tail.step()
        assert tail.cursor.report is None
        sweep.interrupt("Ctrl-C")
        lab.take(sweep)
        while tail.cursor.report != NONE:
            tail.step()
    tail.close()


def test_who_waits_looks_after_the_projector(lab):
    write_cursor(lab.home, "s1", Cursor(report=DUE))
    looks = []
    assert wait_reported(lab.home, "s1", 0.5, lambda: looks.append(1)) is False
    assert len(looks) > 1
