"""The benchmark of packs, at its smallest."""

from __future__ import annotations

import pytest
from packs import SIZES, Size, main, mix, spread_widths


def test_mixed_widths_stay_in_their_bucket_and_all_come() -> None:
    assert set(spread_widths(32, 8)) == set(range(26, 33))
    assert set(spread_widths(128, 32)) == set(range(105, 129))


def test_what_varies_goes_round() -> None:
    configs = mix(Size(32, 64), {"optimizer": ("sgd", "adam"), "width": [32, 30, 28]}, 4)
    assert [config["optimizer"] for config in configs] == ["sgd", "adam", "sgd", "adam"]
    assert [config["width"] for config in configs] == [32, 30, 28, 32]
    assert {config["batch"] for config in configs} == {64}


def test_every_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--turns", "1", "--lanes", "2", "--sizes", "16x400"])
    shown = capsys.readouterr().out
    assert shown.count("\n| 16 × 400") == 7  # uniform, four variants, mixed, seating
    assert "| 2 | " in shown
    assert "nan" not in shown


def test_the_sizes_are_those_of_the_bar() -> None:
    assert [str(size) for size in SIZES] == ["32 × 32", "128 × 32", "128 × 128"]
