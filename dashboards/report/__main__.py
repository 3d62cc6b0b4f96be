"""One report, in a process of its own: ``python -m dashboards.report --home DIR --sweep ID``."""

from __future__ import annotations

import argparse
from pathlib import Path

from dashboards.report.build import build
from search.home import Home
from search.view import open_view


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dashboards.report")
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
