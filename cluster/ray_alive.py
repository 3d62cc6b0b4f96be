"""Whether Ray's own processes are there: without them nothing comes back any more.

Ray says nothing for a minute when its GCS is gone, and then ends the whole driver from native code.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lanewise.cluster.errors import RayGoneError

if TYPE_CHECKING:
    import psutil

PARTS = {"gcs_server": "GCS", "raylet": "raylet"}  # of a local cluster: process -> what it is
EVERY = 5.0  # seconds between two knocks at the GCS of another cluster
# Seconds after which one that does not answer is gone: it may be restarted, but Ray gives up at 60.
PATIENCE = 40.0


class LocalParts:
    """The GCS and the raylet that this process has started."""

    def __init__(self) -> None:
        import psutil

        children = psutil.Process().children()
        self._parts = {p.name(): p for p in children if p.name() in PARTS}

    def check(self) -> None:
        """Raise RayGoneError when one has ended."""
        for name, process in self._parts.items():
            if not _is_alive(process):
                raise RayGoneError(
                    f"ray: its {PARTS[name]} (process {process.pid}) has ended, killed or crashed; "
                    "the sweep can be resumed"
                )


def _is_alive(process: psutil.Process) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class FarGcs:
    """The GCS of a cluster that others started, at ``host:port``."""

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._clock = clock
        self._knocked = self._answered = clock()

    def check(self) -> None:
        """Raise RayGoneError when it has not answered for long. Knocks from time to time."""
        now = self._clock()
        if now - self._knocked < EVERY:
            return
        self._knocked = now
        host, _, port = self._address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError as error:
            if now - self._answered >= PATIENCE:
                raise RayGoneError(
                    f"ray: the cluster's GCS at {self._address} has not answered for "
                    f"{now - self._answered:.0f} s ({error.strerror or error}); the sweep can be "
                    "resumed"
                ) from error
        else:
            self._answered = now
