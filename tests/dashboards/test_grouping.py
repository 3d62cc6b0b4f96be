"""Which failures are one to whoever reads."""

from __future__ import annotations

import pytest

from lanewise.dashboards.grouping import (
    all_failures,
    final_failures,
    group_failures,
    pattern,
)
from lanewise.search.core.events import Failure
from lanewise.search.core.sweep import Run
from lanewise.search.store.view import open_view

LIBRARY = "/venv/lib/python3.11/site-packages/torch/nn/modules"


def traceback(raised, own=12, library=None, file="/home/ada/my.py"):
    frames = [
        'File "/venv/lib/python3.11/site-packages/lanewise/trial.py", line 9, in run\n    call()',
        f'File "{file}", line {own}, in build\n    return layer(x)\n           ^^^^^^^^',
    ]
    if library:
        frames.append(f'File "{LIBRARY}/linear.py", line {library}, in forward\n    F(x)')
    return "\n".join(["Traceback (most recent call last):", *(f"  {f}" for f in frames), raised])


ALIKE = [
    ("val_loss is 1.7e+308", "val_loss is 3.2"),
    ("width must be > 0, got -3", "width must be > 0, got 12"),
    ("<Net object at 0x7f3a12bc>", "<Net object at 0x7f3a9918>"),
    ("no actor 9f86d081884c7d65", "no actor 2c26b46b68ffc68f"),
    (
        "run 123e4567-e89b-12d3-a456-426614174000 is gone",
        "run 00112233-4455-6677-8899-aabbccddeeff is gone",
    ),
    ("cannot read /tmp/tmpk3x_9aab/w.pt", "cannot read /tmp/tmpabcdefgh/w.pt"),
    ("cannot read '/data/run7b/w.pt'", "cannot read '/data/run12c/w.pt'"),
    ("trial_12 has no file", "trial_3 has no file"),
    ("mat1 and mat2 shapes (64x13 and 14x3)", "mat1 and mat2 shapes (7x5 and 14x31)"),
    ("no room for [64, 41]", "no room for [128]"),
    ("shape (64,) is odd", "shape (64, 3, 2) is odd"),
    ("Tried to allocate 20.00 MiB", "Tried to allocate 1.2 GiB"),
    ("no report for 30 s (worker 3, pid 4711)", "no report for 31.5 s (worker 1, pid 99)"),
    ("lr=1e-05 is too small", "lr=.001 is too small"),
    ("1,024 rows", "12 rows"),
    (traceback("ValueError: got 3"), traceback("ValueError: got 0.25")),
    # The same line of the user's, wherever the library gave up.
    (traceback("ValueError: got 3", library=7), traceback("ValueError: got 3", library=99)),
    (
        traceback("E: no", file="/tmp/ray/session_2026-01-01_00-00-00_1/my.py"),
        traceback("E: no", file="/tmp/ray/session_2026-02-03_11-12-13_77/my.py"),
    ),
    (traceback("E: a 1\nand b 2"), traceback("E: a 3\nand b 4")),
]

APART = [
    ("val_loss is nan", "val_loss is inf"),
    ("KeyError: 'width'", "KeyError: 'depth'"),
    ("bad optimizer sgd", "bad optimizer adam"),
    (traceback("ValueError: got 3"), traceback("TypeError: got 3")),
    (traceback("ValueError: got 3", own=12), traceback("ValueError: got 3", own=31)),
    (traceback("E: no"), traceback("E: no", file="/home/ada/other.py")),
    (traceback("E: one\nand more"), traceback("E: one\nand less")),
    ("", "boom"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_differs_in_numbers_is_one_failure(one, other):
    failures = [(0, Failure("bug", one)), (1, Failure("bug", other)), (2, Failure("bug", one))]
    (group,) = group_failures(failures)
    assert (group.trials, group.count, group.message) == ((0, 1, 2), 3, one)
    assert group.differs


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_differs_in_words_or_lines_is_not(one, other):
    groups = group_failures([(0, Failure("bug", one)), (1, Failure("bug", other))])
    assert [group.trials for group in groups] == [(0,), (1,)]


def test_kinds_never_mix_and_the_most_frequent_comes_first():
    said = [("hang", "9 s"), ("bug", "9 s"), ("bug", "8 s"), ("timeout", "9 s")]
    groups = group_failures((n, Failure(*failure)) for n, failure in enumerate(said))
    assert [(g.kind, g.trials) for g in groups] == [
        ("bug", (1, 2)),
        ("hang", (0,)),
        ("timeout", (3,)),
    ]


def test_equal_texts_do_not_differ_and_say_what_was_raised():
    text = traceback("ValueError: got 3\n")
    (group,) = group_failures([(4, Failure("bug", text)), (2, Failure("bug", text.rstrip()))])
    assert (group.trials, group.differs, group.last_line) == ((2, 4), False, "ValueError: got 3")


def test_a_syntax_error_is_told_by_its_line():
    text = "  File \"my.py\", line {}\n    foo(\n       ^\nSyntaxError: '(' was never closed"
    assert pattern(text.format(3)) != pattern(text.format(4))


def test_attempts_that_were_tried_again_count_only_where_they_are_asked_for(lab):
    sweep = lab.begun(lab.spec(trials=2))
    for _ in range(2):
        run = sweep.ask()
        assert isinstance(run, Run)
        sweep.fail(run.number, Failure("node_lost", f"worker {run.number} is gone"))
    run = sweep.ask()
    sweep.fail(run.number, Failure("bug", "boom"))
    lab.take(sweep)
    history = open_view(lab.journal, "s1").history
    assert [group.kind for group in group_failures(final_failures(history))] == ["bug"]
    (lost, bug) = group_failures(all_failures(history))
    assert (lost.kind, lost.count, bug.kind) == ("node_lost", 2, "bug")
