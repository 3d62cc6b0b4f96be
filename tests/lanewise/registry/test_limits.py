"""Limits on the command line: numbers with a unit, and nothing else."""

from __future__ import annotations

import pytest

from lanewise.registry.errors import RegistryError
from lanewise.registry.limits import Limits, duration, size


@pytest.mark.parametrize(
    ("latency", "bytes_", "meant"),
    [
        ("2ms", "1MB", Limits(0.002, 1_000_000)),
        ("0.5 ms", "500kB", Limits(0.0005, 500_000)),
        ("250us", "1.5MB", Limits(0.00025, 1_500_000)),
        ("80µs", "900B", Limits(0.00008, 900)),
        ("1s", "2MiB", Limits(1.0, 2**21)),
        (None, None, Limits()),
    ],
)
def test_an_amount_has_a_unit(latency: str | None, bytes_: str | None, meant: Limits) -> None:
    found = Limits.of(latency, bytes_)
    assert found.size == meant.size
    assert found.latency == (meant.latency and pytest.approx(meant.latency))


@pytest.mark.parametrize("text", ["2", "ms", "-2ms", "0ms", "2 m s", "2min", "1e3ms", "", "2,5ms"])
def test_another_latency_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(RegistryError, match=r"^--max-latency: must be a number above 0 and us"):
        Limits.of(text, None)


@pytest.mark.parametrize("text", ["1", "1M", "MB", "-1MB", "0kB", "1TB", "x" * 200])
def test_another_size_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(RegistryError, match=r"^--max-size: must be .* such as 500kB") as refused:
        Limits.of(None, text)
    assert len(str(refused.value)) < 160


def test_a_unit_in_another_case_is_hinted_at() -> None:
    with pytest.raises(RegistryError, match="did you mean MB"):
        Limits.of(None, "1mb")
    with pytest.raises(RegistryError, match="did you mean ms"):
        Limits.of("2MS", None)


def test_amounts_as_people_read_them() -> None:
    assert [duration(s) for s in (8.5e-5, 0.00123, 2.0)] == ["85 µs", "1.23 ms", "2 s"]
    assert [size(b) for b in (120, 8_500, 1_234_000)] == ["120 B", "8.5 kB", "1.23 MB"]
