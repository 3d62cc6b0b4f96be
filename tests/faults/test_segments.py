"""`kill -9` of sweeps that pause, promote and copy, at moments that nobody chose."""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from commandline import Lanewise, mlflow_runs
from copying import TRAIN, check_weights
from forked import Forks
from harness import check_mlflow, check_replay, events_of, kill, view_of
from test_moments import look

from lanewise.search.core.invariants import check_invariants
from lanewise.search.store.view import View

pytestmark = pytest.mark.timeout(1800)

FUNCTION = """
train: own.py:train
space: {lr: {float: [0.1, 1]}, nap: 0.005}
"""
MODEL = """
data: {source: "sklearn:digits", split: [0.3, 0.3, 0.4]}
model: mlp
space: {hidden: [16], lr: {float: [1e-3, 1e-1], log: true}, dropout: {float: [0.0, 0.5]}}
"""
COMMON = """
objective: {{maximize: val_accuracy}}
sampler: random
scheduler: {scheduler}
budget: {{trials: 8, epochs: 6}}
report: false
"""
PBT = "{pbt: {interval: 2}}"
PROMOTE = "{asha: {eta: 2, promote: true}}"
NIGHT = pytest.mark.night

Kill = Callable[[tuple[str, ...], float], bool]  # a command's words, after how many seconds


@dataclass
class Sweeps:
    """Sweeps that differ by how often they are killed."""

    lanewise: Lanewise
    train: str
    scheduler: str
    executor: str
    draw: random.Random
    before: list[View] = field(default_factory=list)  # of the newest sweep, after each kill

    def write(self, name: str) -> tuple[str, ...]:
        """The command that begins it."""
        head = f"name: {name}\nmlflow: {{experiment: killed}}\nexecutor: {self.executor}"
        text = head + self.train + COMMON.format(scheduler=self.scheduler)
        self.lanewise.write("own.py", TRAIN.replace("score=", "val_accuracy="))
        self.lanewise.write(f"{name}.yaml", text)
        self.before = []
        return "run", f"{name}.yaml"

    def kill_often(self, kills: int, life: float, whole: View, kill: Kill) -> None:
        """Kills one until it ends by itself, then the next, until so many times are reached."""
        names: list[str] = []
        while kills > 0:
            names.append(name := f"killed-{len(names)}")
            self.write(name)
            while self.kill(name, life, kill):
                kills -= 1
                if len(self.before) > 1 and self.before[-1].seq == self.before[-2].seq:
                    life *= 1.2  # the machine is busier than it was
            self.check(name, whole)
        print(f"{len(names)} sweeps")
        self.check_mlflow(names[-1])

    def kill(self, name: str, life: float, kill: Kill) -> bool:
        """Kills what begins the sweep, or goes on with it; False if it has ended by itself."""
        command = ("resume", name) if self.before else ("run", f"{name}.yaml")
        is_killed = kill(command, self.draw.uniform(0, life))
        if (view := look(self.lanewise, name)) is not None:
            check_invariants(view.history)
            self.before.append(view)
        return is_killed

    def check(self, name: str, whole: View) -> None:
        """After it has ended, beside one that nobody has killed."""
        after = view_of(self.lanewise, name)
        assert after.history.closed is not None
        for view in self.before:
            check_prefix(view, after)
        check_trials(after, whole, is_exact=self.executor == "inline")
        if self.train == FUNCTION:
            check_weights(after.history)
        check_replay(events_of(self.lanewise, name))
        assert not list(self.lanewise.home.glob("sweeps/*/checkpoints/*@*"))

    def check_mlflow(self, name: str) -> None:
        """All is shown, however long the machine takes for it."""
        while self.lanewise.json("resume", name)["mlflow"]["pending"]:
            pass
        runs = mlflow_runs(f"sqlite:///{self.lanewise.home / 'mlflow.db'}", "killed")
        check_mlflow(view_of(self.lanewise, name), runs)


@pytest.fixture
def draw() -> random.Random:
    """Other moments each time; the environment's KILLS repeats those that a failure shows."""
    seed = os.environ.get("KILLS") or secrets.token_hex(8)
    print(f"KILLS={seed}")
    return random.Random(seed)


@pytest.fixture
def forks(lanewise: Lanewise) -> Iterator[Forks]:
    forks = Forks(lanewise)
    yield forks
    forks.close()


@pytest.mark.parametrize(
    "kills", [pytest.param(3, marks=pytest.mark.long), pytest.param(25, marks=NIGHT)]
)
@pytest.mark.parametrize("scheduler", [PBT, PROMOTE], ids=["pbt", "asha"])
@pytest.mark.parametrize("train", [FUNCTION, MODEL], ids=["function", "model"])
def test_many_kills_lose_no_pause_and_no_weights(
    train: str, scheduler: str, kills: int, lanewise: Lanewise, forks: Forks, draw: random.Random
) -> None:
    """A sweep is killed until it ends all the same; then comes another one."""
    sweeps = Sweeps(lanewise, train, scheduler, "inline", draw)
    began = time.monotonic()
    forks.start(*sweeps.write("whole"))
    assert forks.wait() == 0
    life, whole = time.monotonic() - began, view_of(lanewise, "whole")
    sweeps.kill_often(kills, life, whole, forks.kill_after)


@NIGHT
@pytest.mark.parametrize(
    ("train", "scheduler", "executor"),
    [
        pytest.param(FUNCTION, PBT, "packed", id="pbt-packed"),
        pytest.param(MODEL, PROMOTE, "packed", id="asha-packed"),
        pytest.param(FUNCTION, PBT, "tune", id="pbt-tune"),
    ],
)
def test_kills_of_workers_of_their_own_lose_no_pause_and_no_weights(
    train: str, scheduler: str, executor: str, lanewise: Lanewise, draw: random.Random
) -> None:
    """The second kill falls into what resumed after the first, and so on."""
    sweeps = Sweeps(lanewise, train, scheduler, executor, draw)
    told = lanewise.json(*sweeps.write("whole"))
    assert told["status"] == "done"
    life, whole = told["seconds_best_known"], view_of(lanewise, "whole")

    def kill_after(command: tuple[str, ...], seconds: float) -> bool:
        process = lanewise.start(*command)
        time.sleep(seconds)
        kill(process)
        return process.returncode < 0

    sweeps.kill_often(5, life, whole, kill_after)


def check_prefix(before: View, after: View) -> None:
    """What a kill found stands: parameters, rows, segments."""
    for trial in before.history:
        now = after.history.trials[trial.number]
        assert now.segments[: len(trial.segments)] == trial.segments
        assert now.rows[: len(trial.rows)] == trial.rows


def check_trials(after: View, whole: View, *, is_exact: bool) -> None:
    """The same trials, each epoch once; with one at a time all as if nobody had killed anything."""
    assert sorted(after.history.trials) == list(range(8))
    assert after.history.count("completed", "stopped") == 8
    for trial in after.history:
        other = whole.history.trials[trial.number]
        assert trial.segments[0] == other.segments[0]
        assert [epoch for epoch, _ in trial.rows] == list(range(1, trial.epoch + 1))
        if is_exact:
            assert (trial.segments, trial.rows) == (other.segments, other.rows)
            assert (trial.status, trial.reason) == (other.status, other.reason)
    has_copied = any(len(trial.segments) > 1 for trial in after.history)
    assert has_copied == (after.spec.scheduler.name == "pbt")
