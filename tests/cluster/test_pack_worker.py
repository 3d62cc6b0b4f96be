"""A pack worker without Ray: orders in, outcomes out, over real training functions and a pool that
breaks as it is told to."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.limits import Limits, where_it_hung, who_trained
from lanewise.cluster.pack_actor import Job, Leave, PackActor
from lanewise.cluster.pack_worker import PackWorker, StartIsolated
from lanewise.search.control.executor import Halt, Outcome, Proceed, Start
from lanewise.search.core.sweep import Run
from lanewise.trainables.errors import BadValue
from lanewise.trainables.packs.packing import Packing
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.protocol import Inside

TRAIN = """
import pathlib, time

def train(config, report):
    first = 1
    if report.checkpoint:
        first = int((pathlib.Path(report.checkpoint) / "epoch").read_text()) + 1
    for epoch in range(first, config.get("ends", 27) + 1):
        time.sleep(config.get("nap", 0))
        if config.get("how") == "bug" and epoch == 2:
            raise RuntimeError("a bug of the user's")
        folder = pathlib.Path(config["folder"]) / f"mine-{config['x']}"
        folder.mkdir(exist_ok=True)
        (folder / "epoch").write_text(str(epoch))
        report(epoch, checkpoint=folder, score=config["x"] * epoch)
