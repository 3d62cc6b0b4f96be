"""What a variant may cost at most: ``--max-latency 2ms``, ``--max-size 1MB``; units are strict."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lanewise.registry.errors import RegistryError

SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True)
class Limits:
    """latency: seconds, of the 99th percentile at batches of one row; size: bytes of model.onnx."""

    latency: float | None = None
    size: int | None = None

    @classmethod
    def of(cls, latency: str | None, size: str | None) -> Limits:
        """Of the options' texts.

        Raises:
            RegistryError: one line that names the option and what is allowed.
        """
        return cls(
            None if latency is None else _amount(latency, SECONDS, "--max-latency", "2ms"),
            None if size is None else int(_amount(size, BYTES, "--max-size", "500kB")),
        )


def _amount(text: str, units: dict[str, float] | dict[str, int], option: str, like: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-zµ]+)", text)
    unit = match[2] if match else ""
    if match is None or unit not in units or float(match[1]) <= 0:
        near = [known for known in units if known.lower() == unit.lower()]
        hint = f"; did you mean {near[0]}?" if near and near[0] != unit else ""
        allowed = f"a number above 0 and {', '.join(units)}, such as {like}"
        raise RegistryError(f"{option}: must be {allowed}{hint}, got {text[:40]!r}")
    return float(match[1]) * units[unit]


def duration(seconds: float) -> str:
    """``1.2 ms``, ``85 µs``, ``2.3 s``."""
    unit = "s" if seconds >= 1 else "ms" if seconds >= 1e-3 else "µs"
    return f"{seconds / SECONDS[unit]:.3g} {unit}"


def size(count: float) -> str:
    """``1.2 MB``, ``85 kB``, ``120 B``."""
    unit = "GB" if count >= 1e9 else "MB" if count >= 1e6 else "kB" if count >= 1e3 else "B"
    return f"{count / BYTES[unit]:.3g} {unit}"
