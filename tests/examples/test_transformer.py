"""examples/transformer.yaml: a few trials, and its bar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Summary = Callable[..., dict[str, Any]]
EXAMPLE = Path(__file__).parents[2] / "examples" / "transformer.yaml"
BAR = 0.97


@pytest.mark.long
def test_a_few_trials(summary_of: Summary) -> None:
    few = ("budget.trials=4", "budget.epochs=6", "report=false", "executor=inline")
    assert summary_of("transformer", *few)["best"]["metrics"]["val_accuracy"] > 0.9


@pytest.mark.night
@pytest.mark.timeout(900)
def test_it_keeps_its_promise(summary_of: Summary) -> None:
    assert f"val_accuracy of {BAR} or more" in EXAMPLE.read_text()
    assert summary_of("transformer")["best"]["metrics"]["val_accuracy"] >= BAR
