"""Projects one sweep here and now (``lanewise sync``)."""

from __future__ import annotations

import time

from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.service import (
    POLL,
    find_launch,
    known_uri,
    open_journal,
    projector_lock,
    quiet,
)
from lanewise.dashboards.state import pending, tracking_uri
from lanewise.dashboards.tail import Tail
from lanewise.search.home import Home


def drain(
    home: Home,
    sweep: str,
    rebuild: bool = False,
    *,
    uri: str | None = None,
    attempts: int = 3,
    wait: float = 10.0,
) -> int:
    """Projects one sweep here and now, until nothing is left (``lanewise sync``).

    Args:
        rebuild: ignore the cursor; project everything into whatever MLflow (still) has.
        uri: the tracking URI with its password, for a sweep that was recorded without.
        wait: seconds to wait for a projector at work.

    Returns:
        The number of records still pending: those that were written meanwhile.

    Raises:
        ProjectionError: MLflow did not take it; what was sent stays, what was not is pending.
        LockedError: a projector is at work, and does the same.
    """
    quiet()
    with open_journal(home) as journal:
        launch = find_launch(journal, sweep)
        uri = uri or known_uri(home, launch)
        if uri is None:
            raise ProjectionError(
                f"{tracking_uri(home, launch)}: the password is not in the journal; give the "
                "tracking URI again"
            )
        with projector_lock(home, wait, launch):
            tail = Tail(home, journal, launch, uri, rebuild=rebuild, at_once=True)
            _drain(tail, attempts)
        return pending(home, sweep, journal)


def _drain(tail: Tail, attempts: int) -> None:
    try:
        while tail.attempt() or not tail.is_idle:
            if tail.failures >= attempts:
                raise ProjectionError(tail.cursor.error or "MLflow did not answer")
            pause = POLL if tail.is_drained else 0.01
            time.sleep(max(0.0, tail.retry_at - time.monotonic()) + pause)
    finally:
        tail.close()
