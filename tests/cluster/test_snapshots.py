"""Snapshots of rungs: they never change, stay while they are of use, and are what is copied."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from copying import TRAIN

from lanewise.cluster import snapshots
from lanewise.cluster.checkpoints import Checkpoints, Storage
from lanewise.cluster.worker import Worker
from lanewise.search.control.executor import Outcome
from lanewise.search.core.events import Asked, Closed, Continue, Reported, Stop
from lanewise.search.core.history import History
from lanewise.search.core.spec import Objective
from lanewise.search.core.sweep import Run
from lanewise.trainables.recipe import Recipe

RUNGS = (2, 4, 6)


@pytest.fixture(params=["links", "no links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network file systems may have none."""

    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EOPNOTSUPP, "no links here")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse)


def test_a_snapshot_is_written_once_and_stays(links: None, tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 300)
    path, snapshot = storage.path(3), storage.snapshot(3, 9)
    for content in ("at rung 9", "later", "later still"):
        draft = tmp_path / "draft"
        draft.write_text(content)
        draft.replace(path)  # as a checkpoint is written
        snapshots.take(path, snapshot)
        assert snapshot.read_text() == "at rung 9"
    assert sorted(tmp_path.iterdir()) == [path, snapshot]


def test_a_snapshot_of_a_folder_does_too(links: None, tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 300)
    path, snapshot = storage.path(3), storage.snapshot(3, 9)
    for content in ("at rung 9", "later"):
        shutil.rmtree(path, ignore_errors=True)
        (path / "user").mkdir(parents=True)
        (path / "user" / "weights").write_text(content)
        snapshots.take(path, snapshot)
        assert (snapshot / "user" / "weights").read_text() == "at rung 9"
    assert sorted(tmp_path.iterdir()) == [path, snapshot]


# -- how long they live ------------------------------------------------------------------------


def history(*epochs: int, ended: int = 0) -> History:
    """Open trials that have reported so many epochs, and before them some that have ended."""
    made = History((Objective("score", "max"),))
    for number, epoch in enumerate([*[1] * ended, *epochs]):
        made.apply(Asked(number, {}, 6, RUNGS))
        decision = Stop("rung 1") if number < ended else Continue(6)
        made.apply(Reported(number, ((epoch, {"score": float(number)}),), decision))
    return made


def kept(tmp_path: Path, made: History, limit: int, trials: int | None) -> list[str]:
    storage = Storage(str(tmp_path), 300, snapshots=True)
    for number in range(2):
        storage.path(number).write_bytes(b"x" * 100)
        for rung in RUNGS:
            storage.snapshot(number, rung).write_bytes(b"x" * 100)
    ended = [trial.number for trial in made if not trial.is_open]
    Checkpoints(storage, limit, trials).settle(made, ended)
    return sorted(path.name.removeprefix("trial-0000") for path in tmp_path.iterdir())


ALL = ["0", "0@2", "0@4", "0@6", "1", "1@2", "1@4", "1@6"]


def test_snapshots_stay_while_there_is_room_and_go_with_the_sweep(tmp_path: Path) -> None:
    made = history(6, 6)
    assert kept(tmp_path, made, limit=1000, trials=2) == ALL
    made.apply(Closed("done", "trials"))
    assert kept(tmp_path, made, limit=1000, trials=2) == ["0", "1"]


def test_beyond_the_limit_only_what_no_open_trial_may_copy_goes(tmp_path: Path) -> None:
    assert kept(tmp_path, history(3, 6), limit=0, trials=2) == ALL  # one may start again from 2
    assert kept(tmp_path, history(5, 6), limit=0, trials=None) == ALL  # another may begin
    assert kept(tmp_path, history(5, 6), limit=0, trials=3) == ALL
    assert kept(tmp_path, history(5, 6), limit=0, trials=2) == [n for n in ALL if "@2" not in n]
    assert kept(tmp_path, history(5, 6), limit=500, trials=2) == [n for n in ALL if n != "0@2"]


