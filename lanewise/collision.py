"""Whether the packages that Python finds are ours; other distributions use some of the names."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("spaces", "search", "trainables", "cluster", "dashboards")


def find_collision() -> str | None:
    """One line if a package of ours is hidden by another distribution's of the same name."""
    house = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if found != house / name:
            return (
                f"the package '{name}' is {found or 'missing'}, not ours in {house / name}; "
                "uninstall the other one or use a virtual environment of its own"
            )
    return None
