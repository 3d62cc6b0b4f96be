"""Starts the projector as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from search.home import Home

# Kept, since a Popen that is dropped while its process runs warns; it is not ours to wait for it.
_STARTED: list[subprocess.Popen[bytes]] = []


def start(home: Home, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Starts ``python -m dashboards.projector`` for a home, and returns at once.

    Call it while the sweep's controller lock is held: the projector ends by itself when nothing
    is left to project and no sweep of the home has a controller. It stays in the process group
    (a kill of the group takes it along), ignores Ctrl-C, and writes to ``<home>/projector.log``.

    Args:
        env: variables on top of this process's own, such as ``state.URI_VARIABLE``.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "dashboards.projector", "--home", str(home.root)]
    with (home.root / "projector.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(env or {})},
        )
    _STARTED[:] = [one for one in _STARTED if one.poll() is None] + [process]
    return process
