"""A sweep as JSON and on a terminal."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from lanewise.dashboards import terminal
from lanewise.dashboards.state import Cursor, write_cursor
from lanewise.dashboards.summary import best, history, listing, running_seconds, summary
from lanewise.search.core.events import Failure
from lanewise.search.store.view import open_view

KEYS = [
    "sweep",
    "name",
    "status",
    "executor",
    "seconds",
    "seconds_best_known",
    "trials",
    "best",
    "mlflow",
    "report",
]


@pytest.fixture
def view(lab):
    lab.write(lab.simulated(6))
    return open_view(lab.journal, "s1")


@pytest.fixture
def failed(lab):
    sweep = lab.begun(lab.spec(trials=3))
    lab.failing(sweep, "bug", "Traceback:\n  [bold]" + "x" * 200 + "\nValueError: the end")
    run = sweep.ask()
    sweep.report(run.number, [(1, lab.curve(run.params, 1))])
    sweep.interrupt("Ctrl-C")
    lab.take(sweep)
    return open_view(lab.journal, "s1")


def test_the_summary_has_exactly_its_keys(view, lab):
    told = summary(view, lab.home, pending=0)
    assert list(told) == KEYS
    assert (told["sweep"], told["name"], told["status"]) == ("s1", "digits", "done")
    assert told["seconds"] == round(running_seconds(view), 3)
    assert (told["executor"], told["report"]) == ("inline", None)
    ended = told["trials"]
    assert ended["asked"] == 6 == sum(n for key, n in ended.items() if key != "asked")
    assert set(told["best"]) == {"trial", "params", "metrics", "epoch", "corrected", "tied"}
    assert told["best"]["metrics"] == view.history.best.best_metrics
    assert told["mlflow"] == {
        "tracking_uri": lab.uri,
        "experiment_id": None,
        "run_id": None,
        "pending": 0,
    }
    assert json.loads(json.dumps(told)) == told
    assert summary(view, lab.home)["mlflow"]["pending"] == view.seq + 1


def test_seconds_leave_out_the_pauses(view):
    view.launched_at, view.decided_at = 100.0, 1004.0
    view.sessions = [(101.0, 110.0), (1000.0, 1005.0)]
    assert running_seconds(view) == 15.0
    assert running_seconds(view, view.decided_at) == 14.0


def test_a_sweep_without_a_value_has_no_best(lab):
    sweep = lab.begun()
    lab.failing(sweep)
    sweep.close("trials")
    lab.take(sweep)
    view = open_view(lab.journal, "s1")
    told = summary(view, lab.home)
    assert (told["best"], told["status"]) == (None, "failed")
    assert best(view) == []


def test_history_and_best_agree(view):
    told = history(view)
    assert [trial["trial"] for trial in told] == list(range(6))
    assert all(
        set(trial) == {"trial", "params", "status", "epochs", "metrics", "attempts"}
        for trial in told
    )
    three = best(view, 3)
    assert [one["metrics"]["val_accuracy"] for one in three] == sorted(
        (one["metrics"]["val_accuracy"] for one in three), reverse=True
    )
    assert best(view) == three[:1]


def test_a_failure_is_told_with_its_text(failed):
    assert history(failed)[0]["failure"].endswith("ValueError: the end")


def test_the_listing(view, lab):
    lab.write(lab.simulated(3, sweep="s2"), "s2")
    told = listing(lab.journal, lab.home)
    assert [one["sweep"] for one in told] == ["s1", "s2"]
    assert told[0]["best"]["value"] == view.history.best.best[1]


# -- on a terminal -----------------------------------------------------------------------------


def text_of(render, *args):
    """What is shown at 80 columns, without colours."""
    file = io.StringIO()
    render(Console(file=file, width=80), *args)
    shown = file.getvalue()
    assert "\x1b" not in shown
    return shown


def test_the_table_of_sweeps_fits(lab, view):
    shown = text_of(terminal.render_listing, listing(lab.journal, lab.home))
    assert "s1" in shown
    assert "done" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_sweep_is_shown_best_first(lab, view):
    shown = text_of(terminal.render_sweep, view, lab.home)
    assert "maximize val_accuracy with random and asha" in shown
    assert f"Best: trial {view.history.best.number}" in shown
    table = shown[shown.index("trial  status") :]
    numbers = [row.split()[0] for row in table.splitlines()[1:] if row[:1].isdigit()]
    assert numbers[0] == str(view.history.best.number)
    assert table.count("batch_size") == 1  # a constant is named once, not in every row


def test_tracebacks_are_never_cut(lab, failed):
    whole = failed.history.trials[0].failures[0].message
    shown = text_of(terminal.render_sweep, failed, lab.home)
    assert whole in shown
    assert "interrupted" in shown.splitlines()[0]
    assert "running" not in shown
    assert whole in text_of(terminal.render_trial, failed, 0)


def test_one_trial_and_the_best(view):
    number = view.history.best.number
    assert "* its best epoch" in text_of(terminal.render_trial, view, number)
    shown = text_of(terminal.render_best, view, 2)
    assert shown.startswith("1. val_accuracy")
    assert "\n2. val_accuracy" in shown


def typed(*words: str) -> str:
    return " ".join(("lanewise", *words))


def test_the_end_of_a_run(lab, view):
    told = {**summary(view, lab.home, pending=0), "seconds": 83.2}
    shown = text_of(terminal.render_summary, told, typed)
    assert "digits: done, 1 min 23 s (inline)" in shown
    assert "lanewise ui" in shown
    assert "lanewise show s1" in shown
    assert "resume" not in shown


def test_seconds_reach_to_the_drained_projection_unless_it_came_much_later(lab, view):
    without = summary(view, lab.home)["seconds"]
    for lag, counted in ((2.5, 2.5), (86_400.0, 0.0)):
        write_cursor(lab.home, view.launch.sweep, Cursor(drained_at=view.last_at + lag))
        told = summary(view, lab.home)
        assert told["seconds"] == pytest.approx(without + counted, abs=0.002)
        assert told["seconds_best_known"] <= told["seconds"]


def test_the_end_of_an_interrupted_run(lab, failed):
    told = summary(failed, lab.home)
    shown = text_of(terminal.render_summary, told, typed)
    assert "lanewise resume s1" in shown
    assert "1 failed, 1 open" in shown
    assert "lanewise sync s1" in shown  # nothing was projected


def test_retries_are_numbered(lab):
    sweep = lab.begun(lab.spec(trials=1))
    run = sweep.ask()
    sweep.fail(run.number, Failure("out_of_memory", "one"))
    sweep.ask()
    sweep.fail(run.number, Failure("bug", "two"))
    lab.take(sweep)
    shown = text_of(terminal.render_trial, open_view(lab.journal, "s1"), 0)
    assert "out of memory in attempt 1\none" in shown
    assert "bug in attempt 2\ntwo" in shown
