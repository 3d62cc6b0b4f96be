"""A user's mistakes in the sweep file or on the command line, and the exit codes of all errors."""

from __future__ import annotations


class SweepFileError(ValueError):
    """One line: ``file: key.path: what is wrong (what is allowed)``."""


# Exit codes, documented in README.
DONE, BAD_INPUT, NO_BEST, NO_SERVICE, INTERRUPTED = 0, 2, 3, 4, 130
