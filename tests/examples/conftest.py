"""Fixtures of the examples' tests: the command line's, and the examples themselves by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# importlib mode leaves sys.path alone: helpers and examples are found by name all the same.
sys.path.append(str(Path(__file__).parents[1] / "lanewise"))
sys.path.append(str(Path(__file__).parents[2] / "examples" / "own"))

from commandline import Lanewise
from commandline import lanewise as lanewise
from commandline import migrated as migrated

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def summary_of(lanewise: Lanewise) -> Callable[..., dict[str, Any]]:
    """summary_of("cnn", "budget.trials=2"): of an example's sweep, done without a failure."""

    def run(example: str | Path, *overrides: str) -> dict[str, Any]:
        file = example if isinstance(example, Path) else EXAMPLES / f"{example}.yaml"
        summary: dict[str, Any] = lanewise.json("run", str(file), *overrides)
        assert summary["status"] == "done"
        assert summary["trials"]["failed"] == 0
        return summary

    return run
