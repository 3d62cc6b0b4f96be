"""The examples of recurrent networks: they run, and reach the bars that they state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
BARS = {"lstm": ("val_skill", 0.3), "gru": ("val_accuracy", 0.95), "rnn": ("val_accuracy", 0.95)}


@pytest.mark.parametrize("name", BARS)
def test_it_runs(name: str, summary_of: Callable[..., dict[str, Any]]) -> None:
    few = ["budget.trials=2", "budget.epochs=2", "scheduler=none", "executor=inline"]
    found = summary_of(name, *few, "report=false")
    assert found["trials"]["completed"] == 2
    assert BARS[name][0] in found["best"]["metrics"]


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BARS)
def test_it_reaches_its_bar(name: str, summary_of: Callable[..., dict[str, Any]]) -> None:
    metric, bar = BARS[name]
    assert f"{bar} or more" in (EXAMPLES / f"{name}.yaml").read_text()
    assert summary_of(name)["best"]["metrics"][metric] >= bar
