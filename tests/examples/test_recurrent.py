"""The examples of recurrent networks: a few trials, and the bars that they state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
BARS = {"lstm": ("val_skill", 0.3), "gru": ("val_accuracy", 0.95), "rnn": ("val_accuracy", 0.95)}


FLOORS = {"lstm": 0.3, "gru": 0.85, "rnn": 0.85}


@pytest.mark.long
@pytest.mark.parametrize("name", FLOORS)
def test_a_few_trials(name: str, summary_of: Callable[..., dict[str, Any]]) -> None:
    few = ["budget.trials=4", "budget.epochs=6", "report=false", "executor=inline"]
    assert summary_of(name, *few)["best"]["metrics"][BARS[name][0]] > FLOORS[name]


@pytest.mark.night
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", BARS)
def test_it_reaches_its_bar(name: str, summary_of: Callable[..., dict[str, Any]]) -> None:
    metric, bar = BARS[name]
    assert f"{bar} or more" in (EXAMPLES / f"{name}.yaml").read_text()
    assert summary_of(name)["best"]["metrics"][metric] >= bar
