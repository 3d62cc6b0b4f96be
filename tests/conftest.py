"""Of all tests: ids that are the same in each process, and the longest files first."""

from __future__ import annotations

from pathlib import Path

import pytest

# A file goes to one worker: what is long and begun last, the other worker waits for.
LONGEST = (
    "trainables/packs/test_lane_law.py",
    "lanewise/test_run.py",
    "cluster/test_packed.py",
    "lanewise/test_own_code.py",
    "search/test_samplers.py",
    "examples/test_own.py",
    "examples/test_text.py",
    "dashboards/test_tail.py",
    "dashboards/test_process.py",
    "dashboards/test_user_runs.py",
    "dashboards/test_datasets.py",
    "lanewise/test_conformance.py",
    "lanewise/test_output.py",
    "dashboards/test_once.py",
    "dashboards/test_moved.py",
    "search/test_schedulers.py",
    "test_docs_pages.py",
)
_RANKS = {Path(__file__).parent / name: rank for rank, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _RANKS.get(item.path, len(LONGEST)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes name no test: two workers that make other ones collect other tests."""
    return argname if isinstance(val, bytes) else None
