"""Limits of time: what a worker does about a slow trial, and what an alarm leaves behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.limits import Limits, alarm, process_of, where_it_hung
from lanewise.cluster.worker import Worker
from lanewise.search.core.sweep import Run
from lanewise.trainables.recipe import Recipe

SLOW = """
import json, pathlib, time

def train(config, report):
    first = 1
    if report.checkpoint:
        first = int((pathlib.Path(report.checkpoint) / "epoch").read_text()) + 1
    for epoch in range(first, 1000):
        time.sleep(config["nap"])
        folder = pathlib.Path(config["folder"]) / "mine"
        folder.mkdir(exist_ok=True)
        (folder / "epoch").write_text(str(epoch))
        report(epoch, checkpoint=folder, score=epoch)
"""


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / "own.py").write_text(SLOW)
    return Storage(str(tmp_path), 300)


def worker(storage: Storage, limits: Limits) -> Worker:
    recipe = Recipe(train="own.py:train", base=storage.folder, monitor="score", mode="max")
    return Worker(recipe, storage, limits)


def run(storage: Storage, attempt: int = 1, epoch: int = 0, nap: float = 0.05) -> Run:
    return Run(3, {"nap": nap, "folder": storage.folder}, 0, attempt, epoch, 1000)


def test_a_trial_over_its_time_ends_with_all_that_it_reported(storage: Storage) -> None:
    mine = worker(storage, Limits(trial=0.3))
    mine.begin(run(storage))
    outcome = mine.advance(1000)
    assert outcome.failure is not None
    assert outcome.failure.kind == "timeout"
    assert "limits: {trial:" in outcome.failure.message
    assert [epoch for epoch, _ in outcome.rows] == list(range(1, len(outcome.rows) + 1))
    assert 1 <= len(outcome.rows) <= 6  # each takes 0.05 s and more
    # A retry, where a person wants one, goes on from there and has as much time again.
    mine.begin(run(storage, 2, epoch=len(outcome.rows)))
    again = mine.advance(1000)
    assert again.rows[0][0] == len(outcome.rows) + 1


def test_the_time_of_a_trial_outlives_its_process(storage: Storage) -> None:
    first = worker(storage, Limits(trial=1000))
    first.begin(run(storage))
    assert first.advance(6).failure is None  # 0.3 s and more
    first.stop()
    second = worker(storage, Limits(trial=0.3))
    second.begin(run(storage, 2, epoch=6))
    outcome = second.advance(1000)
    assert outcome.failure is not None
    assert outcome.failure.kind == "timeout"
    assert [epoch for epoch, _ in outcome.rows] == [7]  # it looks after each epoch


def test_a_trial_within_its_time_is_left_alone(storage: Storage) -> None:
    mine = worker(storage, Limits(trial=1000, epoch=1000))
    mine.begin(run(storage, nap=0))
    outcome = mine.advance(5)
    assert outcome.failure is None
    assert outcome.rows[-1][0] == 5
    mine.stop()
    assert not storage.hung(3, 1).exists()


ALONE = """
import sys
from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.limits import Limits
from lanewise.cluster.worker import Worker
from lanewise.search.core.sweep import Run
from lanewise.trainables.recipe import Recipe

folder = sys.argv[1]
recipe = Recipe(train="hang.py:train", base=folder, monitor="score", mode="max")
worker = Worker(recipe, Storage(folder, 300), Limits(epoch=0.5))
worker.begin(Run(3, {}, 0, 1, 0, 1000))
for until in (1, 2, 3):  # the alarm is set anew for each slice, and not in between
    print(worker.advance(until).rows, flush=True)
"""


@pytest.mark.parametrize("code", ["time.sleep(1000)", "re.match(r'(a+)+$', 'a' * 60 + 'b')"])
def test_a_hanging_process_ends_and_says_where_it_was(code: str, tmp_path: Path) -> None:
    """The second one holds Python's lock: no other thread and no signal handler could run."""
    lines = ["import re, time", "def train(config, report):"]
    lines += ["    report(1, score=1)", "    time.sleep(0.4)", "    report(2, score=1)"]
    (tmp_path / "hang.py").write_text("\n".join([*lines, f"    {code}", ""]))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout.count("score") == 2
    path = Storage(str(tmp_path), 300).hung(3, 1)
    assert process_of(path) is not None
    where = where_it_hung(path)
    assert where is not None
    assert 'hang.py", line 6 in train' in where
    assert "worker.py" not in where  # calls of ours below the user's are of no use to them
    assert not path.exists()
    assert where_it_hung(path) is None


def test_a_killed_process_leaves_no_word_of_a_hang(tmp_path: Path) -> None:
    path = tmp_path / "note"
    code = "import os, pathlib, sys; import lanewise.cluster.limits as l\n"
    code += "with l.alarm(pathlib.Path(sys.argv[1]), 60): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == -9
    assert path.exists()
    assert where_it_hung(path) is None


def test_an_alarm_passes_errors_on_and_is_off_behind_its_block(tmp_path: Path) -> None:
    path = tmp_path / "note"
    with pytest.raises(KeyError), alarm(path, 0.2):
        raise KeyError
    assert not path.exists()
    with alarm(path, None):
        assert not path.exists()
