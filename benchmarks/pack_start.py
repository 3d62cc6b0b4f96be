"""From the launch to the first epoch of a pack worker: as a Ray Tune trial, and as an actor.

    python benchmarks/pack_start.py [--rounds 5] [--workers 2]

Each start is a process of its own: it starts a local Ray, puts the digits into the object store,
begins the workers and waits until every one of them has trained one epoch of one trial. The two
ways take turns. Printed are the seconds from the start of the process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.limits import NO_LIMITS
from lanewise.cluster.pack_actor import Job, PackActor, StatusUpdate
from lanewise.cluster.ray_session import RaySession
from lanewise.search.control.executor import Start
from lanewise.search.core.sweep import Run

if TYPE_CHECKING:
    from lanewise.trainables.recipe import Recipe

WAYS = ("tune", "actor")
CONFIG = {"hidden": [32], "lr": 0.01, "optimizer": {"name": "adam"}, "batch_size": 64}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)  # in a child
    asked = arguments.parse_args()
    if asked.way:
        print(json.dumps(start(asked.way, asked.workers)))
        return
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for place in range(asked.rounds):
        for way in WAYS:
            found[way].append(in_a_process(way, asked.workers))
            print(f"{place + 1}: {way:6}{shown(found[way][-1])}", flush=True)
    for way in WAYS:
        names = found[way][0]
        medians = {n: statistics.median(each[n] for each in found[way]) for n in names}
        print(f"median {way:6}{shown(medians)}")


def in_a_process(way: str, workers: int) -> dict[str, float]:
    """What one start took, by stage."""
    command = [sys.executable, __file__, "--way", way, "--workers", str(workers)]
    began = time.time()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {stage: at - began for stage, at in times.items()}


def shown(stages: dict[str, float]) -> str:
    return "".join(f"  {name} {seconds:5.2f} s" for name, seconds in stages.items())


def start(way: str, workers: int) -> dict[str, float]:
    """When each stage was reached, in seconds of the epoch."""
    times = {"imported": time.time()}
    recipe = digits()
    times["data read"] = time.time()
    session = RaySession(None)
    session.open()
    times["ray is up"] = time.time()
    import ray

    with tempfile.TemporaryDirectory() as folder:
        reference = ray.put(recipe)
        job = Job(lambda: ray.get(reference), Storage(folder, 300), NO_LIMITS)
        ends = BY[way](job, workers, Path(folder))
    times["an epoch each"] = max(ends)
    session.close()
    return times


def digits() -> Recipe:
    from lanewise.trainables.data.dataset import prepare
    from lanewise.trainables.data.source import load
    from lanewise.trainables.recipe import Recipe

    table = load("sklearn:digits", target=None, base=Path())
    prepared = prepare(table, source="sklearn:digits", task="multiclass", seed=0)
    data = prepared.for_trials()
    return Recipe(model="mlp", prepared=data, monitor="val_accuracy", mode="max", threads=1)


def run(number: int) -> Run:
    return Run(number, CONFIG, number, 1, 0, 1)


def as_actors(job: Job, workers: int, folder: Path) -> list[float]:
    """As `lanewise.cluster.packed` begins them."""
    import ray

    groups = {"orders": 1, "updates": 1}
    actor_class = ray.remote(num_cpus=1, concurrency_groups=groups)(PackActor)
    actors = [actor_class.remote(job, str(number)) for number in range(workers)]
    for number, actor in enumerate(actors):
        actor.deliver.options(concurrency_group="orders").remote([Start(run(number))])
    left, ends = actors, []
    while left:
        waiting = {a.receive.options(concurrency_group="updates").remote(60.0): a for a in left}
        for reference, actor in waiting.items():
            news: StatusUpdate = ray.get(reference)
            if news.outcomes:
                ends.append(time.time())
                left = [each for each in left if each is not actor]
    return ends


def as_trials(job: Job, workers: int, folder: Path) -> list[float]:
    """As Tune trials with a lazy `setup`; the controller would answer in `on_trial_result`."""
    from ray import tune

    ends: list[float] = []

    class Ends(tune.Callback):  # type: ignore[misc]  # Ray is untyped
        def on_trial_result(self, *arguments: Any, **more: Any) -> None:
            ends.append(time.time())

    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(_trainable(), job=job), {"cpu": 1}),
        param_space={"number": tune.grid_search(list(range(workers)))},
        tune_config=tune.TuneConfig(max_concurrent_trials=workers),
        run_config=tune.RunConfig(
            name="start",
            storage_path=str(folder),
            verbose=0,
            callbacks=[Ends()],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    fit = threading.Thread(target=tuner.fit)
    fit.start()
    fit.join()
    return ends


def _trainable() -> Any:
    from ray import tune

    class Trainable(tune.Trainable):  # type: ignore[misc]  # Ray is untyped
        def setup(self, config: dict[str, Any], job: Job) -> None:
            self._job, self._number = job, config["number"]

        def step(self) -> dict[str, Any]:
            actor = PackActor(self._job, str(self._number))
            actor.deliver([Start(run(self._number))])
            while not actor.receive(60.0).outcomes:
                pass
            return {"done": True}

    return Trainable


BY = {"tune": as_trials, "actor": as_actors}

if __name__ == "__main__":
    main()
