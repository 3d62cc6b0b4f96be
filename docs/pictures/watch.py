"""Draws what `lanewise watch` shows of the newest sweep now: python docs/pictures/watch.py HOME."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console, Group
from rich.terminal_theme import MONOKAI

from lanewise.dashboards.board import screen
from lanewise.dashboards.feed import Feed
from lanewise.dashboards.watch import Watcher
from lanewise.search.store.home import Home
from lanewise.search.store.view import find, unread_view

WIDTH, HEIGHT = 104, 32


def main() -> None:
    home = Home.find(sys.argv[1])
    journal = home.journal()
    watcher = Watcher(Feed(unread_view(journal, find(journal, None))), home, "lanewise resume")
    status, snapshot = next(watcher.looks(0))
    lines = screen(watcher.feed, snapshot, watcher.setting(status), WIDTH, HEIGHT)
    console = Console(width=WIDTH, record=True, file=io.StringIO())
    console.print(Group(*lines))
    console.save_svg(str(Path(__file__).with_suffix(".svg")), title="lanewise watch", theme=MONOKAI)


if __name__ == "__main__":
    main()
