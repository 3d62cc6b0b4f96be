"""The projector as a process: it drains, waits for its lock, outlives Ctrl-C, and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from lanewise.dashboards import handover, launcher
from lanewise.dashboards.state import (
    Cursor,
    lock_path,
    pending,
    read_cursor,
    wait_drained,
    write_cursor,
)
from lanewise.search.errors import LockedError
from lanewise.search.store.locks import FileLock, is_locked

pytestmark = pytest.mark.usefixtures("new_database")


@pytest.fixture
def start(lab):
    """Starts projectors that end with the test."""
    started = []

    def begin():
        if (process := launcher.start(lab.home)) is not None:
            started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.long
def test_two_processes_drain_each_sweep_once_and_end(lab, start):
    first = start()
    second = start()
    lab.write(lab.simulated(5))
    left = wait_drained(lab.home, lab.journal, "s1")
    assert left == 0
    assert first.wait(30) == 0
    assert second.wait(30) == 0
    assert len(lab.runs()[1]) == 5
    assert read_cursor(lab.home, "s1").drained_at is not None


@pytest.mark.long
def test_a_spare_process_serves_the_home_that_it_is_given(lab):
    lab.write(lab.simulated(2))
    with launcher.warmed(lab.home, None):
        spare = launcher._SPARES[-1]
        process = launcher.start(lab.home, env={"LANEWISE_TEST": "1"})
        assert process is spare
    try:
        assert wait_drained(lab.home, lab.journal, "s1") == 0
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
        "import os, signal\nfrom lanewise.dashboards import launcher\n"
        "from lanewise.search.store.home import Home\n"
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


@pytest.mark.long
def test_a_dead_spare_process_is_no_loss(lab):
    lab.write(lab.simulated(1))
    with launcher.warmed(lab.home, None):
        spare = launcher._SPARES[-1]
        spare.kill()
        spare.wait()
        process = launcher.start(lab.home)
        assert process is not spare
    try:
        assert wait_drained(lab.home, lab.journal, "s1") == 0
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


@pytest.mark.long
def test_one_that_is_at_work_is_joined_by_no_other(lab, start):
    """Sweep after sweep in one process: one projector serves them all, and no spare is made."""
    with lab.home.controller_lock("s0"):
        process = start()
        wait_until(lambda: is_locked(lock_path(lab.home, None)))
        for number in range(3):
            with launcher.warmed(lab.home, None):
                assert not launcher._SPARES
                assert start() is None
                lab.write(lab.simulated(1, sweep=f"s{number}"), f"s{number}")
            assert wait_drained(lab.home, lab.journal, f"s{number}") == 0
        assert process.poll() is None
    assert process.wait(30) == 0


@pytest.mark.long
def test_one_that_finds_another_at_work_ends(lab):
    with FileLock(lock_path(lab.home, None), "test"):
        process = launcher._spawn(lab.home, {})
        assert process.wait(60) == 0


def wait_until(happened):
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("given", ["http://me:{}@host:1", "http://me@host:1?token={}"])
def test_an_address_with_a_password_has_a_lock_of_its_own_that_does_not_tell_it(lab, given):
    one, two = (lock_path(lab.home, given.format(secret)) for secret in ("hunter2", "other"))
    assert one == two != lock_path(lab.home, None)
    assert lock_path(lab.home, "http://host:1") == lock_path(lab.home, None)


def test_who_waits_looks_after_the_projector_and_gives_up(lab):
    lab.write(lab.simulated(2))
    looks, said = [], []
    left = wait_drained(lab.home, lab.journal, "s1", 0.5, said.append, lambda: looks.append(1))
    assert left == pending(lab.home, "s1", lab.journal) == said[0]
    assert len(looks) > 1


def test_a_reason_that_no_waiting_helps_against_ends_the_wait(lab):
    lab.write(lab.simulated(2))
    old = Cursor(error="deleted", hopeless_at=time.time() - 60)
    write_cursor(lab.home, "s1", old)
    began = time.monotonic()

    def fail():  # found anew
        write_cursor(lab.home, "s1", replace(old, hopeless_at=time.time()))

    assert wait_drained(lab.home, lab.journal, "s1", 200, keep_alive=fail) > 0
    assert time.monotonic() - began < 100


@pytest.mark.long
def test_sync_takes_over_from_a_projector(lab, start):
    """It is asked to end, and does; the one that a sync takes over from may be at work or wait."""
    with lab.home.controller_lock("s1"):
        lab.write(lab.simulated(3)[:-3])
        process = start()
        wait_until(lambda: read_cursor(lab.home, "s1").run_id)
        assert lab.drain(rebuild=True) == 0
        assert process.wait(30) == 0
        again = start()
        lab.write(lab.simulated(3)[-3:])
        assert wait_drained(lab.home, lab.journal, "s1") == 0
    assert again.wait(30) == 0
    assert len(lab.runs()[1]) == 3


@pytest.mark.long
def test_sync_ends_a_projector_that_does_not_answer(lab, start, monkeypatch):
    monkeypatch.setattr(handover, "PATIENCE", 0.5)
    with lab.home.controller_lock("s1"):
        process = start()
        lock = lock_path(lab.home, None)
        wait_until(lambda: lock.exists() and lock.read_text())
        process.send_signal(signal.SIGSTOP)
        lab.write(lab.simulated(1))
        assert lab.drain() == 0
    assert process.wait(30) == -signal.SIGKILL


def test_two_syncs_do_not_end_each_other(lab, monkeypatch):
    monkeypatch.setattr(handover, "PATIENCE", 0.2)
    lab.write(lab.simulated(2))
    lock = lock_path(lab.home, None)
    with handover.taken_over(lock, "test"), pytest.raises(LockedError, match="another process"):
        lab.drain()
    elsewhere = json.dumps({"pid": 1, "host": "far.example.com"})
    with FileLock(lock, "test"):
        lock.write_text(elsewhere)
        with pytest.raises(LockedError, match=r"far\.example\.com"):
            lab.drain()
