"""Writes one report: ``python -m lanewise.dashboards.report --home DIR --sweep ID``."""

from __future__ import annotations

import argparse
from pathlib import Path

from lanewise.dashboards.report.build import build
from lanewise.search.store.home import Home
from lanewise.search.store.view import open_view


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lanewise.dashboards.report")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--sweep", required=True)
    given = parser.parse_args()
    home = Home.find(given.home)
    journal = home.journal()
    try:
        build(open_view(journal, given.sweep), home)
    finally:
        journal.close()


if __name__ == "__main__":
    main()
