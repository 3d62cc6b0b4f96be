"""Refuses a source tree whose links to the rooms were lost; all else is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
for room in ("search", "spaces", "trainables", "cluster", "dashboards"):
    if not (HERE / "lanewise" / room / "__init__.py").is_file():
        sys.exit(
            f"lanewise: lanewise/{room} is no link to the folder {room}/: this tree was unpacked "
            "by something that writes symbolic links as text; use git clone, tar or unzip instead"
        )
setup()
