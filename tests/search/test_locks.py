"""Locks between processes, and the home's use of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from lanewise.search.errors import JournalError, LockedError
from lanewise.search.store.home import Home
from lanewise.search.store.locks import FileLock, is_locked

HOLD = """
import sys
from pathlib import Path
from lanewise.search.store.locks import FileLock

with FileLock(Path(sys.argv[1]), "x"):
    print("held", flush=True)
    sys.stdin.readline()
print("free", flush=True)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "locks" / "s1.lock"


@pytest.fixture
def holder(path):
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_that_another_process_holds_is_refused(holder, path):
    assert is_locked(path)
    with (
        pytest.raises(LockedError, match=r"^sweep s1 is in use by another process$"),
        FileLock(path, "sweep s1"),
    ):
        pass


def test_a_lock_dies_with_its_holder(holder, path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not is_locked(path)
    with FileLock(path, "sweep s1"):
        assert is_locked(path)


def test_a_lock_that_is_given_back_can_be_waited_for(holder, path):
    holder.stdin.write("go\n")
    holder.stdin.flush()
    with FileLock(path, "sweep s1", wait=60):
        assert holder.stdout.readline() == "free\n"


def test_a_lock_holds_between_threads_of_one_process_too(path):
    with FileLock(path, "it"), pytest.raises(LockedError), FileLock(path, "it"):
        pass


def test_an_error_inside_gives_the_lock_back(path):
    with pytest.raises(ZeroDivisionError), FileLock(path, "it"):
        raise ZeroDivisionError
    assert not is_locked(path)
    assert path.exists()  # a lock file that was deleted could be held twice


def test_asking_for_a_lock_that_never_was_makes_no_file(path):
    assert not is_locked(path)
    assert not path.exists()


def test_a_lock_can_be_taken_again_and_again(path):
    lock = FileLock(path, "it")
    for _ in range(3):
        with lock:
            assert is_locked(path)
        assert not is_locked(path)


def test_a_home_knows_which_sweeps_have_a_controller(tmp_path):
    home = Home(tmp_path)
    assert not home.has_controller("s1")
    with home.controller_lock("s1"):
        assert home.has_controller("s1")
        assert not home.has_controller("s2")
        with (
            pytest.raises(LockedError, match=r"^sweep s1 is in use by another process$"),
            home.controller_lock("s1"),
        ):
            pass
    assert not home.has_controller("s1")


def test_a_home_is_given_or_of_the_environment_or_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LANEWISE_HOME", raising=False)
    assert Home.find().root == tmp_path / ".lanewise"
    monkeypatch.setenv("LANEWISE_HOME", "elsewhere")
    assert Home.find().root == tmp_path / "elsewhere"
    assert Home.find("/given").root.as_posix() == "/given"


def test_a_lock_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "locks" / "s1.lock"
    with pytest.raises(JournalError, match=rf"^{re.escape(str(path))}: Not a directory$"):
        FileLock(path, "it").__enter__()
    assert not is_locked(path)
