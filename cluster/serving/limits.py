"""How much one request may hold."""

from __future__ import annotations

from dataclasses import dataclass

from lanewise.cluster.serving.errors import UsageError


@dataclass(frozen=True)
class Limits:
    """Of a request's body.

    bytes: of the body. rows: in it. depth: of its JSON; a picture as a nested list has 6.
    seconds: in which the body must have arrived.
    """

    bytes: int = 16 * 2**20
    rows: int = 10_000
    depth: int = 8
    seconds: float = 30.0

    @classmethod
    def checked(cls, most_bytes: int, most_rows: int) -> Limits:
        """
        Raises:
            UsageError: one of them is less than 1.
        """
        for option, value in {"--max-bytes": most_bytes, "--max-rows": most_rows}.items():
            if value < 1:
                raise UsageError(f"{option}: must be at least 1, got {value}")
        return cls(most_bytes, most_rows)
