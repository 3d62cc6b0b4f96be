"""A sweep's report in its home: where it is, and how it is put there."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lanewise.search.store.home import Home
from lanewise.search.store.view import View


def report_of(view: View, home: Home) -> Path | None:
    """The sweep's report in its home, if there is one that shows the sweep as it is now."""
    path = home.report(view.launch.sweep)
    try:
        with path.open(encoding="utf-8") as file:
            head = file.read(1000)
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r'<meta name="lanewise-records" content="(\d+)">', head)
    return path if found and int(found[1]) >= view.seq else None


def put(path: Path, text: str) -> Path:
    """Replaces the file in one step: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
