"""Fixtures of the executors' tests; ``driving`` is found by its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# importlib mode leaves sys.path alone.
sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="module")
def ray_local() -> Iterator[None]:
    """One local Ray for a whole file; executors use the one that is there."""
    from lanewise.cluster.ray_session import RaySession

    session = RaySession(None)
    session.open()
    yield
    session.close()
