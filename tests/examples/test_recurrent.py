"""The examples of recurrent networks: they run, and reach the bars that they state."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
BARS = {"lstm": ("val_skill", 0.3), "gru": ("val_accuracy", 0.95), "rnn": ("val_accuracy", 0.95)}


def run(name: str, place: Path, *overrides: str) -> dict:
    command = [
        str(Path(sys.executable).with_name("lanewise")),
        "run",
        str(EXAMPLES / f"{name}.yaml"),
    ]
    done = subprocess.run(
        [*command, *overrides, "--home", str(place), "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", BARS)
def test_it_runs(name, tmp_path):
    few = ["budget.trials=2", "budget.epochs=2", "scheduler=none", "executor=inline"]
    found = run(name, tmp_path, *few, "report=false")
    assert found["trials"]["completed"] == 2
    assert BARS[name][0] in found["best"]["metrics"]


@pytest.mark.long
@pytest.mark.parametrize("name", BARS)
def test_it_reaches_its_bar(name, tmp_path):
    metric, bar = BARS[name]
    assert run(name, tmp_path)["best"]["metrics"][metric] >= bar
