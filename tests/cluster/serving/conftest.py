"""Fixtures of the server's tests; ``adding`` is found by its name."""

from __future__ import annotations

import sys
from pathlib import Path

# importlib mode leaves sys.path alone.
sys.path.append(str(Path(__file__).parent))
