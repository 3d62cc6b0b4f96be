"""Live progress: what it says, and that it never breaks the sweep."""

from __future__ import annotations

import io
import time

from rich.console import Console

from lanewise.dashboards.progress import Progress


def running(lab):
    sweep = lab.begun(lab.spec(trials=4, scheduler="none"))
    for _ in range(2):
        run = sweep.ask()
        sweep.report(run.number, [(e, lab.curve(run.params, e)) for e in range(1, 10)])
    sweep.ask()
    lab.take(sweep)
    return sweep


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
