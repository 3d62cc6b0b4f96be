"""One conformance suite for every executor that runs real trials."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from copying import TRAIN as SUMS
from copying import check_weights
from driving import drive

from lanewise import sections
from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.executors import EXECUTORS, Setup, for_functions, for_models
from lanewise.cluster.resources import Resources
from lanewise.cluster.rungs import next_until
from lanewise.cluster.tune import TuneExecutor
from lanewise.search.core.events import Resumed
from lanewise.search.core.history import History
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.store.journal import Journal
from lanewise.spaces import Float, Int, Space
from lanewise.trainables.recipe import Recipe

# Python's own warnings inside Ray: its sockets and files are closed by its processes' end.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

TRAIN = """
import os, pathlib, signal, time

def train(config, report):
    first = 1
    if report.checkpoint:
        first = int((pathlib.Path(report.checkpoint) / "epoch").read_text()) + 1
    for epoch in range(first, 28):
        behave(config, epoch)
        folder = pathlib.Path(config["folder"]) / f"mine-{config['x']}"
        folder.mkdir(exist_ok=True)
        (folder / "epoch").write_text(str(epoch))
        with (pathlib.Path(config["folder"]) / "trained").open("a") as log:
            print(config["x"], epoch, file=log)
        report(epoch, checkpoint=folder, score=config["x"] * epoch, pid=os.getpid())

def behave(config, epoch):
    kind = config.get("kind")
    once = pathlib.Path(config["folder"]) / f"was-here-{config['x']}"
    if kind == "bug" and config["x"] > 0.5 and epoch == 2:
        raise RuntimeError("a bug of the user's")
    if kind == "memory" and epoch == 2:
        raise MemoryError("always")
    if kind == "killed" and epoch == 5 and not once.exists():
        once.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
"""


class Bench:
    """Runs a small sweep of the training function above."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        (folder / "own.py").write_text(TRAIN)
        self.recipe = Recipe(train="own.py:train", base=str(folder), monitor="score", mode="max")

    def run(
        self,
        *,
        space: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        **changes: Any,
    ) -> History:
        spec = Spec(
            space=Space({"x": Float(0, 1), "folder": str(self.folder), **(space or {})}),
            objectives=(Objective("score", "max"),),
            budget=budget or Budget(epochs=27, trials=6),
            **{"sampler": Plugin("random"), "scheduler": Plugin("asha"), **changes},
        )
        return drive(self.name, self.recipe, spec, self.folder)


