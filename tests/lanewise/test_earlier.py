"""The key ``from``: a sweep begins with what earlier ones, and tables, have found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lanewise.cli import run
from lanewise.search.store.home import Home
from lanewise.search.store.view import find, open_view

SWEEP = """
name: {name}
train: own.py:train
objective: {{maximize: score}}
space: {{x: {{float: [0, 1]}}, kind: {{choice: [a, b]}}}}
sampler: {sampler}
scheduler: none
executor: inline
budget: {{trials: {trials}, epochs: 1}}
report: false
"""
TRAIN = "def train(config, report):\n    report(1, score=1 - abs(config['x'] - 0.25))\n"
TABLE = "params.x,params.kind,score\n0.25,a,1.0\n0.2,b,0.95\n7,a,0.5\n0.3,c,0.9\n0.1,a,\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANEWISE_HOME", str(tmp_path / "home"))
    (tmp_path / "own.py").write_text(TRAIN)
    (tmp_path / "known.csv").write_text(TABLE)
    return tmp_path


def write(folder: Path, name: str, sampler: str = "random", trials: int = 3, more: str = "") -> str:
    text = SWEEP.format(name=name, sampler=sampler, trials=trials) + more
    (folder / f"{name}.yaml").write_text(text)
    return f"{name}.yaml"


def test_the_sampler_knows_what_a_sweep_and_a_table_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", write(folder, "first", trials=8), "--quiet"]) == 0
    informed = write(folder, "second", "{tpe: {startup: 8}}", 4, "from: [first, known.csv]\n")
    assert run(["validate", informed, "--json"]) == 0
    notes = json.loads(capsys.readouterr().out.splitlines()[-1])["notes"]
    told = "8 results of first; 2 results of known.csv (3 do not fit the space or the objective)"
    assert told in notes
    assert run(["run", informed, "--quiet"]) == 0
    home = Home.find()
    view = open_view(home.journal(), find(home.journal(), "second"))
    assert len(view.spec.prior) == 10
    assert len(view.history) == 4  # what was known is no trial of this sweep
    assert view.history.notes["from"] == told
    # Its model was asked for the first one already, and not for what is known.
    uninformed = write(folder, "third", "{tpe: {startup: 8}}", 4)
    assert run(["run", uninformed, "--quiet"]) == 0
    other = open_view(home.journal(), find(home.journal(), "third"))
    assert [t.params for t in view.history] != [t.params for t in other.history]
    assert all(t.params not in [p.params for p in view.spec.prior] for t in view.history)
    capsys.readouterr()
    assert run(["validate", write(folder, "fourth", more="from: frist\n")]) == 2
    line = f"from.0: there is no sweep 'frist' in {folder / 'home'}, did you mean 'first'?"
    assert line in capsys.readouterr().err


WRONG = {
    "other": "from.0: there are no sweeps in {base}/home yet",
    "[gone.csv]": "from.0: {base}/gone.csv: cannot be read as a table: No such file",
    "[known.csv, nothing.csv]": "from.1: {base}/nothing.csv: has no column score",
    "3": "from: must be text, got 3",
}


@pytest.mark.parametrize("value", WRONG)
def test_what_cannot_be_learned_from_is_one_line(
    value: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "nothing.csv").write_text("a,b\n1,2\n")
    assert run(["validate", write(folder, "second", more=f"from: {value}\n")]) == 2
    said = capsys.readouterr().err
    assert WRONG[value].format(base=folder) in said
    assert len(said.strip().splitlines()) == 1
