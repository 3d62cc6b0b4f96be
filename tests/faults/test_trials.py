"""Trials that go wrong in every way there is: each is told by its kind, and the sweep goes on."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from commandline import Lanewise, children, mlflow_runs
from harness import check_mlflow, check_replay, events_of, view_of

from lanewise.search.core.history import Trial

LONG, NIGHT = pytest.mark.long, pytest.mark.night
INLINE, TUNE, PACKED = (pytest.param(name, marks=LONG) for name in ("inline", "tune", "packed"))
TUNE_AT_NIGHT = pytest.param("tune", marks=NIGHT)  # a trial of Tune runs as one inline does

SWEEP = """
name: wrong
train: wrong.py:train
objective: {maximize: val_accuracy}
space: {x: {float: [0, 1]}, how: fine}
sampler: random
scheduler: none
budget: {epochs: 6}
"""


def run(
    lanewise: Lanewise, code: str, ways: list[str], *arguments: str, **more: str
) -> list[Trial]:
    """The trials of a sweep with one configuration for each way to go wrong."""
    lanewise.write("wrong.py", code)
    start = [{"x": (place + 1) / 100, "how": how} for place, how in enumerate(ways)]
    text = SWEEP.replace("how: fine", f"how: {{choice: {[*dict.fromkeys([*ways, 'fine'])]}}}")
    lanewise.write("wrong.yaml", f"{text.rstrip()}\nstart: {start}\n")
    trials = f"budget.trials={len(ways)}"
    process = lanewise.start("run", "wrong.yaml", trials, *arguments, **more)
    assert process.wait(timeout=280) == 0, (lanewise.folder / "stderr").read_text()[-3000:]
    view = view_of(lanewise, "wrong")
    check_replay(events_of(lanewise, "wrong"))
    check_mlflow(view, shown(lanewise))
    return list(view.history)


def shown(lanewise: Lanewise) -> list[dict[str, Any]]:
    return mlflow_runs(f"sqlite:///{lanewise.home / 'mlflow.db'}", "wrong")


def kinds(trial: Trial) -> list[str]:
    return [failure.kind for failure in trial.failures]


BAD = """
def train(config, report):
    for epoch in range(1, 7):
        bad = epoch == 4 and config["how"] != "fine"
        report(epoch, val_accuracy=float(config["how"]) if bad else config["x"])
"""


@LONG
def test_values_that_are_not_finite_fail_and_never_win(lanewise: Lanewise) -> None:
    ways = ["nan", "inf", "-inf", "fine"]
    *bad, fine = run(lanewise, BAD, ways, "--executor", "inline")
    for trial in bad:
        assert trial.status == "failed"
        assert kinds(trial) == ["bad_value"]
        assert trial.epoch == 3  # what it reported before stands
        assert all(math.isfinite(value) for _, row in trial.rows for value in row.values())
    assert fine.status == "completed"
    assert lanewise.json("best", "wrong")["trial"] == fine.number


DIVERGES = """
import torch

class Diverging(torch.nn.Module):
    def __init__(self, info, factor):
        super().__init__()
        self.layer = torch.nn.Linear(info.input_shape[0], info.outputs)
        self.factor = factor

    def forward(self, x):
        return self.layer(x) * self.factor

def build(config, info):
    return Diverging(info, config["factor"])
"""
NETWORK = """
name: wrong
data: {source: "sklearn:wine"}
model: wrong.py:build
objective: {minimize: val_loss}
space: {factor: {choice: [.nan, .inf, 1.0]}, lr: 0.01}
sampler: grid
scheduler: none
executor: inline
budget: {epochs: 2}
"""


@LONG
def test_a_module_whose_loss_is_not_finite_fails_alone(lanewise: Lanewise) -> None:
    lanewise.write("wrong.py", DIVERGES.replace('config["factor"]', 'float(config["factor"])'))
    lanewise.write("wrong.yaml", NETWORK.replace("[.nan, .inf, 1.0]", "['nan', 'inf', '1.0']"))
    summary = lanewise.json("run", "wrong.yaml")
    trials = {trial.params["factor"]: trial for trial in view_of(lanewise, "wrong").history}
    for factor in ("nan", "inf"):
        assert kinds(trials[factor]) == ["bad_value"]
        assert "epoch 1: train_loss is nan" in trials[factor].failures[0].message
    assert summary["best"]["trial"] == trials["1.0"].number


GREEDY = """
import resource

def train(config, report):
    resource.setrlimit(resource.RLIMIT_AS, (1 << 39, resource.RLIM_INFINITY))
    for epoch in range(1, 7):
        if epoch == 3 and config["how"] == "list":
            everything = bytearray(1 << 40)
        if epoch == 3 and config["how"] == "tensor":
            import torch
            everything = torch.empty(1 << 42, dtype=torch.uint8)
        report(epoch, val_accuracy=config["x"])
