"""The part that all executors share: what a worker makes of a trial that goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.worker import Worker
from lanewise.search.core.sweep import Run
from lanewise.trainables.recipe import Recipe

TRAIN = """
import errno, shutil

def train(config, report):
    for epoch in range(1, 10):
        if epoch == 3 and config["how"] == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if epoch == 3 and config["how"] == "copy":
            raise shutil.Error([("a", "b", "[Errno 28] No space left on device")])
        if epoch == 3 and config["how"] == "absent":
            open("/nowhere/at/all")
        report(epoch, score=epoch)
"""


def worker(folder: Path) -> Worker:
    (folder / "own.py").write_text(TRAIN)
    recipe = Recipe(train="own.py:train", base=str(folder), monitor="score", mode="max")
    return Worker(recipe, Storage(str(folder), 300))


def test_a_trial_whose_last_checkpoint_fails_has_not_finished(tmp_path: Path) -> None:
    """With its last row it would count as completed, and its weights would be nowhere."""
    mine = worker(tmp_path)
    mine.storage.path(0).write_text("in the way of a folder")
    mine.begin(Run(0, {"how": "fine"}, 0, 1, 0, 9))
    outcome = mine.advance(9)
    assert outcome.failure is not None
    assert outcome.failure.kind == "storage"
    assert "the checkpoint could not be written" in outcome.failure.message
    assert [epoch for epoch, _ in outcome.rows] == list(range(1, 9))
    mine.storage.path(0).unlink()
    mine.begin(Run(0, {"how": "fine"}, 0, 2, 8, 9))
    again = mine.advance(9)
    assert again.failure is None
    assert [epoch for epoch, _ in again.rows] == [9]


@pytest.mark.parametrize(
    ("how", "kind"), [("full", "storage"), ("copy", "storage"), ("absent", "bug")]
)
def test_users_code_that_finds_the_disk_full_is_no_bug(how: str, kind: str, tmp_path: Path) -> None:
    mine = worker(tmp_path)
    mine.begin(Run(0, {"how": how}, 0, 1, 0, 9))
    outcome = mine.advance(9)
    assert outcome.failure is not None
    assert outcome.failure.kind == kind
    assert [epoch for epoch, _ in outcome.rows] == [1, 2]
