"""Fixtures of the examples' tests: the command line's, and the examples themselves by name."""

from __future__ import annotations

import sys
from pathlib import Path

# importlib mode leaves sys.path alone: helpers and examples are found by name all the same.
sys.path.append(str(Path(__file__).parents[1] / "lanewise"))
sys.path.append(str(Path(__file__).parents[2] / "examples" / "own"))

from commandline import lanewise as lanewise
from commandline import migrated as migrated
