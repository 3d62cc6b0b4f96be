"""The main job as a person runs it: processes, Ray, MLflow's own client."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from commandline import DIGITS, Lanewise, children, command, environment, mlflow_runs, parents

SUMMARY = {
    "sweep": str,
    "name": str,
    "status": str,
    "executor": str,
    "seconds": float,
    "seconds_best_known": float,
    "trials": dict,
    "best": dict,
    "mlflow": dict,
}


def check_summary(
    summary: dict[str, Any], trials: int, executor: str, *, reports: bool = False
) -> None:
    shape = SUMMARY | {"report": str if reports else type(None)}
    assert {key: type(value) for key, value in summary.items()} == shape
    assert summary["status"] == "done"
    assert summary["executor"] == executor
    assert summary["trials"]["asked"] == trials
    ended = sum(summary["trials"][key] for key in ("completed", "stopped", "failed"))
    assert ended == trials
    assert 0 < summary["seconds_best_known"] <= summary["seconds"]
    assert set(summary["best"]) == {"trial", "params", "metrics", "epoch", "corrected", "tied"}
    assert summary["mlflow"]["pending"] == 0


def check_mlflow(summary: dict[str, Any]) -> None:
    """One parent, as many children as trials, and what each of them must carry."""
    runs = mlflow_runs(summary["mlflow"]["tracking_uri"], summary["name"])
    (parent,) = parents(runs)
    trials = children(runs)
    assert parent["id"] == summary["mlflow"]["run_id"]
    assert parent["status"] == "FINISHED"
    assert len(trials) == summary["trials"]["asked"]
    numbers = sorted(int(run["tags"]["lanewise.trial"]) for run in trials)
    assert numbers == list(range(len(trials)))
    for run in trials:
        assert run["tags"]["mlflow.parentRunId"] == parent["id"]
        assert run["tags"]["lanewise.sweep"] == summary["sweep"]
        assert {"lr", "optimizer", "hidden.0"} <= set(run["params"])
        epochs = [epoch for epoch, _ in run["epochs"]["val_accuracy"]]
        assert epochs == list(range(1, len(epochs) + 1))
        values = [value for _, value in run["epochs"]["val_accuracy"]]
        assert run["metrics"]["best_val_accuracy"] == max(values)
        assert run["status"] == "FINISHED"
        assert run["tags"]["lanewise.outcome"].partition(":")[0] in ("completed", "stopped")
    best = next(r for r in trials if int(r["tags"]["lanewise.trial"]) == summary["best"]["trial"])
    for name, value in summary["best"]["metrics"].items():
        assert best["metrics"][f"best_{name}"] == value


TUNE = pytest.param("tune", marks=pytest.mark.long)


@pytest.mark.parametrize("executor", ["packed", TUNE])
def test_a_sweep_runs_end_to_end(executor: str, lanewise: Lanewise) -> None:
    """In packs without having asked for them."""
    lanewise.write("sweep.yaml", DIGITS)
    asked = [] if executor == "packed" else ["--executor", executor]
    summary = lanewise.json("run", "sweep.yaml", *asked)
    check_summary(summary, 8, executor)
    check_mlflow(summary)
    if not asked:
        assert "packed" in lanewise.run("show", "small").stdout
    shown = lanewise.json("show", "small")
    assert shown["best"] == summary["best"]
    assert len(shown["history"]) == 8
    assert lanewise.json("best", "small") == {"sweep": summary["sweep"], **summary["best"]}
    assert [sweep["sweep"] for sweep in lanewise.json("ls")] == [summary["sweep"]]
    # A finished sweep is resumed by printing its summary.
    again = lanewise.json("resume", "small")
    assert again["best"] == summary["best"]
    assert again["status"] == "done"


FAILING = """
import torch

def build(config, info):
    if config["width"] == 3:
        raise RuntimeError("three is an unlucky number")
    layers = [torch.nn.Linear(info.input_shape[0], config["width"]), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(config["width"], info.outputs))
