"""The benchmark of the core's cost measures what it says."""

from __future__ import annotations

from collections import Counter

import pytest
from core_cost import COSTS, EPOCHS, durable, filled, single_rows

from lanewise.search.core.invariants import check_invariants


@pytest.mark.parametrize("promote", [False, True])
def test_its_sweeps_are_ones_that_can_be(promote):
    history = filled(40, promote=promote).history
    check_invariants(history)
    assert len(history) == 40
    assert bool(history.paused) is promote
    assert max(trial.epoch for trial in history) > 1


@pytest.mark.parametrize("name", COSTS)
def test_every_cost_is_measured(name):
    assert COSTS[name](12) > 0


def test_so_many_reports_are_written_and_replayed(tmp_path):
    kinds = Counter(event.kind for event in single_rows(2 * EPOCHS + 5))
    assert kinds == {"reported": 2 * EPOCHS + 5, "asked": 3}
    rows = list(durable(tmp_path, 2 * EPOCHS + 5))
    assert len(rows) == 3
    assert all(wall > 0 and cpu > 0 for _, _, wall, cpu in rows)
