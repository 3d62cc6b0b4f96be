"""Projects one sweep here and now (``lanewise sync``)."""

from __future__ import annotations

import time

from lanewise.dashboards.errors import ProjectionError
from lanewise.dashboards.handover import taken_over
from lanewise.dashboards.service import POLL, find_launch, known_uri, open_journal, quiet
from lanewise.dashboards.state import lock_path, pending, tracking_uri
from lanewise.dashboards.tail import Tail
from lanewise.search.store.home import Home


def drain(
    home: Home,
    sweep: str,
    rebuild: bool = False,
    *,
    uri: str | None = None,
    attempts: int = 3,
) -> int:
    """Projects one sweep here and now, until nothing is left (``lanewise sync``).

    A projector that is at work, or waits in vain, leaves its work to this.

    Args:
        rebuild: ignore the cursor; project everything into whatever MLflow (still) has.
        uri: the tracking URI with its password, for a sweep that was recorded without, or that of
            another MLflow.

    Returns:
        The number of records still pending: those that were written meanwhile.

    Raises:
        ProjectionError: MLflow did not take it; what was sent stays, what was not is pending.
        LockedError: another ``sync`` is at work, or a projector on another machine.
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
        lock = lock_path(home, tracking_uri(home, launch))
        with taken_over(lock, "the projection to MLflow") as killed:
            tail = Tail(home, journal, launch, uri, rebuild=rebuild, at_once=True)
            if killed:
                tail.doubt()
            _drain(tail, attempts, journal.last(sweep))
        return pending(home, sweep, journal)


def _drain(tail: Tail, attempts: int, upto: int) -> None:
    """Until the sweep is shown as far as it had come, even if it goes on meanwhile."""
    try:
        while tail.attempt() or not tail.is_shown:
            if tail.failures >= attempts or tail.is_hopeless:
                raise ProjectionError(tail.cursor.error or "MLflow did not answer")
            if tail.is_running and tail.cursor.seq >= upto:
                return
            pause = POLL if tail.is_drained else 0.01
            time.sleep(max(0.0, tail.retry_at - time.monotonic()) + pause)
    finally:
        tail.close()