"""


class Functions:
    """Pack workers of the function above, one process after another."""

    def __init__(self, folder: Path) -> None:
        (folder / "own.py").write_text(TRAIN)
        self.folder = folder
        self.workers: list[PackWorker] = []
        self.storage = Storage(str(folder), 300)
        base = str(folder)
        self.recipe = Recipe(train="own.py:train", base=base, monitor="score", mode="max")

    def worker(self, limits: Limits | None = None) -> PackWorker:
        note = self.storage.note(str(len(self.workers)))
        self.workers.append(PackWorker(Pool(self.recipe), self.storage, limits or Limits(), note))
        return self.workers[-1]

    def run(
        self, number: int, until: int, *, attempt: int = 1, epoch: int = 0, **config: Any
    ) -> Run:
        params = {"x": number, "folder": str(self.folder), **config}
        return Run(number, params, 0, attempt, epoch, until)


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[Functions]:
    made = Functions(tmp_path)
    yield made
    for worker in made.workers:
        worker.close()


def until_idle(worker: PackWorker) -> list[Outcome]:
    said = []
    while not worker.is_idle:
        said += worker.turn()
    return said


def epochs(said: Sequence[Outcome], number: int) -> list[int]:
    return [epoch for each in said if each.number == number for epoch, _ in each.rows]


def test_every_attempt_is_heard_of_at_its_rung_with_a_checkpoint(functions: Functions) -> None:
    worker = functions.worker()
    assert worker.obey([Start(functions.run(0, 3)), Start(functions.run(1, 1))]) == []
    said = until_idle(worker)
    assert sorted(each.number for each in said) == [0, 1]
    assert epochs(said, 0) == [1, 2, 3]
    assert epochs(said, 1) == [1]
    assert all(functions.storage.path(number).exists() for number in (0, 1))
    worker.obey([Proceed(0, 9), Halt(1)])
    said = until_idle(worker)
    assert epochs(said, 0) == [4, 5, 6, 7, 8, 9]
    worker.close()
    assert not list(functions.folder.glob("*.note"))


def test_an_attempt_goes_on_where_another_process_saved_it(functions: Functions) -> None:
    first = functions.worker()
    first.obey([Start(functions.run(4, 3))])
    until_idle(first)  # … and its end is never heard of
    second = functions.worker()
    said = second.obey([Start(functions.run(4, 3, attempt=2))])
    assert epochs(said, 4) == [1, 2, 3]  # all that the checkpoint holds, at once
    assert second.is_idle
    second.obey([Proceed(4, 5)])
    assert epochs(until_idle(second), 4) == [4, 5]


def test_a_broken_checkpoint_is_as_good_as_none(functions: Functions) -> None:
    functions.storage.path(4).mkdir()
    (functions.storage.path(4) / "rows.json").write_text("{")
    worker = functions.worker()
    worker.obey([Start(functions.run(4, 2, attempt=2))])
    assert epochs(until_idle(worker), 4) == [1, 2]


def test_a_bug_ends_its_own_attempt_only(functions: Functions) -> None:
    worker = functions.worker()
    worker.obey([Start(functions.run(0, 3, how="bug")), Start(functions.run(1, 3))])
    said = {each.number: each for each in until_idle(worker)}
    assert said[0].failure is not None
    assert said[0].failure.kind == "bug"
    assert "a bug of the user's" in said[0].failure.message
    assert epochs([said[0]], 0) == [1]
    assert epochs([said[1]], 1) == [1, 2, 3]


def test_what_cannot_even_be_opened_fails(functions: Functions) -> None:
    (functions.folder / "own.py").write_text("raise ValueError('not today')")
    (said,) = functions.worker().obey([Start(functions.run(0, 3))])
    assert said.failure is not None
    assert said.failure.kind == "bug"
    assert "not today" in said.failure.message


def test_one_that_ends_by_itself_says_so(functions: Functions) -> None:
    worker = functions.worker()
    worker.obey([Start(functions.run(0, 9, ends=2))])
    said = until_idle(worker)
    assert epochs(said, 0) == [1, 2]
    assert said[-1].ended


def test_a_trial_over_its_time_ends_with_all_that_it_reported(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock() -> float:
        """Stands still but for the epochs of trial 0."""
        saved = functions.folder / "mine-0" / "epoch"
        return 0.25 * int(saved.read_text()) if saved.exists() else 0.0

    monkeypatch.setattr("lanewise.trainables.packs.pool.time", SimpleNamespace(monotonic=clock))
    worker = functions.worker(Limits(trial=1.0))
    worker.obey([Start(functions.run(0, 27)), Start(functions.run(1, 27))])
    said = {each.number: each for each in until_idle(worker)}
    assert said[0].failure is not None
    assert said[0].failure.kind == "timeout"
    assert len(said[0].rows) == 4
    assert said[1].failure is None  # the time of one is not the other's
    assert len(said[1].rows) == 27


def test_long_ways_to_a_rung_are_reported_in_between(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lanewise.cluster.pack_worker.SLICE", 0.0)
    worker = functions.worker()
    worker.obey([Start(functions.run(0, 3))])
    first = worker.turn()
    assert epochs(first, 0) == [1]
    assert not functions.storage.path(0).exists()
    worker.obey([Proceed(0, 3)])  # which changes nothing: it trains on
    assert epochs(until_idle(worker), 0) == [2, 3]


def test_who_leaves_is_saved_where_it_is(functions: Functions) -> None:
    worker = functions.worker()
    worker.obey([Start(functions.run(0, 9)), Start(functions.run(1, 1))])
    while not worker.turn():  # 1 has reached its rung and waits; 0 has trained an epoch
        pass
    (said,) = worker.leave()
    assert said.number == 0
    assert said.rows
    assert functions.storage.path(0).exists()
    assert worker.is_idle
    worker.close()
    after = functions.worker()
    reached = said.rows[-1][0]
    after.obey([Start(functions.run(0, 9, attempt=2, epoch=reached))])
    assert epochs(until_idle(after), 0) == list(range(reached + 1, 10))


class Breaking:
    """A pool with one pack of everybody, which fails as its members' configurations say."""

    lanes = 8
    recipe = SimpleNamespace(folder=None, around=None)  # nothing of a person's runs in it

    def __init__(self) -> None:
        self.packing = Packing()
        self.members: list[Lane] = []

    def open(
        self,
        config: Mapping[str, Any],
        seed: int,
        checkpoint: Path | None,
        inside: Inside,
        adopt: Path | None,
    ) -> Lane:
        self.members.append(Lane(self, config))
        return self.members[-1]

    def due(self) -> list[Lane]:
        return [m for m in self.members if m.epoch < m.until and m.error is None]

    def turn(self) -> list[Lane]:
        due = self.due()
        for member in due:
            if member.config.get("hangs"):
                time.sleep(1000)
            if "error" in member.config:
                member.error = member.config["error"]
                member.is_displaced = member.config.get("is_displaced", False)
            else:
                member.epoch += 1
                member.rows.append((member.epoch, {"score": 0.5}))
        return due


class Lane:
    ended = is_displaced = False
    seconds, alone, lanes, until, epoch = 0.0, "", 1, 0, 0
    error: BaseException | None = None

    def __init__(self, pool: Breaking, config: Mapping[str, Any]) -> None:
        self.pool, self.config = pool, config
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.evaluated: dict[int, tuple[int, bytes]] = {}

    def save(self, path: Path) -> None:
        path.write_text(str(self.epoch))

    def rescue(self, path: Path) -> None: ...

    def close(self) -> None:
        self.pool.members.remove(self)


def run(number: int, until: int = 3, **config: Any) -> Run:
    return Run(number, config, 0, 1, 0, until)


def test_neighbours_of_a_pack_that_broke_are_innocent(tmp_path: Path) -> None:
    worker = PackWorker(Breaking(), Storage(str(tmp_path), 300))  # type: ignore[arg-type]
    broke = RuntimeError("its pack broke")
    starts = [
        run(0),
        run(1, error=BadValue("epoch 1: train_loss is nan")),
        run(2, error=broke, is_displaced=True),
        run(3, error=MemoryError()),
    ]
    worker.obey([Start(each) for each in starts])
    said = {each.number: each for each in worker.turn()}
    kinds = {number: each.failure.kind for number, each in said.items() if each.failure}
    assert kinds == {1: "bad_value", 2: "preempted", 3: "out_of_memory"}
    assert epochs(until_idle(worker), 0) == [1, 2, 3]
    worker.close()