"""


@pytest.mark.parametrize("executor", [INLINE, TUNE_AT_NIGHT, PACKED])
def test_a_trial_that_always_runs_out_of_memory_is_given_up(
    executor: str, lanewise: Lanewise
) -> None:
    ways = ["list", "fine", "tensor", "fine"]
    trials = run(lanewise, GREEDY, ways, "--executor", executor)
    for trial, way in zip(trials, ways, strict=True):
        if way == "fine":
            assert trial.status == "completed"
        else:
            assert trial.status == "failed"
            assert kinds(trial) == ["out_of_memory"] * 2
            assert trial.epoch == 2


HOG = """
import time

def train(config, report):
    held = []
    for epoch in range(1, 7):
        report(epoch, val_accuracy=config["x"])
        while config["how"] == "hog" and epoch == 2:
            held.append(bytearray(100_000_000))
            time.sleep(0.05)
        time.sleep(2 if config["how"] == "beside" else 0)
"""


@pytest.mark.parametrize("executor", [TUNE, PACKED])
def test_rays_memory_monitor_ends_the_greedy_trial_and_not_the_sweep(
    executor: str, lanewise: Lanewise
) -> None:
    """Tune itself gives up there; trials beside the greedy one are not held to account."""
    memory = psutil.virtual_memory()
    if memory.available < 10e9:
        pytest.skip(f"needs 10 GB of free memory, {memory.available / 1e9:.1f} are there")
    limit = (memory.total - memory.available + 4e9) / memory.total
    ways = ["hog", "beside", "fine"]
    options = ("--executor", executor, "resources.cpus=1")
    hog, beside, fine = run(
        lanewise, HOG, ways, *options, RAY_memory_usage_threshold=f"{limit:.4f}"
    )
    assert hog.status == "failed"
    assert kinds(hog) == ["out_of_memory"] * 2
    assert "running low on memory" in hog.failures[-1].message
    assert beside.status == fine.status == "completed"
    assert set(kinds(beside) + kinds(fine)) <= {"preempted"}


HANGING = """
import re, time

def train(config, report):
    for epoch in range(1, 7):
        if epoch == 3 and config["how"] == "sleeps":
            time.sleep(10 ** 6)
        if epoch == 3 and config["how"] == "computes":
            re.match(r"(a+)+$", "a" * 60 + "b")
        report(epoch, val_accuracy=config["x"])
"""


@pytest.mark.parametrize("executor", [TUNE, PACKED])
def test_a_trial_that_hangs_is_ended_and_says_where(executor: str, lanewise: Lanewise) -> None:
    """Also in C code that holds Python's lock, where nothing of Python's can run any more."""
    ways = ["sleeps", "computes", "fine"]
    trials = run(lanewise, HANGING, ways, "limits.epoch=2s", "--executor", executor)
    lines = {"sleeps": 'wrong.py", line 7 in train', "computes": 'wrong.py", line 9 in train'}
    told = lanewise.run("show", "wrong").stdout
    for trial, way in zip(trials, ways, strict=True):
        if way == "fine":
            assert trial.status == "completed"
            continue
        assert trial.status == "failed"
        assert kinds(trial) == ["hang"] * 2
        for failure in trial.failures:
            assert lines[way] in failure.message
        assert lines[way] in told
    notes = [run["tags"].get("mlflow.note.content", "") for run in children(shown(lanewise))]
    assert sum("wrong.py" in note and "it hung at" in note for note in notes) == 2
    assert not list(Path(lanewise.home).glob("sweeps/*/checkpoints/*.hung-*"))
    assert not list(Path(lanewise.home).glob("sweeps/*/checkpoints/*.note"))


SLOW = """
import time

def train(config, report):
    for epoch in range(1, 7):
        time.sleep(1 if config["how"] == "slow" else 0)
        report(epoch, val_accuracy=config["x"] + epoch)
"""


@pytest.mark.parametrize("executor", [INLINE, TUNE_AT_NIGHT, PACKED])
def test_a_trial_over_its_time_ends_and_what_it_reached_counts(
    executor: str, lanewise: Lanewise
) -> None:
    slow, fine = run(lanewise, SLOW, ["slow", "fine"], "limits.trial=2s", "--executor", executor)
    assert slow.status == "failed"
    assert kinds(slow) == ["timeout"]
    assert 2 <= slow.epoch <= 3
    assert slow.best == (slow.epoch, slow.params["x"] + slow.epoch)
    assert fine.status == "completed"
    assert os.linesep.join(f.message for f in slow.failures).count("limits: {trial:") == 1
