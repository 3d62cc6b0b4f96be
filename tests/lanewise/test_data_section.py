"""The sweep file's data section, from the command line to the plan of a resume."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from commandline import Lanewise, run_python

import lanewise as lw
from lanewise import sweepfile
from lanewise.cli import run
from lanewise.plan import identity, make_plan, plan_again
from lanewise.trainables.errors import DataError

HASH_OF_0_1 = "d4a873eaedd5beeb60340ac95af39abf63aafa96ae474cfde90c88c859b74648"
SWEEP = """
name: rows
data: {DATA}
model: mlp
objective: {maximize: val_accuracy}
space: {lr: {float: [1e-3, 1e-1], log: true}, hidden: [8]}
sampler: random
budget: {trials: 2, epochs: 2}
"""


def rows(first: int, count: int, town: str = "Bern") -> str:
    lines = [f"{n},{town},p{n // 4},{('no', 'yes')[n % 2]}" for n in range(first, first + count)]
    return "\n".join(["a,town,who,y", *lines]) + "\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LANEWISE_HOME", raising=False)
    write_files(tmp_path)
    return tmp_path


def write_files(folder: Path) -> None:
    (folder / "train.csv").write_text(rows(0, 40))
    (folder / "val.csv").write_text(rows(100, 8, "Oslo"))
    (folder / "test.csv").write_text(rows(200, 12))
    (folder / "my.py").write_text(
        "import numpy as np\n"
        "def rows():\n    print('reading')\n    return np.eye(40), [0, 1] * 20\n"
        "def breaks():\n    return helper()\n"
        "def helper():\n    raise KeyError('deep inside')\n"
    )


def validate(place: Path, data: str) -> int:
    (place / "sweep.yaml").write_text(SWEEP.replace("DATA", data))
    return run(["validate", "sweep.yaml"])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            "source: train.csv, validation: 'csv:val.csv', test: test.csv, target: y",
            "train.csv, validation csv:val.csv, test test.csv: 60 rows (train 40, val 8, test 12)",
        ),
        (
            "source: train.csv, target: y, group: who, split: [0.6, 0.2, 0.2]",
            "train.csv: 40 rows (train 24, val 8, test 8, whole groups of who)",
        ),
        (
            "source: 'python:my.py:rows', split: [0.8, 0.2, 0]",
            "python:my.py:rows: 40 rows (train 32, val 8, test 0)",
        ),
        ("source: train.csv, target: y", "note       one value in all rows: town"),
    ],
)
def test_validate_says_what_the_data_are(
    place: Path, data: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(place, data) == 0
    assert words in capsys.readouterr().out


def test_a_bug_in_a_data_function_shows_its_traceback(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(place, "source: 'python:my.py:breaks'") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "in helper" in err
    assert err.splitlines()[-1].startswith("lanewise: data.source: my.py:breaks failed: KeyError")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("source: train.csv, target: y, groups: who", "unknown key 'groups', did you mean 'group'"),
        ("source: train.csv, target: y, group: [who]", "data.group: must be text"),
        ("source: train.csv, target: y, test: gone.csv", "data.test: no file"),
        ("source: train.csv, target: y, test: test.csv, split: [0.7, 0.2, 0.1]", "the test share"),
        ("source: 'pyhton:my.py:rows'", "did you mean 'python'?"),
    ],
)
def test_mistakes_are_one_line(
    place: Path, data: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(place, data) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


def journaled(place: Path, data: dict[str, Any]) -> Any:
    """A launch as a journal holds it."""
    body = {
        "name": "rows",
        "data": data,
        "model": "mlp",
        "objective": {"maximize": "val_accuracy"},
        "space": {"lr": {"float": [1e-3, 1e-1]}},
        "budget": {"trials": 2, "epochs": 2},
    }
    file = sweepfile.parse(body, "rows")
    plan = make_plan(file, place)
    details = {"sweep_file": sweepfile.to_json(file), "base": str(place), "data": identity(plan)}
    launch = SimpleNamespace(name="rows", details=details)
    return SimpleNamespace(launch=launch, spec=plan.spec)


FILES = {"source": "train.csv", "validation": "val.csv", "test": "test.csv", "target": "y"}


@pytest.mark.parametrize(("key", "file"), [("source", "train"), ("validation", "val")])
def test_a_resume_notices_changed_files(place: Path, key: str, file: str) -> None:
    view = journaled(place, FILES)
    assert identity(plan_again(view)) == view.launch.details["data"]
    path = place / f"{file}.csv"
    path.write_text(path.read_text().replace(",yes", ",no", 1))
    with pytest.raises(DataError, match=rf"data.{key}: {file}.csv has changed since the launch"):
        plan_again(view)


def test_a_resume_calls_the_data_function_again(place: Path) -> None:
    view = journaled(place, {"source": "python:my.py:rows"})
    assert identity(plan_again(view)) == view.launch.details["data"]
    code = (place / "my.py").read_text()
    (place / "my.py").write_text(code.replace("np.eye", "np.ones(40) + np.eye"))
    with pytest.raises(DataError, match=r"python:my.py:rows has changed since the launch"):
        plan_again(view)


def test_the_data_of_release_0_1_are_known_again(place: Path) -> None:
    """Hash and shares as the first release wrote them into journals."""
    (place / "old.csv").write_text(
        "a,town,y\n" + "1.5,Bern,no\n,Rome,yes\ninf,,no\n4,Bern,yes\n" * 5
    )
    about = journaled(place, {"source": "old.csv", "target": "y"}).launch.details["data"]
    assert about == {
        "source": "old.csv",
        "rows": 20,
        "dropped": 0,
        "columns": 2,
        "target": "y",
        "hash": HASH_OF_0_1,
        "split": [0.7, 0.15, 0.15],
        "parts": {"train": 14, "val": 3, "test": 3},
    }


@pytest.mark.parametrize("data", [{"source": "train.csv", "target": "y"}, "train.csv", None])
def test_groups_go_with_arrays(place: Path, data: Any) -> None:
    with pytest.raises(ValueError, match=r"groups: goes with arrays"):
        lw.tune(model="mlp", data=data, groups=[1], maximize="val_accuracy", trials=1)


@pytest.mark.long
def test_groups_from_python(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(120, 3))
    result = lw.tune(
        model="mlp",
        data=(X, (X[:, 0] > 0).astype(int)),
        groups=np.repeat(np.arange(24), 5),
        space={"lr": 0.01, "hidden": lw.Choice([[8], [16]])},
        maximize="val_accuracy",
        trials=2,
        epochs=2,
        executor="inline",
        home=tmp_path,
        report=False,
        progress=False,
    )
    assert result.best.model.predict(X).shape == (120,)


INPUTS = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
found = client.search_runs([client.get_experiment_by_name("rows").experiment_id])
print(json.dumps([[(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs]
                  for run in found]))
"""


