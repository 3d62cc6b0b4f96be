"""How far MLflow has followed the journal: the cursor file of each sweep. Never imports MLflow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lanewise.search.events import Launched
from lanewise.search.home import Home
from lanewise.search.journal import Journal

# How a launcher hands a tracking URI with a password to its projector; journals hold it masked.
URI_VARIABLE = "LANEWISE_TRACKING_URI"
SWEEP_VARIABLE = "LANEWISE_TRACKING_SWEEP"
MASK = "***"

DUE, LOGGED, NONE = "due", "logged", "none"  # what became of the report of a sweep at rest

_SCHEME = re.compile(r"\w[\w+.-]*://")
_SECRET = re.compile(
    r"([?&;#][^=&;#]*(?:pass|pwd|token|secret|key|auth|credential|sig|jwt)[^=&;#]*=)[^&;#]*", re.I
)
# What servers that know tokens only take for a password beside one.
_NO_PASSWORD = ("", "x-oauth-basic", "x-token-auth")


@dataclass(frozen=True)
class Cursor:
    """All records up to ``seq`` are in MLflow.

    Args:
        tracking_uri: masked; None before the first connection.
        run_id: the sweep's (parent) run.
        drained_at: when nothing was left to project, seconds since 1970; None while there is.
        error: why the last attempt failed, one line; None after a success.
        report: DUE, LOGGED or NONE (it could not be built) once the sweep is over or interrupted
            and drained; None before, and where no report is wanted.
    """

    seq: int = -1
    tracking_uri: str | None = None
    experiment_id: str | None = None
    run_id: str | None = None
    drained_at: float | None = None
    error: str | None = None
    report: str | None = None


def cursor_path(home: Home, sweep: str) -> Path:
    return home.sweep(sweep) / "projection.json"


def read_cursor(home: Home, sweep: str) -> Cursor:
    """The sweep's cursor; a missing or broken file means that nothing was projected yet."""
    try:
        body = json.loads(cursor_path(home, sweep).read_text("utf-8"))
        cursor = Cursor(**body)
        return cursor if isinstance(cursor.seq, int) else Cursor()
    except (OSError, ValueError, TypeError):
        return Cursor()


def write_cursor(home: Home, sweep: str, cursor: Cursor) -> None:
    """Replaces the file in one step. Losing it costs time only: projecting twice is harmless."""
    path = cursor_path(home, sweep)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(asdict(cursor)), "utf-8")
    draft.replace(path)


def pending(home: Home, sweep: str, journal: Journal) -> int:
    """The number of records that MLflow does not show yet."""
    return max(0, journal.last(sweep) - read_cursor(home, sweep).seq)


def tracking_uri(home: Home, launch: Launched) -> str:
    """Where the sweep is tracked, as recorded (so without passwords)."""
    recorded = (launch.details.get("mlflow") or {}).get("tracking_uri")
    return str(recorded) if recorded else local_uri(home)


def local_uri(home: Home) -> str:
    """The home's own MLflow database."""
    return f"sqlite:///{home.root / 'mlflow.db'}"


def artifacts(home: Home) -> Path:
    """Where runs of a database without an artifact store of its own keep their files."""
    return home.root / "artifacts"


def mask(uri: str) -> str:
    """The URI with its password, its token and other secrets replaced by ``***``.

    A user name stays, unless it is all that a server gets to know: then it is a token.
    """
    scheme = _SCHEME.match(uri)
    start = scheme.end() if scheme else 0
    end = _credentials_end(uri, start) if scheme else start
    user, colon, password = uri[start:end].removesuffix("@").partition(":")
    masked = ""
    if end > start:
        is_server = uri[:start].lower().startswith("http")
        masked = MASK if is_server and password in _NO_PASSWORD else user
        masked += f":{MASK}@" if password not in _NO_PASSWORD else f"{colon}{password}@"
    return uri[:start] + masked + _SECRET.sub(rf"\1{MASK}", uri[end:])


def _credentials_end(uri: str, start: int) -> int:
    """Where the host begins. A password that should have been quoted may hold anything."""
    authority = re.split("[/?#]", uri[start:], maxsplit=1)[0]
    user, at, host = authority.rpartition("@")
    is_port = at and host.rpartition(":")[2].isdigit()
    if ":" in user or (":" in host and not is_port):
        return max(start, uri.rfind("@") + 1)
    return start + authority.rfind("@") + 1


def is_masked(uri: str) -> bool:
    return MASK in uri


def wait_drained(
    home: Home,
    journal: Journal,
    sweep: str,
    patience: float = 60.0,
    on_progress: Callable[[int], None] | None = None,
    process: subprocess.Popen[bytes] | None = None,
    restart: Callable[[], subprocess.Popen[bytes]] | None = None,
) -> int:
    """Waits until MLflow shows everything, or for ``patience`` seconds without progress.

    Args:
        on_progress: called with the number pending, at first and whenever it has fallen.
        process: the projector; when it has died, ``restart`` is called, once.

    Returns:
        The number of records still pending: 0 when drained.
    """
    least, moved = None, time.monotonic()
    while left := pending(home, sweep, journal):
        if least is None or left < least:
            least, moved = left, time.monotonic()
            if on_progress is not None:
                on_progress(left)
        if time.monotonic() - moved > patience:
            return left
        if process is not None and restart is not None and process.poll() is not None:
            process, restart = restart(), None
        time.sleep(0.1)
    return 0


def wait_reported(
    home: Home,
    sweep: str,
    patience: float,
    process: subprocess.Popen[bytes] | None = None,
    restart: Callable[[], subprocess.Popen[bytes]] | None = None,
) -> bool:
    """Waits for the report of a sweep that has drained, for ``patience`` seconds at most.

    Args:
        process, restart: as for ``wait_drained``.

    Returns:
        Whether nothing more will come: it is there, could not be built, or is not wanted.
    """
    until = time.monotonic() + patience
    while read_cursor(home, sweep).report == DUE:
        if time.monotonic() > until:
            return False
        if process is not None and restart is not None and process.poll() is not None:
            process, restart = restart(), None
        time.sleep(0.1)
    return True
