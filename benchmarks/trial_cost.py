"""What a trial of the `tune` executor costs beyond its training.

    python benchmarks/trial_cost.py [--trials 64] [--repeats 5]

Runs one and the same sweep of the digits network (random search, ASHA) in turn

    solo    in this process, one trial after another: nothing but the trials' own work
    tune    as Ray Tune trials on as many workers as there are CPUs, from the first report on

and prints, per trial, the slot time of `tune` (wall time x workers) less the work of `solo`:
the seconds for which a worker's CPU was not training. MLflow's projector runs beside `tune`, as
always. Then it prints what the work itself consists of.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lanewise.launch import Options, launch
from lanewise.plan import Plan, make_plan
from lanewise.search.store.home import Home
from lanewise.search.store.view import View, open_view
from lanewise.sweepfile import read

EXAMPLE = Path(__file__).parent.parent / "examples" / "digits.yaml"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--trials", type=int, default=64)
    arguments.add_argument("--repeats", type=int, default=5)
    asked = arguments.parse_args()
    plan = plan_of(asked.trials)
    workers = len(os.sched_getaffinity(0))
    print(machine(workers))
    run(plan, "inline")  # a warm-up: imports, and the code of the first optimizers
    costs = []
    for repeat in range(asked.repeats):
        parts: dict[str, float] = defaultdict(float)
        with timed(parts):
            solo = run(plan, "inline")
        tune = run(plan, "tune")
        work = sum(parts.values()) / sum(trial.epoch for trial in solo.history)
        epochs = sum(trial.epoch for trial in tune.history)
        slots = (tune.decided_at - first_report(tune)) * workers
        cost = (slots - work * epochs) / asked.trials
        costs.append(cost)
        print(
            f"{repeat + 1}: {epochs} epochs, {1000 * work:.1f} ms of work each; "
            f"slot time {slots / asked.trials:.3f} s a trial, beyond its work {cost:.3f} s"
        )
    print(f"beyond its work, median of {asked.repeats}: {statistics.median(costs):.3f} s a trial")
    total = sum(parts.values())
    for name, seconds in sorted(parts.items(), key=lambda part: -part[1]):
        print(
            f"  {name:<10} {1000 * seconds / asked.trials:7.1f} ms a trial ({seconds / total:.0%})"
        )


def plan_of(trials: int) -> Plan:
    asked = [f"budget.trials={trials}", "sampler=random", "scheduler={asha: {eta: 3}}"]
    return make_plan(read(EXAMPLE, asked), EXAMPLE.parent)


def run(plan: Plan, executor: str) -> View:
    home = Home(Path(tempfile.mkdtemp(prefix="lanewise-bench-")))
    options = Options(home, executor=executor, shows_progress=False)
    summary = launch(plan, options)
    return open_view(home.journal(), summary["sweep"])


def first_report(view: View) -> float:
    """When the workers were up: the time of the first report."""
    records = view.journal.read(view.launch.sweep)
    return next(record.at for record in records if record.event.kind == "reported")


@contextmanager
def timed(parts: dict[str, float]) -> Iterator[None]:
    """Adds up the seconds of each kind of work inside trials of this process."""
    from lanewise.cluster import worker
    from lanewise.trainables.training.model_trial import ModelTrial
    from lanewise.trainables.training.replica import Replica

    places: list[tuple[Any, str, str]] = [
        (worker, "open_trial", "build"),
        (Replica, "train_epoch", "train"),
        (Replica, "evaluate", "evaluate"),
        (ModelTrial, "save", "checkpoint"),
    ]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, part in places:
        setattr(owner, name, clocked(getattr(owner, name), parts, part))
    try:
        yield
    finally:
        for owner, name, function in kept:
            setattr(owner, name, function)


def clocked(function: Callable[..., Any], parts: dict[str, float], part: str) -> Callable[..., Any]:
    def inner(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            parts[part] += time.perf_counter() - began

    return inner


def machine(workers: int) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("ray", "torch", "mlflow"))
    return f"{platform.machine()}, {workers} CPUs, Python {platform.python_version()}, {libraries}"


if __name__ == "__main__":
    main()
