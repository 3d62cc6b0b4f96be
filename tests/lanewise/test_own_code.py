"""Mistakes in a user's own model or training function: one line before the first trial, or once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import lanewise as lw
from lanewise.cli import run
from lanewise.own_code import change_of_code
from lanewise.search.core.events import Launched
from lanewise.search.store.home import Home
from lanewise.search.store.view import find, open_view
from lanewise.trainables.errors import ModelError
from lanewise.trainables.user_code.source import source_of

# What Python and MLflow's process leave to the end of the process.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MODEL = """
name: own
data: {source: "sklearn:iris"}
model: mine.py:build
objective: {maximize: val_accuracy}
space: {width: 4, lr: {float: [1e-3, 1e-1]}}
sampler: random
executor: inline
budget: {trials: 2, epochs: 1}
report: false
"""
TRAIN = """
name: own
train: mine.py:train
objective: {minimize: loss}
space: {x: {float: [0, 1]}}
sampler: random
executor: inline
budget: {trials: 3, epochs: 1}
report: false
"""
BUILD = """
import torch
from torch import nn

print("the file runs")

def build(config, info):
    return nn.Sequential(nn.Linear(4, config["width"]), nn.ReLU(), nn.Linear(config["width"], 3))
"""
REPORTS = "def train(config, report):\n    report(1, loss=config['x'])\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LANEWISE_HOME", raising=False)
    return tmp_path


def write(place: Path, sweep: str, code: str) -> None:
    (place / "sweep.yaml").write_text(sweep)
    (place / "mine.py").write_text(code)


REFUSED = {
    "a name that nothing reads": (
        MODEL.replace("lr:", "learning_rate:"),
        BUILD,
        "space.learning_rate: nothing reads it; did you mean 'lr'?",
    ),
    "a misspelt name": (
        MODEL.replace("width: 4", "width: 4, dpeth: 3"),
        BUILD.replace("    return", "    config.get('depth')\n    return"),
        "space.dpeth: nothing reads it; did you mean 'depth'?",
    ),
    "a fixed setting that nothing reads": (
        MODEL.replace("mine.py:build", "{'mine.py:build': {depht: 2}}"),
        BUILD,
        "model.mine.py:build.depht: nothing reads it",
    ),
    "too few arguments": (
        MODEL,
        BUILD.replace("(config, info)", "(config)"),
        "model: build(config) cannot be called as build(config, info)",
    ),
    "too many arguments": (
        TRAIN,
        REPORTS.replace("report)", "report, data)"),
        "train: train(config, report, data) cannot be called as train(config, report)",
    ),
    "a class of other arguments": (
        MODEL.replace(":build", ":Net"),
        "from torch import nn\nclass Net(nn.Module):\n  def __init__(self, width=3): ...\n",
        "model: Net(width=3) cannot be called as Net(config, info); give a function",
    ),
    "a module instead of a function": (
        MODEL.replace(":build", ":net"),
        "from torch import nn\nnet = nn.Linear(4, 3)\n",
        "model: Linear is a module that is built already",
    ),
    "nothing comes back": (
        MODEL.replace("width: 4, ", ""),
        "def build(config, info): ...\n",
        "model: build(config, info) returned nothing",
    ),
    "a wrong shape": (
        MODEL,
        BUILD.replace(", 3)", ", 2)"),
        "model: the module must return [batch, outputs]",
    ),
    "what it learns lies in an attribute": (
        MODEL.replace("width: 4, ", ""),
        "from torch import nn\n"
        "class build(nn.Module):\n"
        "    def __init__(self, config, info):\n"
        "        super().__init__()\n"
        "        self.body, self.mean = nn.Linear(4, 3), 0.0\n"
        "    def forward(self, x):\n"
        "        if self.training:\n"
        "            self.mean = float(x.mean())\n"
        "        return self.body(x) + self.mean\n",
        "model: best.model would not be what was trained: build.mean changes and is not stored",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_one_line_before_anything_starts(
    case: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep, code, words = REFUSED[case]
    write(place, sweep, code)
    for command in ("run", "validate"):
        assert run([command, "sweep.yaml"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        lines = [line for line in err.splitlines() if line != "the file runs"]
        assert len(lines) == 1
        assert words in lines[0]
        assert not (place / ".lanewise").exists()


def test_a_file_that_does_not_import_shows_where(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, MODEL, "import nowhere_at_all\ndef build(config, info): ...\n")
    assert run(["run", "sweep.yaml"]) == 2
    err = capsys.readouterr().err
    assert 'mine.py", line 1' in err
    assert err.splitlines()[-1].startswith("lanewise: model: mine.py does not import:")
    assert not (place / ".lanewise").exists()


def test_a_good_model_runs_and_standard_output_is_the_result(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, MODEL, BUILD)
    assert run(["validate", "sweep.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("own: valid")
    assert "the file runs" in err
    assert run(["run", "sweep.yaml", "--quiet", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["status"] == "done"


def test_a_note_is_said_at_the_launch_and_kept(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, TRAIN.replace("{x:", "{learning_rate: 0.1, x:"), REPORTS)
    words = "space.learning_rate: nothing in the code of train reads it"
    assert run(["validate", "sweep.yaml"]) == 0
    assert words in capsys.readouterr().out
    assert run(["run", "sweep.yaml", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err.count(words) == 1
    assert out.count(words) == 1  # in the summary
    journal = Home.find().journal()
    assert words in open_view(journal, find(journal, None)).history.notes["space"]
    journal.close()


def test_a_function_that_never_reports_is_told_once(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, TRAIN, "def train(config, report):\n    return config['x']\n")
    assert run(["run", "sweep.yaml", "--quiet"]) == 3
    err = capsys.readouterr().err
    words = "train: the function returned without a report; call report(epoch, loss=…)"
    assert err.count(words) == 1
    assert "Traceback" not in err
    journal = Home.find().journal()
    trials = list(open_view(journal, find(journal, None)).history)
    assert [trial.status for trial in trials] == ["failed"] * 3
    assert {trial.failures[0].message.splitlines()[0][:6] for trial in trials} == {"train:"}
    journal.close()


def test_a_bug_shows_its_traceback(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = BUILD.replace("    return", "    raise ValueError('my own mistake')\n    return")
    write(place, MODEL, code)
    assert run(["run", "sweep.yaml", "--quiet"]) == 3
    err = capsys.readouterr().err
    assert err.count("my own mistake") >= 1
    assert 'mine.py", line 8, in build' in err


def test_start_configurations_beyond_the_budget_are_said(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = "start: [{x: 0.1}, {x: 0.2}, {x: 0.3}, {x: 0.4}, {x: 0.5}]\n"
    write(place, TRAIN + start, REPORTS)
    assert run(["validate", "sweep.yaml"]) == 0
    words = "start: 5 configurations for 3 trials; the last 2 are not tried"
    assert words in capsys.readouterr().out
    assert run(["run", "sweep.yaml", "--quiet"]) == 0
    assert words in capsys.readouterr().err
    write(place, TRAIN + start.replace(", {x: 0.4}, {x: 0.5}", ""), REPORTS)
    assert run(["validate", "sweep.yaml"]) == 0
    assert "start:" not in capsys.readouterr().out


# -- from Python -----------------------------------------------------------------------------------


def tune(home: Path, **arguments: Any) -> lw.Result:
    data = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
    given: dict[str, Any] = {"data": data, "maximize": "val_accuracy", "space": {"lr": 0.01}}
    given |= {"trials": 1, "epochs": 1, "executor": "inline", "report": False}
    return lw.tune(home=home, progress=False, **{**given, **arguments})


class Net(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": nn.Linear(4, 3)}, "Linear is a module that is built already; give a function"),
        ({"model": Net}, "Net(width=8) cannot be called as Net(config, info)"),
        ({"model": lambda config: None}, "cannot be called as lambda(config, info)"),
        ({"model": 3}, "a int was given"),
        (
            {"train": lambda report: None, "data": None, "maximize": "score"},
            "cannot be called as lambda(config, report)",
        ),
        ({"model": lambda config, info: Net}, "returned the class Net"),
        (
            {
                "model": lambda config, info: nn.Linear(4, 3),
                "space": {"learning_rate": lw.Float(0.1, 0.2)},
            },
            "space.learning_rate: nothing reads it; did you mean 'lr'?",
        ),
    ],
)
def test_mistakes_in_python_are_one_line(
    arguments: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        tune(tmp_path, **arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "journal.db").exists()


DRIFTS = """
import torch
from torch import nn

