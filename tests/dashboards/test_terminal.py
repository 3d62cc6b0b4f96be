"""Tables, failures and figures on a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lanewise.dashboards import terminal
from lanewise.dashboards.frames import without_ours
from lanewise.dashboards.summary import listing, summary
from lanewise.dashboards.table import fitting, lines
from lanewise.dashboards.words import numbered, rate
from lanewise.search.core.events import Failure
from lanewise.search.store.view import open_view
from lanewise.spaces import Choice, Float, Int, Space

MANY = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "width": Int(1, 99),
        "optimizer": Choice([{"sgd": {"momentum": Float(0.0, 0.99)}}, "adam"]),
        "batch_size": 64,
        **{f"a_long_name_{letter}": Float(0, 1) for letter in "abcdef"},
    }
)
PACKAGE = terminal.__file__.rpartition("/dashboards/")[0]


def text_of(render, *args, width=80, is_terminal=False):
    file = io.StringIO()
    color = {"color_system": None} if is_terminal else {}
    render(Console(file=file, width=width, force_terminal=is_terminal, **color), *args)
    return file.getvalue()


@pytest.fixture
def many(lab):
    """Ten trials with ten hyperparameters; a few fail, two of them alike."""
    sweep = lab.begun(lab.spec(trials=20, scheduler="none", space=MANY))
    for number in range(10):
        run = sweep.ask()
        sweep.report(run.number, [(9, {"val_accuracy": number / 27, "loss": 1 / 3})])
    for message in ("3 is unlucky", "5 is unlucky", "no such file"):
        lab.failing(sweep, "bug", f"Traceback (most recent call last):\nRuntimeError: {message}")
    lab.failing(sweep, "bad_value", "the loss is NaN")
    lab.take(sweep)
    return open_view(lab.journal, "s1")


def table_of(shown):
    return shown[shown.index("\ntrial  ") + 1 :].split("\n\n")[0].splitlines()


def test_a_column_for_each_hyperparameter_that_varies(lab, many):
    shown = text_of(terminal.render_sweep, many, lab.home)
    head, *rows = table_of(shown)
    varied = ["lr", "width", "optimizer", "optimizer.momentum"]
    varied += [f"a_long_name_{letter}" for letter in "abcdef"]
    assert sorted(head.split()) == sorted(["trial", "status", "epochs", "val_accuracy", *varied])
    start = head.index("width")
    widths = {row[start:].split()[0] for row in rows if row[:1].isdigit()}
    assert widths == {str(trial.params["width"]) for trial in many.history}
    assert "the same in all trials: batch_size 64" in shown


@pytest.mark.parametrize("width", [80, 110, 200])
def test_on_a_terminal_the_table_fits_and_says_what_it_leaves_out(lab, many, width):
    shown = text_of(terminal.render_sweep, many, lab.home, width=width, is_terminal=True)
    table = [row for row in table_of(shown) if row[:1].isdigit() or row.startswith("trial")]
    assert max(map(len, table)) <= width
    assert ("no room for " in shown) == (width < 200)
    if width == 80:
        assert "a_long_name_f" in shown[shown.index("no room for") :].splitlines()[0]


def test_an_id_is_never_broken_in_a_pipe(lab):
    sweep = "digits-with-a-long-name-0123abcd"
    lab.write(lab.simulated(2, sweep=sweep), sweep)
    for width in (20, 80):
        found = listing(lab.journal, lab.home)
        _, row = text_of(terminal.render_listing, found, width=width).splitlines()
        assert row.startswith(f"{sweep}  done")
        assert row == row.rstrip()


def test_failures_that_are_alike_are_one_and_each_kind_is_a_line(lab, many):
    shown = text_of(terminal.render_sweep, many, lab.home)
    assert "bug in trials 10, 11; the first of texts that differ in details\n" in shown
    assert shown.count("is unlucky") == 1
    assert "bug in trial 12\n" in shown
    assert "bad value in trial 13\nthe loss is NaN" in shown
    body = summary(many, lab.home)
    end = text_of(terminal.render_summary, body, lambda *words: " ".join(words))
    failed = [line for line in end.splitlines() if line.startswith("failed: ")]
    assert failed == [
        "failed: bug, trials 10, 11, 12: RuntimeError: 3 is unlucky (and 1 other error)",
        "failed: bad value, trial 13: the loss is NaN",
    ]


def test_a_failure_that_was_tried_again_with_success_is_no_line_of_the_end(lab):
    sweep = lab.begun(lab.spec(trials=1, scheduler="none"))
    run = sweep.ask()
    sweep.fail(run.number, Failure("node_lost", "gone"))
    sweep.ask()
    sweep.report(run.number, [(9, {"val_accuracy": 0.5})])
    lab.take(sweep)
    view = open_view(lab.journal, "s1")
    end = text_of(terminal.render_summary, summary(view, lab.home), lambda *words: "")
    assert "failed: " not in end
    assert "node lost in trial 0" in text_of(terminal.render_sweep, view, lab.home)


def test_metrics_have_the_digits_that_their_rows_deserve(lab):
    asked = lab.spec(trials=1, scheduler="none")
    sweep = lab.begun(asked)
    run = sweep.ask()
    sweep.report(run.number, [(9, {"val_accuracy": 265 / 270, "val_loss": 0.123456789})])
    lab.take(sweep)
    view = open_view(lab.journal, "s1")
    view.launch.details["data"]["parts"] = {"train": 1257, "val": 270, "test": 270}
    body = summary(view, lab.home)
    for shown in (
        text_of(terminal.render_summary, body, lambda *words: ""),
        text_of(terminal.render_sweep, view, lab.home),
        text_of(terminal.render_trial, view, 0),
        text_of(terminal.render_best, view),
    ):
        assert "0.981" in shown
        assert "0.9814" not in shown
        assert "0.12345" not in shown
    assert body["best"]["metrics"]["val_accuracy"] == 265 / 270  # --json keeps all of it


# -- tracebacks --------------------------------------------------------------------------------

OURS = f'''  File "{PACKAGE}/cluster/attempt.py", line 40, in open
    return self._open(config)
           ^^^^^^^^^^^^^^^^^^
  File "/elsewhere/lib/python3.11/site-packages/lanewise/trainables/trial.py", line 9, in open_trial
    module = build(config, info)
'''
USERS = """  File "/home/ada/lanewise/own.py", line 6, in build
    return layer(config["width"])
           ^^^^^^^^^^^^^^^^^^^^^^
  File "/home/ada/lanewise/layers.py", line 2, in layer
    torch.nn.Linear(0, -1)
  File "/venv/lib/python3.11/site-packages/torch/nn/modules/linear.py", line 99, in __init__
    self.weight = Parameter(torch.empty(out, inside))
