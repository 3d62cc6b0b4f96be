"""The packed executor over real networks and a real Ray: journals, deaths, growth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import driving
import pytest

from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.errors import ClusterError
from lanewise.cluster.inline import InlineExecutor
from lanewise.cluster.limits import Limits, process_of
from lanewise.cluster.packed import PackedExecutor, _Worker
from lanewise.cluster.placement import Seating
from lanewise.cluster.resources import Resources
from lanewise.search.control.controller import Controller
from lanewise.search.control.executor import Executor, Halt, Outcome, Start
from lanewise.search.core import events as ev
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run, Sweep
from lanewise.search.sweeps import make_sweep, replay
from lanewise.spaces import Choice, Float, Int, Repeat, Space
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.source import load
from lanewise.trainables.recipe import Recipe

# Python's own warnings inside Ray: its sockets and files are closed by its processes' end.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
SPACE = Space(
    {
        "hidden": Repeat(Int(4, 16), times=(1, 2)),
        "lr": Float(1e-3, 1e-1, log=True),
        "dropout": Float(0.0, 0.5),
        "optimizer": Choice(["adam", {"sgd": {"momentum": Float(0.0, 0.9)}}]),
    }
)
SPEC = Spec(
    space=SPACE,
    objectives=(Objective("val_accuracy", "max"),),
    budget=Budget(epochs=9, trials=12),
    sampler=Plugin("random"),
    scheduler=Plugin("asha"),
)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return iris()


def iris() -> Recipe:
    table = load("sklearn:iris", target=None, base=Path())
    prepared = prepare(table, source="sklearn:iris", task="multiclass", seed=0)
    shared: dict[str, Any] = {"monitor": "val_accuracy", "mode": "max", "epochs": 9, "threads": 1}
    return Recipe(model="mlp", prepared=prepared.for_trials(), **shared)


def controller(executor: Executor, folder: Path, spec: Spec = SPEC) -> Controller:
    folder.mkdir(exist_ok=True)
    return driving.controller(executor, spec, storage_in(folder), folder)


def storage_in(folder: Path) -> Storage:
    return Storage(str(folder), 300, snapshots=True)


def drive(executor: Executor, folder: Path, spec: Spec = SPEC) -> list[ev.Event]:
    """Runs a sweep; all of its events, in order."""
    driven = controller(executor, folder, spec)
    driven.run()
    events = [record.event for record in driven.journal.read("s")]
    driven.journal.close()
    return events


def packed(recipe: Recipe, folder: Path, **more: Any) -> PackedExecutor:
    return PackedExecutor(recipe, storage_in(folder), folder, Resources(1, 0), **more)


def decided(events: list[ev.Event]) -> list[dict[str, Any]]:
    """What does not depend on the time, or on who ran it."""
    passing = (ev.Ticked, ev.Opened, ev.Noted)
    return [
        {"kind": event.kind, **ev.encode(event)}
        for event in events
        if not isinstance(event, passing)
    ]


PROMOTING = replace(SPEC, scheduler=Plugin("asha", {"promote": True}))
COPYING = replace(
    SPEC,
    space=Space(
        {
            "hidden": [12],
            "lr": Float(1e-3, 1e-1, log=True),
            "dropout": Float(0.0, 0.5),
            "optimizer": Choice(["adam", "sgd"]),
        }
    ),
    budget=Budget(epochs=6, trials=6),
    scheduler=Plugin("copying:Copying"),
)


@pytest.mark.parametrize(
    ("spec", "happens"),
    [
        (SPEC, lambda event: isinstance(event, ev.Asked)),
        (PROMOTING, lambda event: isinstance(event, ev.Resumed)),
        (COPYING, lambda event: isinstance(getattr(event, "decision", None), ev.Exploit)),
    ],
    ids=["stops", "pauses", "copies"],
)
def test_one_lane_and_inline_keep_the_same_journal(
    spec: Spec,
    happens: Callable[[ev.Event], bool],
    recipe: Recipe,
    tmp_path: Path,
    ray_local: None,
) -> None:
    alone, lane = tmp_path / "inline", tmp_path / "packed"
    inline = drive(InlineExecutor(lambda: recipe, storage_in(alone)), alone, spec)
    one = drive(packed(recipe, lane, most=1, force_packing=True), lane, spec)
    assert any(map(happens, inline))
    assert same(decided(one), decided(inline))


def same(ours: Any, theirs: Any) -> bool:
    """Equal, but for rounding in what was measured."""
    if isinstance(ours, float):
        return bool(ours == pytest.approx(theirs, rel=1e-4, abs=1e-6))
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


@pytest.mark.parametrize("sampler", ["random", pytest.param("tpe", marks=pytest.mark.long)])
def test_a_fresh_core_that_hears_the_same_decides_the_same(
    sampler: str, recipe: Recipe, tmp_path: Path, ray_local: None
) -> None:
    spec = replace(SPEC, sampler=Plugin(sampler))
    events = drive(packed(recipe, tmp_path, enough=4), tmp_path, spec)
    sweep = make_sweep(spec)
    left = deque(events)
    while left:
        tell(sweep, left[0])
        for made in sweep.drain():
            assert ev.encode(made) == ev.encode(left.popleft())
    assert sum(event.kind == "asked" for event in events) == 12


def tell(sweep: Sweep, event: ev.Event) -> None:
    match event:
        case ev.Asked() | ev.Rerun():
            sweep.ask()
        case ev.Reported(number, rows):
            sweep.report(number, rows)
        case ev.Completed(number):
            sweep.complete(number)
        case ev.Failed(number, failure):
            sweep.fail(number, failure)
        case ev.Ticked(seconds):
            sweep.tick(seconds)
        case ev.Noted(topic, text):
            sweep.note(topic, text)
        case ev.Closed(_, reason):
            sweep.close(reason)


def test_no_more_is_started_than_there_is_room_for(recipe: Recipe, tmp_path: Path) -> None:
    """A worker has fewer places when what comes next does not pack."""
    halts = [Halt(number) for number in range(8)]

    def room(places: int, orders: int, starts: list[Start] = [], **more: int) -> int:  # noqa: B006
        executor = packed(recipe, tmp_path, **more)
        worker = _Worker("w", None, seating=Seating(places))
        for number in range(5):
            worker.seat(Run(number, {"hidden": [8]}, 0, 1, 0, 1))
        executor._workers = [worker]
        return executor.room([*halts[:orders], *starts])

    assert room(8, 0) == 3
    assert room(8, 2) == 5
    again = [Start(Run(0, {"hidden": [8]}, 0, 1, 0, 1))]  # one that is halted, with other weights
    assert room(8, 2, again) == 4
    assert room(5, 1, again) == 0
    assert room(1, 0) == 0
    assert room(1, 4) == 0
    assert room(1, 5) == 1
    assert room(8, 0, most=6) == 1
    assert room(8, 0, enough=7) == 2
    assert room(8, 0, most=2) == 0


def test_a_sweep_that_waits_for_workers_says_so(recipe: Recipe, tmp_path: Path) -> None:
    executor = packed(recipe, tmp_path)
    executor._workers = [worker := _Worker("w", None)]
    executor._watch()
    assert executor.notes() == {}
    executor._ready_at -= 40
    executor._watch()
    assert executor.notes() == {
        "workers": "none is up yet: they start, or wait for 1 CPUs and 0 GPUs each"
    }
    worker.seating.places = 8
    executor._watch()
    assert executor.notes() == {"workers": "the first was up after 40 s"}
    executor._watch()
    assert executor.notes() == {}


@pytest.mark.parametrize(
    ("text", "end", "kind"),
    [
        ("9 0-1 1-1\n", "the process has ended", "node_lost"),
        (
            "9 0-1 1-1\n",
            "1 worker(s) killed due to the node running low on memory",
            "out_of_memory",
        ),
        (
            "9 0-1 1-1\nTimeout!\nThread 1:\n  File trainables/packs/pool.py in turn\n",
            "gone",
            "hang",
        ),
    ],
)
def test_who_trained_last_is_to_blame_for_a_workers_end(
    text: str, end: str, kind: str, recipe: Recipe, tmp_path: Path
) -> None:
    executor = packed(recipe, tmp_path, limits=Limits(epoch=60))
    for death in (1, 2, 3):
        worker = _Worker("w", None, seating=Seating(8))
        for number in range(4):
            worker.seat(Run(number, {}, 0, 1, 0, 1))
        executor._storage.note("w").write_text(text)
        said = executor._ends(worker, RuntimeError(end))
        found = [outcome.failure.kind for outcome in said if outcome.failure]
        assert found == [kind, kind, "preempted", "preempted"]
        assert executor._died_with[0] == (death if kind == "node_lost" else 0)
    assert executor._died_with[2] == 0


def test_folds_and_seeds_are_lanes_of_one_trial(
    recipe: Recipe, tmp_path: Path, ray_local: None
) -> None:
    spec = replace(SPEC, budget=Budget(epochs=3, trials=3))
    events = drive(packed(replace(recipe, seeds=2), tmp_path), tmp_path, spec)
    reported = [event for event in events if isinstance(event, ev.Reported)]
    assert reported
    for event in reported:
        for _, metrics in event.rows:
            assert metrics["val_accuracy_std"] >= 0


class Killing(PackedExecutor):
    """Kills the worker of the first trial that has been heard of, once."""

    killed: tuple[int, ...] = ()

    def poll(self, timeout: float) -> list[Outcome]:
        outcomes = super().poll(timeout)
        heard = [o.number for o in outcomes if o.rows]
        worker = next((w for w in self._workers if heard and heard[0] in w.runs), None)
        if worker is not None and not self.killed:
            self.killed = tuple(worker.runs)
            process = process_of(self._storage.note(worker.name))
            assert process is not None
            os.kill(process, signal.SIGKILL)
        return outcomes


def test_trials_of_a_killed_worker_go_on_elsewhere(
    recipe: Recipe, tmp_path: Path, ray_local: None
) -> None:
    executor = Killing(recipe, Storage(str(tmp_path), 300), tmp_path, Resources(1, 0))
    events = drive(executor, tmp_path)
    assert executor.killed
    failed = [event for event in events if isinstance(event, ev.Failed)]
    assert failed  # and others, perhaps, which were sent to it when it was dead already
    assert {event.failure.kind for event in failed} <= {"node_lost", "preempted"}
    assert all(event.retry for event in failed)
    sweep = replay(SPEC, events)
    assert sorted(sweep.history.trials) == list(range(12))
    for trial in sweep.history:
        assert trial.status in ("completed", "stopped")
        assert [epoch for epoch, _ in trial.rows] == list(range(1, trial.epoch + 1))
        assert trial.attempt == 1 + len(trial.failures)


def test_workers_that_never_come_up_end_the_sweep_in_one_line(
    tmp_path: Path, ray_local: None
) -> None:
    class Broken:
        """Cannot be unpickled where it arrives."""

        def __reduce__(self) -> Any:
            return os.stat, ("/nowhere",)

    recipe = Recipe(train="own.py:train", callable=Broken(), monitor="score", mode="max")  # type: ignore[arg-type]
    words = "ray: pack workers end again and again: .*No such file or directory: '/nowhere'"
    with pytest.raises(ClusterError, match=f"^{words}$"):
        drive(packed(recipe, tmp_path), tmp_path)


GROWS = """
import sys
from pathlib import Path

sys.path += [sys.argv[1], sys.argv[3]]
from ray.cluster_utils import Cluster
from test_packed import SPEC, controller, iris, packed
from dataclasses import replace
from lanewise.search.core.spec import Budget

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
folder = Path(sys.argv[2])
executor = packed(iris(), folder, address=cluster.address)
sizes, poll = [], executor.poll

def growing(timeout):
    outcomes = poll(timeout)
    if outcomes:
        sizes.append(sum(bool(worker.runs) for worker in executor._workers))
        if len(sizes) == 1:
            cluster.add_node(num_cpus=1)
    if sizes and sizes[-1] == 2:
        driven.interrupt()
    return outcomes

executor.poll = growing
driven = controller(executor, folder, replace(SPEC, budget=Budget(epochs=9, time=100)))
driven.run()
print(sizes[0], max(sizes))
cluster.shutdown()
"""


@pytest.mark.long
def test_workers_join_when_the_cluster_grows(tmp_path: Path) -> None:
    here, house = str(Path(__file__).parent), str(Path(__file__).parents[2])
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GROWS, here, str(tmp_path), house],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, **token},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "1 2"