class Drifts(nn.Module):
    \"\"\"Learns outside of its state, after the two steps that it is tried with.\"\"\"

    def __init__(self, config, info):
        super().__init__()
        self.body, self.passes = nn.Linear(4, info.outputs), 0

    def forward(self, x):
        self.passes += self.training
        return self.body(x) + max(0, self.passes - 2) * torch.tensor([9.0, 0.0, -9.0])
"""


@pytest.mark.parametrize(
    "executor",
    [
        "inline",
        pytest.param("packed", marks=pytest.mark.long),
        pytest.param("tune", marks=pytest.mark.night),
    ],
)
def test_a_best_model_that_is_not_what_was_trained_is_told(
    executor: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = MODEL.replace("mine.py:build", "mine.py:Drifts")
    sweep = sweep.replace("width: 4", "batch_size: 16")
    write(place, sweep.replace("executor: inline", f"executor: {executor}"), DRIFTS)
    assert run(["run", "sweep.yaml", "--quiet"]) == 0
    out, err = capsys.readouterr()
    words = "as it is stored is not what was trained: val_"
    assert words in out
    assert "lanewise: best model: trial" in err
    journal = Home.find().journal()
    history = open_view(journal, find(journal, None)).history
    assert words in history.notes["best model"]
    assert f"trial {history.best.number} " in history.notes["best model"]
    journal.close()


def test_what_is_returned_is_shown_in_few_words(tmp_path: Path) -> None:
    result = tune(
        tmp_path,
        model={"mlp": {"hidden": [8]}},
        space={"lr": lw.Float(1e-3, 1e-1), "optimizer": lw.Choice(["adam", "sgd"])},
        trials=2,
        epochs=2,
    )
    assert "best model" not in result.summary.notes
    text = repr(result)
    assert len(text.splitlines()) == 1
    assert text.startswith(f"<Result {result.sweep}: done, 2 trials; best val_accuracy ")
    first, second = repr(result.best).splitlines()
    assert first.startswith(f"<Best: trial {result.best.trial} of {result.sweep}, epoch ")
    assert "lr=0.0" in second
    assert "optimizer=" in second
    assert len(repr(result.best.model).splitlines()) == 2
    assert max(map(len, (text, repr(result.best), repr(result.best.model)))) < 400


def test_code_that_has_changed_since_the_launch_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def build(config, info): ...\n")
    source = source_of("own.py:build", tmp_path)
    assert source is not None
    code = {"file": source.file, "sha256": source.digest}
    details = {"model": "own.py:build", "base": str(tmp_path), "code": code}
    launch = Launched("s1", "mine", {}, details)
    assert change_of_code(launch) == ""
    (tmp_path / "own.py").write_text("def build(config, info): return 1\n")
    assert change_of_code(launch) == f"{source.file} has changed since mine was launched"
    assert change_of_code(Launched("s1", "mine", {}, {**details, "code": None})) == ""
