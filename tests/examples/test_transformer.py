"""examples/transformer.yaml: a quick run, and its bar; tables and texts with the same model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Summary = Callable[..., dict[str, Any]]
EXAMPLE = Path(__file__).parents[2] / "examples" / "transformer.yaml"
BAR = 0.97


def test_the_example_runs(summary_of: Summary) -> None:
    few = ("budget.trials=2", "budget.epochs=2", "scheduler=none", "executor=packed")
    small = ("space.width=32", "space.heads=2", "space.layers=1", "space.lr=0.005")
    best = summary_of("transformer", *few, *small, "space.schedule=constant")["best"]
    assert best["metrics"]["val_accuracy"] > 0.5


@pytest.mark.long
@pytest.mark.timeout(600)
def test_it_keeps_its_promise(summary_of: Summary) -> None:
    assert f"val_accuracy of {BAR} or more" in EXAMPLE.read_text()
    assert summary_of("transformer")["best"]["metrics"]["val_accuracy"] >= BAR
