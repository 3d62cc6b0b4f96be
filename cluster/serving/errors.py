"""What goes wrong: with a request, and with a server."""

from __future__ import annotations


class RequestError(ValueError):
    """A request that is refused.

    status: of HTTP. row: the number of the row in the request, from 0; column: its name.
    """

    def __init__(
        self, status: int, message: str, row: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.row = row
        self.column = column


class ServingError(RuntimeError):
    """A server that cannot start, or a folder that cannot be written: one line."""


class UsageError(ValueError):
    """A setting of the server that is not allowed: one line."""
