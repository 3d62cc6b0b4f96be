"""The convolutional example: it runs, and reaches the bar that it states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "cnn.yaml"
BAR = 0.985


def test_the_example_runs(summary_of: Callable[..., dict[str, Any]]) -> None:
    small = ["budget.trials=2", "budget.epochs=2", "scheduler=none", "report=false"]
    found = summary_of("cnn", *small, "executor=inline")
    assert found["trials"]["completed"] == 2
    assert found["best"]["metrics"]["val_accuracy"] > 0.3  # a guess is right in 0.1


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_example_reaches_its_bar(summary_of: Callable[..., dict[str, Any]]) -> None:
    assert f"accuracy of {BAR} or more" in EXAMPLE.read_text(encoding="utf-8")
    found = summary_of("cnn")
    assert found["trials"]["asked"] == 30
    assert found["best"]["metrics"]["val_accuracy"] >= BAR
