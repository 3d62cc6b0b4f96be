"""Ray as others may have left it: imported before us."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.long
def test_a_process_that_imported_ray_before_starts_a_closed_cluster():
    code = (
        "import ray, os\n"
        "from cluster.ray_session import RaySession\n"
        "session = RaySession(None)\n"
        "assert session.open()['CPU'] >= 1\n"
        "print(os.environ['RAY_AUTH_MODE'])\n"
        "session.close()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.split() == ["token"], run.stderr
