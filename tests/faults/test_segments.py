"""`kill -9` of sweeps that pause, promote and copy, at moments that nobody chose."""

from __future__ import annotations

import random
import time

import pytest
from commandline import Lanewise, mlflow_runs
from copying import TRAIN, check_weights
from harness import check_mlflow, check_replay, events_of, kill, view_of
from test_moments import look

from lanewise.search.store.view import View

pytestmark = pytest.mark.timeout(900)

FUNCTION = """
train: own.py:train
space: {lr: {float: [0.1, 1]}, nap: 0.02}
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
"""
PBT = "{pbt: {interval: 2}}"
PROMOTE = "{asha: {eta: 2, promote: true}}"

# (what trains, scheduler, executor, kills of one sweep, seeds): a long run tries the first seeds of
# the first two, nights 50 moments of each scheduler.
SPREAD = [
    (MODEL, PBT, "inline", 2, 10),
    (FUNCTION, PROMOTE, "inline", 2, 10),
    (FUNCTION, PBT, "tune", 3, 4),
    (FUNCTION, PBT, "packed", 3, 6),
    (MODEL, PROMOTE, "packed", 3, 10),
]
MOMENTS = [
    pytest.param(
        *(train, scheduler, executor, seed, kills),
        id=f"{scheduler[1:].partition(':')[0]}-{executor}-{seed}",
        marks=pytest.mark.long if place < 2 and not seed else pytest.mark.night,
    )
    for place, (train, scheduler, executor, kills, seeds) in enumerate(SPREAD)
    for seed in range(seeds)
]


@pytest.mark.parametrize(("train", "scheduler", "executor", "seed", "kills"), MOMENTS)
def test_kills_lose_no_pause_and_no_weights(
    train: str, scheduler: str, executor: str, seed: int, kills: int, lanewise: Lanewise
) -> None:
    """The second kill falls into what resumed after the first, and so on."""
    draw = random.Random(seed)
    lanewise.write("own.py", TRAIN.replace("score=", "val_accuracy="))
    for name in ("whole", "killed"):
        head = f"name: {name}\nmlflow: {{experiment: killed}}\nexecutor: {executor}"
        lanewise.write(f"{name}.yaml", head + train + COMMON.format(scheduler=scheduler))
    began = time.monotonic()
    assert lanewise.json("run", "whole.yaml")["status"] == "done"
    life = time.monotonic() - began
    before: list[View] = []
    for _ in range(kills):
        verb = ("resume", "killed") if before else ("run", "killed.yaml")
        process = lanewise.start(*verb)
        time.sleep(draw.uniform(0, life))
        kill(process)
        if (view := look(lanewise, "killed")) is not None:
            before.append(view)
    verb = ("resume", "killed") if before else ("run", "killed.yaml")
    assert lanewise.json(*verb)["status"] == "done"
    after, whole = view_of(lanewise, "killed"), view_of(lanewise, "whole")
    for view in before:
        check_prefix(view, after)
    check_trials(after, whole, is_exact=executor == "inline")
    if train == FUNCTION:
        check_weights(after.history)
    check_replay(events_of(lanewise, "killed"))
    check_mlflow(after, mlflow_runs(f"sqlite:///{lanewise.home / 'mlflow.db'}", "killed"))
    assert not list(lanewise.home.glob("sweeps/*/checkpoints/*@*"))


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
