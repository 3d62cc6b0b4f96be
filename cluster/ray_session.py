"""Starting or joining Ray, quietly and closed to others."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lanewise.cluster.errors import ClusterError, RayGoneError
from lanewise.cluster.ray_alive import FarGcs, LocalParts
from lanewise.cluster.ray_token import keep_token

# Read by Ray and its children when they start. Usage reports leave the machine, so they are off.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Tune's actors have an environment of their own, so workers started ahead of them are useless.
    "RAY_prestart_worker_first_driver": "0",
    # Processes that look for each other's sockets look again after 50 ms and not after a second.
    "RAY_raylet_client_connect_timeout_milliseconds": "50",
    "RAY_raylet_client_num_connect_attempts": "200",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # the worker goes to where the command was given
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # the journal is what a sweep is resumed from
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",  # else Tune restarts such a trial by itself
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "3600",
}


# Read as Ray is imported; set later it would hold for Ray's processes and not for this one. Where
# Ray is imported already, it closes a local cluster by itself.
_BEFORE_IMPORT = {"RAY_AUTH_MODE": "token"}


class RaySession:
    """A local Ray of our own, or a cluster that others started.

    Args:
        address: of a running cluster (``auto``, ``host:port``); None starts a local one.

    Attributes:
        is_ours: this session has connected, rather than found the process connected.
        is_gone: Ray's own processes are; nothing may be asked of it any more.
    """

    def __init__(self, address: str | None) -> None:
        self.address = address
        self.is_ours = False
        self.is_gone = False
        self._parts: LocalParts | FarGcs | None = None

    def open(self) -> dict[str, float]:
        """Connects; returns the resources of the whole cluster.

        Raises:
            ClusterError: no cluster answers there, or the token is wrong.
        """
        wanted = _ENVIRONMENT if "ray" in sys.modules else _ENVIRONMENT | _BEFORE_IMPORT
        for key, value in wanted.items():
            os.environ.setdefault(key, value)
        import ray

        if not ray.is_initialized():
            self._connect(ray)
            self.is_ours = True
        self._parts = self._find_parts(ray)
        resources: dict[str, float] = ray.cluster_resources()
        return resources

    def _connect(self, ray: Any) -> None:
        _check_answers(self.address)
        is_local = self.address is None
        if os.environ.get("RAY_AUTH_MODE", "token").lower() == "token":
            keep_token(create=is_local)
        try:
            with _on_loopback() if is_local else contextlib.nullcontext():
                ray.init(
                    address=self.address or "local",
                    include_dashboard=False if is_local else None,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                )
        except Exception as error:  # Ray raises many kinds: ConnectionError, RuntimeError, ...
            where = self.address or "a local cluster"
            raise ClusterError(f"ray: cannot reach {where}: {_first_line(error)}") from error

    def _find_parts(self, ray: Any) -> LocalParts | FarGcs | None:
        if self.address is None and self.is_ours:
            return LocalParts()
        address = str(ray.get_runtime_context().gcs_address)
        return FarGcs(address) if ":" in address else None

    def check(self) -> None:
        """Looks whether Ray is there; cheap, to be called again and again.

        Raises:
            RayGoneError: its GCS or its raylet is.
        """
        try:
            if self._parts is not None:
                self._parts.check()
        except RayGoneError:
            self.is_gone = True
            raise

    def close(self) -> None:
        """Leaves the cluster, and ends it if it is our own."""
        if self.is_ours:
            import ray

            with _nothing_collected():
                ray.shutdown()
            self.is_ours = False


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Inside, a Ray that starts takes the loopback address for its node's, and listens there alone.

    Ray does so where it thinks that there can be no cluster, as on macOS. It turns the address
    into one that others can reach if it is only told it.
    """
    from ray._private import ray_constants

    before = getattr(ray_constants, "ENABLE_RAY_CLUSTER", None)
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Inside, Python's collector rests; just before, it collects all that it can.

    It works in whichever thread has just made something. Where that meets a reference of Ray's
    while the main thread shuts Ray down, Ray ends the process, and its exit code is 1.
    """
    was_on = gc.isenabled()
    gc.disable()
    gc.collect()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def quiet(folder: Path) -> Iterator[None]:
    """Sends what Ray prints and logs in this process to a file: standard output is for results."""
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / "ray.log"
    # Whatever the locale's encoding is: Ray draws tables.
    with (
        log_file.open("a", encoding="utf-8", errors="backslashreplace") as log,
        contextlib.redirect_stdout(log),
    ):
        handler = logging.StreamHandler(log)
        logger = logging.getLogger("ray")
        kept, logger.handlers, logger.propagate = logger.handlers, [handler], False
        try:
            yield
        finally:
            logger.handlers = kept


def _check_answers(address: str | None) -> None:
    """Knocks at ``host:port`` first: Ray aborts the whole process where nothing listens."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or "/" in host or not port.isdigit():
        return  # local, `auto`, or a ray:// address, of which Ray raises what is wrong
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as error:
        raise ClusterError(f"ray: cannot reach {address}: {error}") from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