@pytest.mark.long
def test_a_sweep_on_three_files_shows_them_in_mlflow_once_a_run(lanewise: Lanewise) -> None:
    write_files(lanewise.folder)
    data = "source: train.csv, validation: val.csv, test: test.csv, target: y, group: who"
    lanewise.write("sweep.yaml", SWEEP.replace("DATA", data))
    done = lanewise.json("run", "sweep.yaml", "--executor", "inline", "report=false")
    assert done["trials"]["completed"] == 2
    uri = f"sqlite:///{lanewise.home / 'mlflow.db'}"
    shown = run_python(INPUTS, uri)
    for name, role in {"train": "training", "val": "validation", "test": "test"}.items():
        assert shown.count(f'["{name}.csv", "{role}"]') == 3  # the sweep's run, two trials'
    assert lanewise.run("sync", "rows").returncode == 0
    assert run_python(INPUTS, uri) == shown


PAGE = (Path(__file__).parent.parent.parent / "docs" / "data.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def test_the_sweeps_of_the_page_on_data_are_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files, function = blocks("python")
    subprocess.run([sys.executable, "-c", files], check=True)
    (tmp_path / "recent.py").write_text(function)
    assert len(blocks("yaml")) == 7
    for number, text in enumerate(blocks("yaml")):
        (tmp_path / f"{number}.yaml").write_text(text)
        assert run(["validate", f"{number}.yaml"]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "200 rows (train 140, val 30, test 30, whole groups of patient)" in said
    assert "train.csv, test later.csv.gz: 200 rows (train 120, val 30, test 50)" in said
