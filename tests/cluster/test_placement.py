"""Which worker a trial goes to."""

from __future__ import annotations

from typing import Any

import pytest

from lanewise.cluster.placement import Seating, choose, shape_of

SMALL: dict[str, Any] = {"hidden": [16], "lr": 0.1, "batch_size": 64, "norm": None}
DEEP: dict[str, Any] = {**SMALL, "hidden": [16, 16]}


def place(seatings: list[Seating], configs: list[dict[str, Any]]) -> list[int | None]:
    found = []
    for number, config in enumerate(configs):
        where = choose(seatings, shape_of(config))
        if where is not None:
            seatings[where].shapes[number] = shape_of(config)
        found.append(where)
    return found


def test_workers_fill_evenly() -> None:
    seatings = [Seating(8), Seating(8)]
    found = place(seatings, [SMALL] * 16)
    assert sorted(found) == [0] * 8 + [1] * 8  # type: ignore[type-var]
    halves = [found[:8].count(worker) for worker in (0, 1)]
    assert abs(halves[0] - halves[1]) <= 2


def test_those_of_a_shape_go_together() -> None:
    seatings = [Seating(8), Seating(8)]
    found = place(seatings, [SMALL, DEEP, SMALL, DEEP, SMALL, DEEP])
    assert found == [0, 1, 0, 1, 0, 1]


def test_a_full_or_a_starting_worker_gets_none() -> None:
    assert place([Seating(0), Seating(1)], [SMALL, SMALL]) == [1, None]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"lr": 0.3}, True),
        ({"hidden": [17]}, True),
        ({"hidden": [64]}, False),
        ({"hidden": [16, 16]}, False),
        ({"batch_size": 32}, False),
        ({"norm": "batch"}, False),
        ({"optimizer": {"name": "sgd", "momentum": 0.9}}, True),
    ],
)
def test_a_shape_is_what_lanes_of_a_pack_have_in_common(
    changes: dict[str, Any], same: bool
) -> None:
    assert (shape_of({**SMALL, **changes}) == shape_of(SMALL)) is same
