"""How full the lanes were: from made-up journals whose answer is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from occupancy import main

from comparison.occupied import occupancy
from lanewise.search.core.events import (
    Asked,
    Completed,
    Continue,
    Event,
    Lost,
    Noted,
    Reported,
    Rerun,
    Stop,
)
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Record


def asked(number: int) -> Event:
    return Asked(number, {}, 1)


def ended(number: int) -> Event:
    return Reported(number, (), Stop("rung 1"))


def journal(timed: Iterable[tuple[float, Event]]) -> list[Record]:
    return [Record(seq, at, event) for seq, (at, event) in enumerate(timed)]


FILL = [(1.0, asked(0)), (2.0, asked(1))]  # two lanes, the second one a second later


def test_lanes_that_are_refilled_at_once_are_all_occupied() -> None:
    # In one commit the new trial may even come before the end of the old one.
    events = [*FILL, (4.0, asked(2)), (4.0001, ended(0)), (6.0, ended(1)), (6.0001, asked(3))]
    found = occupancy(journal([*events, (9.0, ended(2)), (9.0, ended(3))]))
    assert found is not None
    assert found.capacity == 2
    assert found.filled == pytest.approx(1.0)
    assert found.last_ask == pytest.approx(5.0001)
    assert found.share == pytest.approx(1.0, abs=1e-3)


def test_an_empty_lane_counts_until_it_is_refilled() -> None:
    events = [*FILL, (4.0, ended(0)), (5.0, asked(2)), (6.0, Lost(1)), (7.0, Rerun(1, 1))]
    events += [(8.0, Reported(2, (), Continue(3))), (9.0, Completed(2)), (10.0, asked(3))]
    found = occupancy(journal(events))
    assert found is not None
    # From 2 to 10 s two lanes, less 4 to 5, 6 to 7 and 9 to 10 s of one of them.
    assert found.share == pytest.approx(13 / 16)
    assert found.with_filling == pytest.approx(14 / 18)  # and one lane from 1 to 2 s


def test_a_stated_capacity_wins() -> None:
    events = [*FILL, (3.0, Noted("lanes", "4 lanes on 2 workers")), (4.0, ended(0))]
    found = occupancy(journal([*events, (4.0, asked(2))]))
    assert found is not None
    assert found.stated
    assert found.capacity == 4
    assert found.share == pytest.approx(0.5)
    assert found.notes == ("4 lanes on 2 workers",)


@pytest.mark.parametrize("events", [[], FILL])
def test_without_a_refill_there_is_nothing_to_measure(events: list[tuple[float, Event]]) -> None:
    assert occupancy(journal(events)) is None


def test_a_home_without_a_sweep_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Home(tmp_path).journal(create=True).close()
    assert main(["--home", str(tmp_path)]) == 2
    assert "there are no sweeps" in capsys.readouterr().err