"""
FAILING_SWEEP = """
name: own
data: {source: "sklearn:wine"}
model: own.py:build
objective: {maximize: val_accuracy}
space: {width: {int: [2, 5]}, lr: 0.01}
sampler: grid
scheduler: none
budget: {epochs: 2}
"""


@pytest.mark.parametrize(
    "executor",
    [
        "inline",
        pytest.param("packed", marks=pytest.mark.long),
        pytest.param("tune", marks=pytest.mark.night),
    ],
)
def test_a_bug_in_user_code_fails_its_trial_only(executor: str, lanewise: Lanewise) -> None:
    lanewise.write("own.py", FAILING)
    lanewise.write("own.yaml", FAILING_SWEEP)
    summary = lanewise.json("run", "own.yaml", "--executor", executor)
    assert summary["trials"]["asked"] == 4
    assert summary["trials"]["failed"] == 1
    failed = next(t for t in lanewise.json("show", "own")["history"] if t["status"] == "failed")
    assert failed["params"]["width"] == 3
    shown = lanewise.run("show", "own").stdout
    for words in ("Traceback", "own.py", "in build", "three is an unlucky number"):
        assert words in failed["failure"]
        assert words in shown
    runs = children(mlflow_runs(summary["mlflow"]["tracking_uri"], "own"))
    statuses = {run["params"]["width"]: run["status"] for run in runs}
    assert statuses == {"2": "FINISHED", "3": "FAILED", "4": "FINISHED", "5": "FINISHED"}


@pytest.mark.long
def test_a_sweep_in_which_everything_fails_has_no_best(lanewise: Lanewise) -> None:
    lanewise.write("own.py", "def build(config, info):\n    raise ValueError('always')\n")
    lanewise.write("own.yaml", FAILING_SWEEP)
    summary = lanewise.json("run", "own.yaml", "--executor", "inline", code=3)
    assert summary["status"] == "failed"
    assert summary["best"] is None
    assert lanewise.run("best", "own").returncode == 3


@pytest.mark.parametrize("executor", ["inline", TUNE])
def test_a_training_function_of_ones_own(executor: str, lanewise: Lanewise) -> None:
    """Each as a trial of Tune without having asked for it."""
    asked = [] if executor == "tune" else ["--executor", executor]
    summary = lanewise.json("run", "sweep.yaml", *asked)
    check_summary(summary, 8, executor)
    check_mlflow(summary)
    if not asked:
        assert "tune" in lanewise.run("show", "small").stdout


def test_a_csv_with_gaps_and_words_needs_no_preparation(lanewise: Lanewise) -> None:
    lanewise.write("rows.csv", messy_csv(2_000))
    lanewise.write(
        "sweep.yaml",
        """
name: messy
data: {source: "csv:rows.csv", target: price}
model: mlp
objective: {maximize: val_r2}
budget: {trials: 6, epochs: 9}
sampler: random
report: false
""",
    )
    summary = lanewise.json("run", "sweep.yaml", "--executor", "inline")
    assert summary["best"]["metrics"]["val_r2"] > 0.5
    shown = lanewise.json("validate", "sweep.yaml")
    assert shown["task"] == "regression"
    assert shown["data"]["rows"] == 2_000


def messy_csv(rows: int) -> str:
    """Numbers and words, a tenth of them missing, and a price that depends on both."""
    import numpy as np

    rng = np.random.default_rng(0)
    size = rng.uniform(20, 200, rows)
    town = rng.choice(["Ulm", "Bonn", "Köln"], rows)
    worth = {"Ulm": 1.0, "Bonn": 2.0, "Köln": 3.0}
    lines = ["size,town,floor,price"]
    for place in range(rows):
        price = size[place] * worth[town[place]] + rng.normal(0, 5)
        cells = [f"{size[place]:.1f}", town[place], str(rng.integers(0, 9))]
        cells = ["" if rng.random() < 0.1 else cell for cell in cells]
        lines.append(",".join([*cells, f"{price:.2f}"]))
    return "\n".join(lines) + "\n"


@pytest.mark.long
def test_best_is_a_sweep_file_of_constants(lanewise: Lanewise) -> None:
    first = lanewise.json("run", "sweep.yaml", "--executor", "inline", "budget.trials=2")
    assert lanewise.run("best", "--out", "best.yaml").returncode == 0
    second = lanewise.json("run", "best.yaml", "--executor", "inline")
    assert second["best"]["params"] == first["best"]["params"]
    assert second["trials"]["asked"] == 1


@pytest.mark.long
def test_an_unfinished_namesake_is_refused(lanewise: Lanewise) -> None:
    from lanewise.search.store.home import Home
    from lanewise.search.store.journal import Journal

    lanewise.json("run", "sweep.yaml", "--executor", "inline", "budget.trials=1")
    forget_the_end(Journal(Home(lanewise.home).root / "journal.db"))
    refused = lanewise.run("run", "sweep.yaml", "--executor", "inline")
    assert refused.returncode == 2
    assert "resume it" in refused.stderr
    assert "--new" in refused.stderr
    again = lanewise.run("run", "sweep.yaml", "--new", "--executor", "inline", "budget.trials=1")
    assert again.returncode == 0


def forget_the_end(journal: Any) -> None:
    """Removes a sweep's last records, as if its controller had been killed before them."""
    ((launched, _),) = journal.launches()
    kinds = [record.event.kind for record in journal.read(launched.sweep)]
    journal.truncate(launched.sweep, kinds.index("reported"))
    journal.close()