"""
HEAD = "Traceback (most recent call last):\n"
END = "RuntimeError: negative\n  with more lines\n\n  and a blank one"


def test_our_frames_are_cut_and_users_stay_whole():
    assert without_ours(f"{HEAD}{OURS}{USERS}{END}") == f"{HEAD}{USERS}{END}"


def test_our_frames_between_users_are_cut_too():
    text = f"{HEAD}{OURS}{USERS}{OURS}{USERS}{END}"
    assert without_ours(text) == f"{HEAD}{USERS}{USERS}{END}"


def test_a_bug_of_ours_stays_whole():
    for text in (f"{HEAD}{OURS}{END}", f"{HEAD}{OURS}{USERS}{OURS}{END}"):
        assert without_ours(text) == text


def test_what_torch_raises_without_users_code_stays_whole():
    torch = '  File "/venv/lib/python3.11/site-packages/torch/x.py", line 1, in f\n    f()\n'
    text = f"{HEAD}{OURS}{torch}{END}"
    assert without_ours(text) == text


def test_each_traceback_of_a_chain_is_cut():
    chain = "\nDuring handling of the above exception, another exception occurred:\n\n"
    text = f"{HEAD}{OURS}{USERS}KeyError: 1\n{chain}{HEAD}{OURS}{USERS}{END}"
    assert without_ours(text) == f"{HEAD}{USERS}KeyError: 1\n{chain}{HEAD}{USERS}{END}"


@pytest.mark.parametrize("text", ["", "one line", "Traceback:\n  boom", HEAD, f"{HEAD}  File"])
def test_what_is_no_traceback_stays(text):
    assert without_ours(text) == text.rstrip("\n")


def test_show_says_how_much_it_left_out(lab):
    sweep = lab.begun(lab.spec(trials=1))
    lab.failing(sweep, "bug", f"{HEAD}{OURS}{USERS}{END}")
    lab.take(sweep)
    view = open_view(lab.journal, "s1")
    for render, *args in ((terminal.render_sweep, lab.home), (terminal.render_trial, 0)):
        shown = text_of(render, view, *args)
        assert "own.py" in shown
        assert "attempt.py" not in shown
        assert "(5 lines of Lanewise's own left out; show --json has them)" in shown


# -- words -------------------------------------------------------------------------------------


def test_a_table_is_as_wide_as_its_cells():
    rows = [("1", "宽宽", "x"), ("22", "", "")]
    assert lines(("a", "b", "c"), rows) == ["a   b     c", "1   宽宽  x", "22"]
    assert [fitting(("a", "b", "c"), rows, width) for width in (1, 9, 11, 99)] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("per_minute", "words"),
    [(0.0123456, "0.0123"), (12.44, "12.4"), (99.96, "100"), (204.7, "205"), (2470.4, "2,470")],
)
def test_rates(per_minute, words):
    assert rate(per_minute) == words


def test_numbers_of_trials():
    assert numbered([4]) == "trial 4"
    assert numbered([4, 7]) == "trials 4, 7"
    assert numbered(range(120), 3) == "trials 0, 1, 2, … (120 in all)"
