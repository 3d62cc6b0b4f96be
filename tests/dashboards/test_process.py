"""The projector as a process: it drains, waits for its lock, outlives Ctrl-C, and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from lanewise.dashboards import launcher
from lanewise.dashboards.state import pending, read_cursor, wait_drained
from lanewise.search.locks import FileLock

pytestmark = pytest.mark.usefixtures("new_database")


@pytest.fixture
def start(lab):
    """Starts projectors that end with the test."""
    started = []

    def begin(env=None):
        started.append(launcher.start(lab.home, env))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def test_two_processes_drain_each_sweep_once_and_end(lab, start):
    first = start()
    second = start()
    lab.write(lab.simulated(5))
    left = wait_drained(lab.home, lab.journal, "s1", process=first, restart=start)
    assert left == 0
    assert first.wait(30) == 0
    assert second.wait(30) == 0
    assert len(lab.runs()[1]) == 5
    assert read_cursor(lab.home, "s1").drained_at is not None


def test_a_spare_process_serves_the_home_that_it_is_given(lab):
    lab.write(lab.simulated(2))
    with launcher.warmed(lab.home, None):
        spare = launcher._SPARES[-1]
        process = launcher.start(lab.home, {"LANEWISE_TEST": "1"})
        assert process is spare
    try:
        assert wait_drained(lab.home, lab.journal, "s1", process=process) == 0
        assert process.wait(30) == 0
        assert (lab.home.root / "projector.log").exists()
    finally:
        process.kill()
        process.wait()


def test_a_spare_process_that_nobody_needs_ends_and_touches_nothing(lab):
    before = sorted(lab.home.root.rglob("*"))
    with launcher.warmed(lab.home, None):
        spare = launcher._SPARES[-1]
    assert spare.poll() is not None
    assert sorted(lab.home.root.rglob("*")) == before


def test_a_spare_process_ends_with_a_launcher_that_is_killed():
    code = (
        "import os, signal\nfrom dashboards import launcher\n"
        "from lanewise.search.home import Home\n"
        "with launcher.warmed(Home.find(), None):\n"
        "    print(launcher._SPARES[-1].pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    dead = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    spare = int(dead.stdout)
    deadline = time.monotonic() + 30
    while _lives(spare) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(spare)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_dead_spare_process_is_no_loss(lab):
    lab.write(lab.simulated(1))
    with launcher.warmed(lab.home, None):
        spare = launcher._SPARES[-1]
        spare.kill()
        spare.wait()
        process = launcher.start(lab.home)
        assert process is not spare
    try:
        assert wait_drained(lab.home, lab.journal, "s1", process=process) == 0
    finally:
        process.kill()
        process.wait()


def test_it_outlives_ctrl_c_and_serves_while_a_controller_lives(lab, start):
    with lab.home.controller_lock("s1"):
        lab.write(lab.simulated(3))
        process = start()
        assert wait_drained(lab.home, lab.journal, "s1") == 0
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        lab.write(lab.simulated(2, sweep="s2"), "s2")
        assert wait_drained(lab.home, lab.journal, "s2") == 0
    assert process.wait(30) == 0
    assert os.path.getsize(lab.home.root / "projector.log") < 10_000


def test_who_waits_notices_that_the_projector_died(lab):
    """It starts another one, once, and gives up after its patience."""
    lab.write(lab.simulated(2))
    begun = []

    def dead():
        begun.append(subprocess.Popen([sys.executable, "-c", ""]))
        begun[-1].wait()
        return begun[-1]

    first = dead()
    said = []
    left = wait_drained(lab.home, lab.journal, "s1", 0.5, said.append, first, dead)
    assert left == pending(lab.home, "s1", lab.journal) == said[0]
    assert len(begun) == 2


def test_a_sync_beside_a_projector_says_so(lab):
    from lanewise.search.errors import LockedError

    lab.write(lab.simulated(2))
    with (
        FileLock(lab.home.root / "locks" / "projector.lock", "test"),
        pytest.raises(LockedError),
    ):
        lab.drain(wait=0.1)