@pytest.mark.long
def test_sync_rebuilds_mlflow_from_the_journal(lanewise: Lanewise) -> None:
    summary = lanewise.json("run", "sweep.yaml", "--executor", "inline")
    before = mlflow_runs(summary["mlflow"]["tracking_uri"], "small")
    for path in lanewise.home.glob("mlflow.db*"):
        path.unlink()
    assert lanewise.run("sync").returncode == 0
    after = mlflow_runs(summary["mlflow"]["tracking_uri"], "small")
    assert facts(after) == facts(before)


def facts(runs: list[dict[str, Any]]) -> list[str]:
    kept = [{k: run[k] for k in ("status", "params", "metrics", "epochs")} for run in runs]
    return sorted(json.dumps(run, sort_keys=True) for run in kept)


def test_schema_accepts_the_examples(lanewise: Lanewise) -> None:
    import jsonschema

    from lanewise import yaml

    schema = json.loads(lanewise.run("schema").stdout)
    for path in Path(__file__).parents[2].glob("examples/*.yaml"):
        jsonschema.validate(yaml.load(path.read_text(), path.name), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"modle": "mlp"}, schema)
    norm = schema["properties"]["space"]["properties"]["norm"]
    assert norm["description"].endswith("batch, layer or null; by default null")


@pytest.mark.parametrize(
    "executor",
    [
        pytest.param("packed", marks=pytest.mark.long),
        *(pytest.param(name, marks=pytest.mark.night) for name in ("inline", "tune")),
    ],
)
def test_the_digits_example_reaches_its_bar(executor: str, lanewise: Lanewise) -> None:
    example = str(Path(__file__).parents[2] / "examples" / "digits.yaml")
    summary = lanewise.json("run", example, "--executor", executor)
    check_summary(summary, 40, executor, reports=True)
    assert summary["best"]["metrics"]["val_accuracy"] >= 0.97


@pytest.mark.long
def test_doctor_finds_this_machine_well(lanewise: Lanewise) -> None:
    findings = lanewise.json("doctor")
    assert {finding["what"] for finding in findings} >= {"torch", "ray", "home", "devices"}
    assert all(finding["ok"] for finding in findings)


HERE = """
import pathlib

def load():
    import numpy as np

    scale = float(pathlib.Path("scale.txt").read_text())
    X = np.random.default_rng(0).normal(size=(60, 2))
    return X, scale * X[:, 0]

def build(config, info):
    from torch import nn

    pathlib.Path(f"built-{config['hidden']}.txt").touch()
    return nn.Linear(info.input_shape[0], info.outputs)
"""
CODE = """
name: here
data: {source: "python:mine.py:load"}
model: mine.py:build
objective: {minimize: val_loss}
space: {hidden: {int: [1, 4], grid: 4}, lr: 0.01}
sampler: grid
budget: {trials: 3, epochs: 2}
report: false
"""


@pytest.mark.long
def test_code_of_a_sweep_runs_where_it_was_launched_and_so_does_a_resume(tmp_path):
    """The data function and the model's build, resumed from another folder."""
    code, here, other, home = (tmp_path / name for name in ("code", "here", "other", "home"))
    for folder in (code, here, other):
        folder.mkdir()
    (code / "mine.py").write_text(HERE)
    (code / "here.yaml").write_text(CODE)
    (here / "scale.txt").write_text("2")

    def call(folder, *words):
        asked = command(*words, "--executor", "inline", "--quiet")
        return subprocess.run(
            asked, cwd=folder, env=environment(home), capture_output=True, text=True, timeout=300
        )

    first = call(here, "run", str(code / "here.yaml"))
    assert first.returncode == 0, first.stderr
    assert len(list(here.glob("built-*"))) >= 3
    reopen(home)
    for path in here.glob("built-*"):
        path.unlink()
    again = call(other, "resume", "here")
    assert again.returncode == 0, again.stderr
    # The rehearsal, the trial and the check of the best model, of however many configurations.
    assert list(here.glob("built-*"))
    assert list(other.iterdir()) == []
    reopen(home)
    here.rename(tmp_path / "moved")
    refused = call(other, "resume", "here")
    assert refused.returncode == 2
    assert refused.stderr.strip() == (
        f"lanewise: here was launched in {here}, where its code runs, and that folder is gone: "
        "make it again, then resume"
    )


def reopen(home):
    """As a kill just before the last trial would have left it."""
    with closing(sqlite3.connect(home / "journal.db")) as connection, connection:
        query = "SELECT max(seq) FROM events WHERE kind = 'asked'"
        (seq,) = connection.execute(query).fetchone()
        connection.execute("DELETE FROM events WHERE seq > ?", (seq,))