def test_snapshots_count_within_the_limit(tmp_path: Path) -> None:
    """The trial that has ended goes, though it alone would fit; its snapshots may be copied."""
    left = kept(tmp_path, history(1, ended=1), limit=650, trials=2)
    assert left == [name for name in ALL if name != "0"]


# -- what is copied ----------------------------------------------------------------------------


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / "own.py").write_text(TRAIN)
    return Storage(str(tmp_path), 300, snapshots=True)


@pytest.fixture
def worker(storage: Storage) -> Iterator[Worker]:
    base = storage.folder
    made = Worker(Recipe(train="own.py:train", base=base, monitor="score", mode="max"), storage)
    yield made
    made.stop()


def run(number: int, lr: float, epoch: int, until: int, **more: int | tuple[int, int]) -> Run:
    return Run(
        number, {"lr": lr}, 0, epoch=epoch, until=until, rungs=RUNGS, **{"attempt": 1} | more
    )  # type: ignore[arg-type]


def train(worker: Worker, run: Run) -> Outcome:
    worker.begin(run)
    outcome = worker.advance(run.until)
    worker.stop()
    return outcome


def scores(outcome: Outcome) -> list[float]:
    assert outcome.failure is None, outcome.failure
    return [metrics["score"] for _, metrics in outcome.rows]


@pytest.fixture
def copied(worker: Worker) -> Run:
    """Trial 1 is to go on from what trial 0 was at epoch 2, which is at epoch 6 by now."""
    assert scores(train(worker, run(0, 1.0, 0, 2))) == [1, 2]
    assert scores(train(worker, run(0, 1.0, 2, 6))) == [3, 4, 5, 6]
    assert scores(train(worker, run(1, 0.25, 0, 2))) == [0.25, 0.5]
    return run(1, 0.5, 2, 4, segment=1, source=(0, 2))


def test_the_source_is_as_it_was_when_it_was_decided_on(worker: Worker, copied: Run) -> None:
    assert scores(train(worker, copied)) == [2.5, 3]


def test_an_attempt_that_is_cut_off_takes_over_again_or_goes_on(
    worker: Worker, storage: Storage, copied: Run
) -> None:
    worker.begin(copied)
    worker.advance(3)  # no report is durable, and no checkpoint written: all is lost
    worker.stop()
    again = run(1, 0.5, 2, 4, segment=1, source=(0, 2), attempt=2)
    assert scores(train(worker, again)) == [2.5, 3]
    snapshots.remove(storage.snapshot(0, 2))  # of no use any more
    assert scores(train(worker, run(1, 0.5, 2, 4, segment=1, source=(0, 2), attempt=3))) == [2.5, 3]
    assert scores(train(worker, run(1, 0.5, 4, 6, segment=1, source=(0, 2)))) == [3.5, 4]


def test_a_broken_checkpoint_of_its_own_costs_no_more_than_the_segment(
    worker: Worker, storage: Storage, copied: Run
) -> None:
    train(worker, copied)
    (storage.path(1) / "rows.json").write_text("{")
    assert scores(train(worker, run(1, 0.5, 2, 4, segment=1, source=(0, 2), attempt=2))) == [2.5, 3]


@pytest.mark.parametrize("gone", ["trial-00000@2", "trial-00001 trial-00001@2"])
def test_weights_that_are_gone_are_a_failure_and_no_fresh_start(
    gone: str, worker: Worker, storage: Storage, copied: Run
) -> None:
    for name in gone.split():
        snapshots.remove(Path(storage.folder) / name)
    outcome = train(worker, copied)
    assert outcome.failure is not None
    assert outcome.failure.kind == "storage"
    assert outcome.failure.message.startswith("cannot take over the weights of trial 0: ")
    assert outcome.failure.message.count("\n") == 0
    assert not outcome.rows
