"""Starts the projector as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from lanewise.dashboards.state import URI_VARIABLE, is_masked, lock_path, mask
from lanewise.search.store.home import Home
from lanewise.search.store.locks import is_locked

# Kept, since a Popen that is dropped while its process runs warns; it is not ours to wait for it.
_STARTED: list[subprocess.Popen[bytes]] = []
_SPARES: list[subprocess.Popen[bytes]] = []


def start(
    home: Home, uri: str | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes] | None:
    """Starts a projector for a home, or gives it the spare one, and returns at once.

    Call it while the sweep's controller lock is held: the projector ends by itself when nothing
    is left to project and no sweep of the home has a controller. It stays in the process group
    (a kill of the group takes it along), ignores Ctrl-C, and writes to ``<home>/projector.log``.

    Args:
        uri: an explicit tracking URI; one with a password is told to this projector alone.
        env: variables on top of this process's own.

    Returns:
        The process; None where another one is at work and does it, too.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    if is_locked(lock_path(home, uri)):
        return None
    secret = {URI_VARIABLE: uri} if uri is not None and is_masked(mask(uri)) else {}
    mine = {**(env or {}), **secret}
    process = _assign(home, mine) or _spawn(home, mine)
    _STARTED[:] = [one for one in _STARTED if one.poll() is None] + [process]
    return process


@contextmanager
def warmed(home: Home, uri: str | None) -> Iterator[None]:
    """Inside, the next ``start`` takes a process that is importing MLflow already.

    The import takes seconds, and the checks before a sweep leave cores idle. The spare touches
    nothing of a home before it is given one, and is ended where it is not.

    Args:
        uri: of an MLflow other than the home's own.
    """
    if is_locked(lock_path(home, uri)):
        yield  # one is at work, and takes on what begins now
        return
    with tempfile.TemporaryDirectory(prefix="lanewise-") as scratch:
        command = [sys.executable, "-m", "lanewise.dashboards.projector", "--spare"]
        if uri is None and not (home.root / "mlflow.db").exists():
            command += ["--database", f"{scratch}/mlflow.db"]
        quiet = subprocess.DEVNULL
        spare = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
        _SPARES.append(spare)
        try:
            yield
        finally:
            if spare in _SPARES:
                _SPARES.remove(spare)
                _end(spare)


def _assign(home: Home, env: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """The spare process, which serves the home from now on; None if there is none alive."""
    while _SPARES:
        spare = _SPARES.pop()
        assert spare.stdin is not None
        # A pipe and not a command line: `env` may hold a password.
        with suppress(OSError):
            spare.stdin.write(json.dumps({"home": str(home.root), "env": dict(env)}).encode())
            spare.stdin.close()
            if spare.poll() is None:
                return spare
    return None


def _end(spare: subprocess.Popen[bytes]) -> None:
    assert spare.stdin is not None
    spare.kill()
    spare.wait()
    spare.stdin.close()


def _spawn(home: Home, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "lanewise.dashboards.projector", "--home", str(home.root)]
    with (home.root / "projector.log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **env},
        )
