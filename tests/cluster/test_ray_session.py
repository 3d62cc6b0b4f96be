"""Ray as others may have left it, and as we leave it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lanewise.cluster.listening import is_loopback, open_to_others

LISTEN = """
import os, stat, sys
from pathlib import Path
if {imported}:
    import ray
from lanewise.cluster.listening import open_to_others
from lanewise.cluster.ray_session import RaySession
session = RaySession(None)
assert session.open()["CPU"] >= 1
import ray

@ray.remote
class Worker:
    def answer(self):
        return os.getpid()

workers = [Worker.remote() for _ in range(1)]
assert all(ray.get([worker.answer.remote() for worker in workers]))
path = Path.home() / ".ray" / "auth_token"
print(os.environ["RAY_AUTH_MODE"])
print(oct(stat.S_IMODE(path.stat().st_mode)), oct(stat.S_IMODE(path.parent.stat().st_mode)))
print(open_to_others())
session.close()
"""


@pytest.mark.long
@pytest.mark.parametrize("imported", [False, True])
def test_a_local_cluster_is_for_nobody_else(imported: bool, tmp_path: Path) -> None:
    """Also where everybody could read the token, and where Ray was imported before."""
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir(mode=0o755)
    token.write_text("a" * 64)
    token.chmod(0o644)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LISTEN.format(imported=imported)],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert run.stdout.splitlines() == ["token", "0o600 0o700", "[]"], run.stderr


def test_whoever_listens_for_others_is_named() -> None:
    code = "import socket\nwith socket.create_server(('{}', 0)):\n  print(flush=True)\n  input()"
    for host, is_named in [("0.0.0.0", True), ("127.0.0.1", False)]:
        words = [sys.executable, "-c", code.format(host)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            process.stdout.readline()
            places = open_to_others(process.pid)
            process.stdin.write(b"\n")
        assert len(places) == is_named
        assert all("0.0.0.0:" in place for place in places)


@pytest.mark.parametrize(
    ("ip", "is_one"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::", False),
        ("0.0.0.0", False),
        ("::ffff:10.0.0.1", False),
        ("192.0.2.2", False),
    ],
)
def test_a_loopback_address_is_one_in_every_form(ip: str, is_one: bool) -> None:
    assert is_loopback(ip) is is_one


@pytest.mark.long
def test_references_that_another_thread_collects_meanwhile_do_not_end_the_process():
    code = (
        "import gc, threading, time\n"
        "from lanewise.cluster.ray_session import RaySession\n"
        "session = RaySession(None)\n"
        "session.open()\n"
        "import ray\n"
        "refs = [ray.put(number) for number in range(3000)]\n"
        "gc.set_threshold(20)\n"
        "def drop():\n"
        "    while refs:\n"
        "        ring = [refs.pop()]\n"
        "        ring.append(ring)\n"
        "        time.sleep(1e-4)\n"
        "threading.Thread(target=drop, daemon=True).start()\n"
        "session.close()\n"
        "print('closed', gc.isenabled())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "closed True\n"), run.stderr