def test_a_suspect_trains_in_turns_of_its_own(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 300)
    note = storage.note("w")
    worker = PackWorker(Breaking(), storage, note=note, apart=Breaking)  # type: ignore[arg-type]
    worker.obey([Start(run(0)), Start(run(1)), StartIsolated(run(2)), StartIsolated(run(3))])
    turns = []
    while not worker.is_idle:
        worker.turn()
        turns.append(sorted(number for number, _ in who_trained(note)))
    assert turns == [[0, 1], [2], [3]] * 3
    worker.obey([Halt(2), Proceed(3, 4)])
    assert epochs(until_idle(worker), 3) == [4]
    worker.close()


HANGS = """
import faulthandler, sys
sys.path += [sys.argv[1], sys.argv[3]]
from test_pack_worker import Breaking, run
from lanewise.cluster.checkpoints import Storage
from lanewise.search.control.executor import Start
from lanewise.cluster.limits import Limits
from lanewise.cluster.pack_worker import PackWorker

storage = Storage(sys.argv[2], 300)
worker = PackWorker(Breaking(), storage, Limits(epoch=0.3), storage.note("w"))
alarm, faulthandler.dump_traceback_later = faulthandler.dump_traceback_later, lambda seconds, **_: (
    print("within", seconds, flush=True)
)
worker.obey([Start(run(5)), Start(run(6, until=1)), Start(run(7, until=0))])
print("trains", flush=True)
worker.turn()  # two of them have twice the time
worker.obey([Start(run(8, hangs=True))])
faulthandler.dump_traceback_later = alarm
worker.turn()
"""


def test_a_pack_that_hangs_ends_its_process_and_names_its_lanes(tmp_path: Path) -> None:
    here, house = str(Path(__file__).parent), str(Path(__file__).parents[2])
    command = [sys.executable, "-c", HANGS, here, str(tmp_path), house]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    opened = "within 0.3\n"
    assert done.stdout == f"{opened * 3}trains\nwithin 0.6\n{opened}"
    note = Storage(str(tmp_path), 300).note("w")
    assert who_trained(note) == {(5, 1), (8, 1)}  # neither 6, which waits, nor 7
    where = where_it_hung(note)
    assert where is not None
    assert "in turn" in where


def test_a_worker_that_was_just_killed_did_not_hang(tmp_path: Path) -> None:
    note = Storage(str(tmp_path), 300).note("w")
    note.write_text("123 5-1 8-2\n")
    assert who_trained(note) == {(5, 1), (8, 2)}
    assert where_it_hung(note) is None
    assert who_trained(note) == frozenset()


def hear(actor: PackActor, count: int) -> list[list[Outcome]]:
    """The batches in which that many outcomes came."""
    batches: list[list[Outcome]] = []
    deadline = time.monotonic() + 60
    while sum(map(len, batches)) < count:
        assert time.monotonic() < deadline
        if found := actor.receive(1.0).outcomes:
            batches.append(found)
    return batches


def test_messages_of_many_lanes_travel_together(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lanewise.cluster.pack_worker.SLICE", math.inf)  # nothing in between
    job = Job(lambda: functions.recipe, functions.storage, Limits())
    actor = PackActor(job, "w")
    assert actor.receive(60.0).lanes == 1  # functions train one after another
    actor.deliver([Start(functions.run(n, 1)) for n in range(3)])
    assert sorted(o.number for batch in hear(actor, 3) for o in batch) == [0, 1, 2]
    actor.deliver([Proceed(n, 27) for n in range(3)])
    with actor._changed:  # nobody asks; nothing is lost
        assert actor._changed.wait_for(lambda: len(actor._update.outcomes) == 3, 60)
    (batch,) = hear(actor, 3)
    assert [len(o.rows) for o in batch] == [26, 26, 26]
    assert actor.receive(0.01).outcomes == []
    actor.deliver([Start(functions.run(4, 27, nap=0.05)), Leave()])
    ((said,),) = hear(actor, 1)
    assert len(said.rows) < 27
    actor.finish(10.0)
    assert not list(functions.folder.glob("*.note"))


def test_an_error_of_ours_is_raised_to_who_asks(functions: Functions) -> None:
    def broken() -> Recipe:
        raise ImportError("no torch here")

    actor = PackActor(Job(broken, functions.storage, Limits()), "w")
    with pytest.raises(RuntimeError, match="a pack worker cannot go on: no torch here"):
        actor.receive(60.0)
