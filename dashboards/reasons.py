"""Why MLflow could not be written: one line, and whether waiting helps."""

from __future__ import annotations

import re

from lanewise.dashboards.errors import PermanentError

_CODES = ("UNAUTHENTICATED", "PERMISSION_DENIED", "ENDPOINT_NOT_FOUND")
_WORDS = re.compile(
    r"out-of-date database schema|readonly database|file is not a database"
    r"|database \"?[^\"]*\"? does not exist|unknown database|authentication failed|access denied"
    r"|no tracking store|unsupported uri|model registry functionality is unavailable",
    re.I,
)


def is_permanent(error: Exception) -> bool:
    """Whether somebody has to do something first: a password is wrong, a database is gone."""
    if isinstance(error, PermanentError | PermissionError | NotADirectoryError):
        return True
    if isinstance(error, ImportError):  # of a database's driver
        return True
    if getattr(error, "error_code", None) in _CODES:
        return True
    return bool(_WORDS.search(str(error)))


def in_one_line(error: Exception) -> str:
    """The first line that says something, without SQLAlchemy's statements and links."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
