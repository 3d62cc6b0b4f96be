"""The convolutional example: a few trials, and the bar that it states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "cnn.yaml"
BAR = 0.985


@pytest.mark.long
def test_a_few_trials(summary_of: Callable[..., dict[str, Any]]) -> None:
    few = ["budget.trials=4", "budget.epochs=6", "report=false"]
    found = summary_of("cnn", *few, "executor=inline")
    assert found["trials"]["asked"] == 4
    assert found["best"]["metrics"]["val_accuracy"] > 0.9


@pytest.mark.night
@pytest.mark.timeout(900)
def test_the_example_reaches_its_bar(summary_of: Callable[..., dict[str, Any]]) -> None:
    assert f"accuracy of {BAR} or more" in EXAMPLE.read_text(encoding="utf-8")
    found = summary_of("cnn")
    assert found["trials"]["asked"] == 30
    assert found["best"]["metrics"]["val_accuracy"] >= BAR
