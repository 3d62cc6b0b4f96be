"""The console script's entry: hands over to the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits with its code."""
    from lanewise.cli import run

    sys.exit(run(sys.argv[1:]))
