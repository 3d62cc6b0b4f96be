"""Fixtures of the command line's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# importlib mode leaves sys.path alone: the helpers beside this file are found by name all the same.
sys.path.append(str(Path(__file__).parent))

from commandline import SWEEP, Lanewise


@pytest.fixture
def lanewise(tmp_path: Path) -> Lanewise:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    return Lanewise(tmp_path)
