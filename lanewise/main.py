"""The console script's entry: checks that our packages are ours, then hands over to the CLI."""

from __future__ import annotations

import sys

from lanewise.collision import find_collision


def main() -> None:
    """Runs the command line and exits with its code."""
    collision = find_collision()
    if collision:
        print(f"lanewise: {collision}", file=sys.stderr)
        sys.exit(2)
    from lanewise.cli import run

    sys.exit(run(sys.argv[1:]))
