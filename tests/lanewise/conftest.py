"""Fixtures of the command line's tests."""

from __future__ import annotations

import sys
from pathlib import Path

# importlib mode leaves sys.path alone: the helpers beside this file are found by name all the same.
sys.path.append(str(Path(__file__).parent))

from commandline import lanewise as lanewise
from commandline import migrated as migrated
