"""Storage that breaks or runs full: what is whole stays whole, and a resume goes on."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from commandline import Lanewise, mlflow_runs
from harness import (
    check_all,
    check_history,
    check_mlflow,
    check_replay,
    events_of,
    kill_at,
    records,
    sweep_file,
    view_of,
    wait_until,
)

from lanewise.trainables.checkpoints.files import read

TRIALS = 8
SWEEP = sweep_file("stored", TRIALS, epochs=9, executor="inline")


def break_newest(home: Path) -> None:
    """Flips bits in the middle of the newest record."""
    with closing(sqlite3.connect(home / "journal.db")) as connection, connection:
        query = "SELECT seq, body FROM events ORDER BY seq DESC LIMIT 1"
        seq, body = connection.execute(query).fetchone()
        middle = len(body) // 2
        broken = body[:middle] + chr(ord(body[middle]) ^ 5) + body[middle + 1 :]
        connection.execute("UPDATE events SET body = ? WHERE seq = ?", (broken, seq))


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(9, marks=pytest.mark.long),
        *(pytest.param(count, marks=pytest.mark.night) for count in (2, 15)),
    ],
)
def test_a_broken_newest_record_is_dropped_with_a_word(count: int, lanewise: Lanewise) -> None:
    lanewise.write("stored.yaml", SWEEP)
    kill_at(lanewise, count, "run", "stored.yaml")
    break_newest(lanewise.home)
    before = view_of(lanewise, "stored")
    newest = records(lanewise.home) - 1
    assert before.seq == newest - 1
    resumed = lanewise.run("resume", "stored", "--quiet")
    assert resumed.returncode == 0
    assert f"record {newest}" in resumed.stderr
    assert "broken" in resumed.stderr
    check_all(lanewise, "stored", before, TRIALS)


@pytest.mark.long
def test_a_sweep_with_a_broken_newest_record_can_be_stopped(lanewise: Lanewise) -> None:
    lanewise.write("stored.yaml", SWEEP)
    kill_at(lanewise, 9, "run", "stored.yaml")
    break_newest(lanewise.home)
    stopped = lanewise.run("stop", "stored")
    assert stopped.returncode == 0, stopped.stderr
    assert "broken" in stopped.stderr
    closed = view_of(lanewise, "stored").history.closed
    assert closed is not None
    assert closed.reason == "stopped by a person"


class Disk:
    """A small file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"needs the right to mount a tmpfs: {done.stderr.strip()}")

    def resize(self, size: str) -> None:
        words = ["mount", "-o", f"remount,size={size}", str(self.path)]
        subprocess.run(words, check=True)

    def fill(self) -> None:
        """To the last byte."""
        with suppress(OSError), (self.path / "ballast").open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 9, 1):
                with suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def free(self) -> None:
        (self.path / "ballast").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    subprocess.run(["umount", "--lazy", str(made.path)], check=True)


BIG = """
import pathlib, tempfile

def train(config, report):
    for epoch in range(1, 10):
        with tempfile.TemporaryDirectory() as folder:
            for part in ("a", "b"):
                (pathlib.Path(folder) / part).write_bytes(b"x" * 200_000)
            report(epoch, checkpoint=folder, val_accuracy=config["x"])
"""


@pytest.mark.long
def test_a_full_disk_during_checkpoints_fails_their_trials_and_no_more(
    lanewise: Lanewise, disk: Disk
) -> None:
    """2 MB for checkpoints of 400 kB, of which each trial keeps one."""
    (lanewise.home / "sweeps").symlink_to(disk.path)
    lanewise.write("own.py", BIG)
    lanewise.write("stored.yaml", SWEEP)
    summary = lanewise.json("run", "stored.yaml", "scheduler=none")
    assert summary["status"] == "done"
    assert summary["best"] is not None
    view = view_of(lanewise, "stored")
    failed = [trial for trial in view.history if trial.status == "failed"]
    assert 2 <= len(failed) <= 6
    for trial in failed:
        assert [failure.kind for failure in trial.failures] == ["storage"] * 2
        assert "No space left on device" in trial.failures[0].message
    check_mlflow(view, mlflow_runs(f"sqlite:///{lanewise.home / 'mlflow.db'}", "stored"))
    for folder in disk.path.glob("*/checkpoints/trial-*"):
        check_whole(folder)


def check_whole(folder: Path) -> None:
    """No part of a checkpoint lies about: it is there as a whole, or there is none."""
    rows = folder / "rows.json"
    copies = list(folder.glob("user-*"))
    assert not list(folder.glob(".*"))
    if not rows.exists():
        assert copies == []
        return
    assert [copy.name for copy in copies] == [json.loads(rows.read_text())["user"]]
    assert all((copies[0] / part).stat().st_size == 200_000 for part in ("a", "b"))


NETWORK = """
name: stored
data: {source: "sklearn:digits"}
model: {mlp: {hidden: [256, 256]}}
objective: {maximize: val_accuracy}
space: {lr: {float: [1e-3, 1e-2]}}
sampler: random
scheduler: none
executor: inline
budget: {trials: 4, epochs: 3}
"""


@pytest.mark.long
def test_a_networks_checkpoint_is_whole_or_absent_on_a_full_disk(
    lanewise: Lanewise, disk: Disk
) -> None:
    """Adam's state makes about 1.4 MB of each."""
    (lanewise.home / "sweeps").symlink_to(disk.path)
    lanewise.write("stored.yaml", NETWORK)
    summary = lanewise.json("run", "stored.yaml")
    assert summary["status"] == "done"
    failures = [f.kind for trial in view_of(lanewise, "stored").history for f in trial.failures]
    assert failures
    assert set(failures) == {"storage"}
    (checkpoints,) = disk.path.glob("*/checkpoints")
    files = sorted(checkpoints.iterdir())
    assert files[0].name == "trial-00000"
    assert all(file.suffix == ".best" for file in files[1:])  # of those that failed, what fitted
    for file in files:
        read(file)  # verifies its checksum


@pytest.mark.long
def test_a_journal_that_cannot_be_written_is_one_line_and_the_sweep_resumes(
    lanewise: Lanewise, disk: Disk
) -> None:
    disk.resize("20m")
    home = disk.path / "home"
    shutil.copytree(lanewise.home, home)
    lanewise.home = home
    lanewise.write("stored.yaml", SWEEP)
    process = lanewise.start("run", "stored.yaml", "--quiet")
    wait_until(lambda: records(home) >= 8, process)
    disk.fill()
    assert process.wait(timeout=120) == 4
    said = (lanewise.folder / "stderr").read_text()
    assert "Traceback" not in said
    assert "journal.db: database or disk is full" in said.splitlines()[-1]
    refused = lanewise.run("resume", "stored", "--quiet")
    assert refused.returncode == 4
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    disk.free()
    before = view_of(lanewise, "stored")
    assert len(before.history) >= 1
    assert lanewise.json("resume", "stored")["status"] == "done"
    after = view_of(lanewise, "stored")
    check_history(before, after, TRIALS)
    check_replay(events_of(lanewise, "stored"))
    check_mlflow(after, mlflow_runs(f"sqlite:///{home / 'mlflow.db'}", "stored"))
