"""Ray's own processes are missed when they are gone, and not before."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lanewise.cluster.errors import ClusterError
from lanewise.cluster.ray_alive import EVERY, PATIENCE, FarGcs, LocalParts


@pytest.mark.parametrize("name", ["gcs_server", "raylet"])
def test_a_part_that_has_ended_is_named(name: str, tmp_path: Path) -> None:
    """Also while nobody has asked how it ended: then it is a zombie."""
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "100"]) as process:
        assert process.poll() is None
        parts = LocalParts()
        parts.check()
        process.kill()
        for _ in range(2):
            with pytest.raises(ClusterError, match=rf"^ray: its \w+ \(process {process.pid}\) has"):
                check_again_and_again(parts)
            process.wait()


def check_again_and_again(parts: LocalParts) -> None:
    """A process that is killed ends a moment later."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        parts.check()


def test_other_children_are_nobodys_business() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        parts = LocalParts()
        process.kill()
        process.wait()
        parts.check()


def test_a_far_gcs_is_given_up_once_it_is_silent_for_long() -> None:
    now = 0.0
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        gcs = FarGcs(f"127.0.0.1:{port}", clock=lambda: now)
        now += PATIENCE
        gcs.check()
        last = now
    while now - last + EVERY < PATIENCE:  # it may be restarted
        now += EVERY
        gcs.check()
    with socket.create_server(("127.0.0.1", port)):  # as it is here
        now += EVERY
        gcs.check()
        last = now
    while now - last + EVERY < PATIENCE:
        now += EVERY
        gcs.check()
    now += EVERY
    with pytest.raises(ClusterError, match=rf"GCS at 127.0.0.1:{port} has not answered for 40 s"):
        gcs.check()
