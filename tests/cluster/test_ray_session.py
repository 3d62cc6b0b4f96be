"""Ray as others may have left it, and as we leave it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.long
def test_a_process_that_imported_ray_before_starts_a_closed_cluster():
    code = (
        "import ray, os\n"
        "from lanewise.cluster.ray_session import RaySession\n"
        "session = RaySession(None)\n"
        "assert session.open()['CPU'] >= 1\n"
        "print(os.environ['RAY_AUTH_MODE'])\n"
        "session.close()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.split() == ["token"], run.stderr


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
