"""How far MLflow has followed the journal: the cursor file of each sweep. Never imports MLflow."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lanewise.search.core.events import Launched
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal

# How a launcher hands a tracking URI with a password to its projector; journals hold it masked.
URI_VARIABLE = "LANEWISE_TRACKING_URI"
MASK = "***"

_READ_OTHERWISE = re.compile(r"[?#%]")

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
        tracking_uri: masked; None before the first connection, and for the home's own database.
        run_id: the sweep's (parent) run.
        drained_at: when nothing was left to project, seconds since 1970; None while there is.
        error: why the last attempt failed, one line; None after a success.
        hopeless_at: when that was, where waiting does not help (seconds since 1970); else None.
        report: DUE, LOGGED or NONE (it could not be built) once the sweep is over or interrupted
            and drained; None before, and where no report is wanted.
        has_view: the experiment has the view of the sweep's trials.
    """

    seq: int = -1
    tracking_uri: str | None = None
    experiment_id: str | None = None
    run_id: str | None = None
    drained_at: float | None = None
    error: str | None = None
    hopeless_at: float | None = None
    report: str | None = None
    has_view: bool = False


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
    return f"sqlite:///{local_file(home)}"


def local_file(home: Home) -> Path:
    """The file of the home's own MLflow database, by a path that a URL can hold as it is."""
    return _plain(home.root) / "mlflow.db"


def _plain(folder: Path) -> Path:
    """The folder, or a link to it where its path has what URLs read otherwise.

    Releases of SQLAlchemy and MLflow disagree on how such a path is to be quoted.
    """
    if not _READ_OTHERWISE.search(str(folder)):
        return folder
    links = Path(tempfile.gettempdir())
    links = (Path("/tmp") if _READ_OTHERWISE.search(str(links)) else links) / (
        f"lanewise-{os.getuid()}"
    )
    links.mkdir(mode=0o700, exist_ok=True)
    if links.is_symlink() or links.stat().st_uid != os.getuid():
        raise SearchError(f"{links} belongs to somebody else; MLflow's links are to be made there")
    link = links / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    if not link.is_symlink() or os.readlink(link) != str(folder):
        draft = link.with_suffix(f".{os.getpid()}")
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder)
        draft.replace(link)
    return link


def shown_uri(home: Home, launch: Launched, cursor: Cursor) -> str:
    """Where the sweep is shown, as people may read it (so without passwords)."""
    shown = cursor.tracking_uri
    if shown is None or (shown.startswith("sqlite:") and is_own(launch) and not _is_there(shown)):
        return tracking_uri(home, launch)  # a home that has moved took its database along
    return shown


def is_own(launch: Launched) -> bool:
    """Whether the sweep is to be shown in the database of its home."""
    return not (launch.details.get("mlflow") or {}).get("tracking_uri")


def _is_there(uri: str) -> bool:
    return Path(uri.removeprefix("sqlite:///").partition("?")[0]).exists()


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


def lock_path(home: Home, uri: str | None) -> Path:
    """The lock of the projector that writes to a URI: one a home, and one more for each address
    whose password only its own processes know.
    """
    if uri is None or not is_masked(mask(uri)):
        return home.root / "locks" / "projector.lock"
    return home.root / "locks" / f"projector-{zlib.crc32(mask(uri).encode()):08x}.lock"


def wait_drained(
    home: Home,
    journal: Journal,
    sweep: str,
    patience: float = 60.0,
    on_progress: Callable[[int], None] | None = None,
    keep_alive: Callable[[], object] = lambda: None,
    since: float | None = None,
) -> int:
    """Waits until MLflow shows everything, or for ``patience`` seconds without progress.

    Args:
        on_progress: called with the number pending, at first and whenever it has fallen.
        keep_alive: called again and again; it starts a projector where there is none.
        since: seconds since 1970; a reason found after that, which no waiting helps against, ends
            the wait. None: from now on.

    Returns:
        The number of records still pending: 0 when drained.
    """
    least, moved = None, time.monotonic()
    since = time.time() if since is None else since
    while left := pending(home, sweep, journal):
        if least is None or left < least:
            least, moved = left, time.monotonic()
            if on_progress is not None:
                on_progress(left)
        if time.monotonic() - moved > patience or is_hopeless(read_cursor(home, sweep), since):
            return left
        keep_alive()
        time.sleep(0.1)
    return 0


def is_hopeless(cursor: Cursor, since: float) -> bool:
    """Whether the projection met a reason after ``since`` that no waiting helps against."""
    return cursor.hopeless_at is not None and cursor.hopeless_at >= since


def wait_reported(
    home: Home, sweep: str, patience: float, keep_alive: Callable[[], object] = lambda: None
) -> bool:
    """Waits for the report of a sweep that has drained, for ``patience`` seconds at most.

    Args:
        keep_alive: as for ``wait_drained``.

    Returns:
        Whether nothing more will come: it is there, could not be built, or is not wanted.
    """
    until = time.monotonic() + patience
    while read_cursor(home, sweep).report == DUE:
        if time.monotonic() > until:
            return False
        keep_alive()
        time.sleep(0.1)
    return True