@pytest.fixture(params=EXECUTORS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return begun(request, tmp_path)


# Of Ray Tune, whose every sweep takes seconds, where the tests of `bench` show most of it.
LATER = {"tune": [pytest.mark.long]}


@pytest.fixture(params=[pytest.param(name, marks=LATER.get(name, [])) for name in EXECUTORS])
def quick_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return begun(request, tmp_path)


def begun(request: pytest.FixtureRequest, folder: Path) -> Bench:
    if request.param != "inline":
        request.getfixturevalue("ray_local")
    return Bench(request.param, folder)


def test_every_trial_reports_each_epoch_once_and_in_order(bench: Bench) -> None:
    history = bench.run()
    assert len(history) == 6
    for trial in history:
        assert trial.status in ("completed", "stopped")
        assert [epoch for epoch, _ in trial.rows] == list(range(1, trial.epoch + 1))
        assert trial.epoch in (1, 3, 9, 27)
        for epoch, metrics in trial.rows:
            assert metrics["score"] == trial.params["x"] * epoch


def test_each_is_what_a_sweep_file_may_name() -> None:
    assert {"auto", *EXECUTORS} == set(sections.EXECUTORS)
    for name, each in EXECUTORS.items():
        made = each.make(Setup(Recipe, Storage("", 300), Path(), Resources()))
        assert made.name == name
    assert (for_models(), for_functions()) == ("packed", "tune")


def test_a_trial_that_pauses_goes_on_from_its_checkpoint(bench: Bench) -> None:
    """No epoch is trained twice, and going on is no retry."""
    promoting = Plugin("asha", {"promote": True})
    history = bench.run(scheduler=promoting, budget=Budget(epochs=9, trials=9))
    journal = Journal(bench.folder / "journal.db")
    assert any(isinstance(record.event, Resumed) for record in journal.read("s"))
    journal.close()
    assert history.count("completed", "stopped") == 9
    assert history.count("completed") >= 1
    for trial in history:
        assert trial.attempt == 1
        assert [epoch for epoch, _ in trial.rows] == list(range(1, trial.epoch + 1))
    assert len((bench.folder / "trained").read_text().splitlines()) == history.spent


def test_a_trial_goes_on_with_anothers_weights(bench: Bench) -> None:
    """Of the epoch that was decided on, wherever the other one is by then."""
    (bench.folder / "own.py").write_text(SUMS)
    history = bench.run(
        space={"lr": Float(0.1, 1)},
        budget=Budget(epochs=6, trials=6),
        scheduler=Plugin("copying:Copying"),
    )
    assert any(len(trial.segments) > 1 for trial in history)
    assert history.count("completed") == 6
    check_weights(history)
    assert not list((bench.folder / "checkpoints").glob("*@*"))  # of no use any more


def test_workers_stay_warm(bench: Bench) -> None:
    history = bench.run()
    workers = {metrics["pid"] for trial in history for _, metrics in trial.rows}
    assert len(workers) <= (1 if bench.name == "inline" else os.cpu_count() or 1)


def test_a_bug_fails_its_trial_with_the_users_traceback(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    history = bench.run(space={"kind": "bug"}, scheduler=Plugin("none"))
    failed = [trial for trial in history if trial.status == "failed"]
    assert {t.number for t in failed} == {t.number for t in history if t.params["x"] > 0.5}
    for trial in failed:
        (failure,) = trial.failures
        assert failure.kind == "bug"
        assert "a bug of the user's" in failure.message
        assert "own.py" in failure.message
        assert trial.epoch == 1  # what it had reported stands
    assert history.count("failed", "completed", "stopped") == 6


def test_memory_that_never_suffices_is_retried_and_given_up(quick_bench: Bench) -> None:
    history = quick_bench.run(space={"kind": "memory"}, budget=Budget(epochs=27, trials=2))
    reached = [trial for trial in history if trial.epoch == 1 and trial.status == "failed"]
    for trial in reached:
        assert [failure.kind for failure in trial.failures] == ["out_of_memory"] * 2
        assert trial.attempt == 2
    assert reached


def test_total_epochs_are_kept_to_the_epoch(quick_bench: Bench) -> None:
    history = quick_bench.run(budget=Budget(epochs=27, total_epochs=40))
    assert sum(trial.epoch for trial in history) == 40


def test_a_finite_space_ends(quick_bench: Bench) -> None:
    plugins = {"sampler": Plugin("grid"), "scheduler": Plugin("none")}
    history = quick_bench.run(space={"x": Int(1, 3)}, budget=Budget(epochs=3), **plugins)
    assert history.closed is not None
    assert history.closed.status == "done"
    assert sorted(trial.params["x"] for trial in history) == [1, 2, 3]


@pytest.mark.parametrize("name", ["packed", pytest.param("tune", marks=pytest.mark.long)])
def test_a_killed_worker_costs_no_more_than_its_work_since_the_last_checkpoint(
    name: str, tmp_path: Path, ray_local: None
) -> None:
    history = Bench(name, tmp_path).run(
        space={"kind": "killed"}, budget=Budget(epochs=27, trials=3)
    )
    killed = [trial for trial in history if trial.failures]
    assert killed
    for trial in killed:
        assert [failure.kind for failure in trial.failures] == ["node_lost"]
        assert trial.attempt == 2
        assert trial.status in ("completed", "stopped")
        assert [epoch for epoch, _ in trial.rows] == list(range(1, trial.epoch + 1))


@pytest.mark.parametrize(
    ("until", "epoch", "expected"), [(9, 4, 9), (9, 9, 27), (1, 1, 3), (27, 27, 27), (5, 5, 9)]
)
def test_a_worker_knows_its_next_rung(until: int, epoch: int, expected: int) -> None:
    assert next_until((1, 3, 9, 27), until, epoch) == expected


def test_asking_for_more_than_there_is_is_one_line(tmp_path: Path, ray_local: None) -> None:
    from lanewise.cluster.errors import ClusterError

    recipe = Recipe(train="own.py:train", base=str(tmp_path), monitor="score", mode="max")
    storage = Storage(str(tmp_path), 300)
    executor = TuneExecutor(recipe, storage, tmp_path, Resources(1, gpus=64))
    with pytest.raises(ClusterError, match=r"resources\.gpus: a trial asks for 64, Ray has 0"):
        executor.open()


def test_an_address_where_nothing_answers_is_a_cluster_error() -> None:
    from lanewise.cluster.errors import ClusterError
    from lanewise.cluster.ray_session import RaySession

    with pytest.raises(ClusterError, match=r"ray: cannot reach 127\.0\.0\.1:1: "):
        RaySession("127.0.0.1:1")._connect(None)
