"""The convolutional example: it runs, and reaches the bar that it states."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import Lanewise

EXAMPLE = Path(__file__).parents[2] / "examples" / "cnn.yaml"
BAR = 0.985


def test_the_example_runs(lanewise: Lanewise) -> None:
    small = ["budget.trials=2", "budget.epochs=2", "scheduler=none", "report=false"]
    found = lanewise.json("run", str(EXAMPLE), *small, "executor=inline")
    assert found["status"] == "done"
    assert found["trials"]["completed"] == 2
    assert found["best"]["metrics"]["val_accuracy"] > 0.3  # a guess is right in 0.1


@pytest.mark.long
def test_the_example_reaches_its_bar(lanewise: Lanewise) -> None:
    assert f"accuracy of {BAR} or more" in EXAMPLE.read_text(encoding="utf-8")
    found = lanewise.json("run", str(EXAMPLE))
    assert found["trials"]["asked"] == 30
    assert found["trials"]["failed"] == 0
    assert found["best"]["metrics"]["val_accuracy"] >= BAR
