"""How a trial's code asks for its run in MLflow: an empty file, which goes when the run is there.

The projector alone makes runs. Of trials that have just begun it waits for more to tell, unless
somebody waits for the run. Never imports MLflow.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lanewise.search.store.home import Home

SWEEP = "sweep"  # the name of the wish for the sweep's own run


def folder(home: Home, sweep: str) -> Path:
    return home.sweep(sweep) / "wishes"


def wishes(home: Home, sweep: str) -> list[int | None]:
    """The trials whose code waits for a run; None for the sweep's own."""
    try:
        names = os.listdir(folder(home, sweep))
    except OSError:  # as a rule there are none, and no folder
        return []
    return [
        None if name == SWEEP else int(name) for name in names if name in (SWEEP,) or name.isdigit()
    ]


def grant(home: Home, sweep: str, number: int | None) -> None:
    """The run is in MLflow, with its parameters."""
    _path(home, sweep, number).unlink(missing_ok=True)


def wait(home: Home, sweep: str, number: int | None, seconds: Callable[[], float]) -> bool:
    """Asks for a run and waits for it; False after so many seconds (asked again and again).

    Raises:
        OSError: nothing can be written in the home from here.
    """
    path = _path(home, sweep, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    began, pause = time.monotonic(), 0.02
    while _is_there(path):
        if time.monotonic() - began > seconds():
            with suppress(OSError):
                path.unlink()
            return False
        time.sleep(pause)
        pause = min(0.25, pause * 1.5)
    return True


def _path(home: Home, sweep: str, number: int | None) -> Path:
    return folder(home, sweep) / (SWEEP if number is None else str(number))


def _is_there(path: Path) -> bool:
    """By opening it: a network file system answers a mere look from what it saw before."""
    try:
        path.open("rb").close()
    except FileNotFoundError:
        return False
    return True
