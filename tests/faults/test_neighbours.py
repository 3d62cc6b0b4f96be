"""Ray's own processes die, another user looks around, the home cannot be written: one line each."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from commandline import Lanewise, command
from harness import DIGITS, SWEEP, TRIALS, check_all, records, view_of, wait_until

pytestmark = pytest.mark.long


@pytest.mark.parametrize("part", ["gcs_server", "raylet"])
@pytest.mark.parametrize(("executor", "sweep"), [("packed", DIGITS), ("tune", SWEEP)])
def test_where_rays_own_process_dies_the_command_says_so_and_the_sweep_resumes(
    executor: str, sweep: str, part: str, lanewise: Lanewise
) -> None:
    lanewise.write("killed.yaml", sweep)
    process = lanewise.start("run", "killed.yaml", "--quiet", "--executor", executor)
    wait_until(lambda: records(lanewise.home) >= 12, process)
    (victim,) = [each for each in psutil.Process(process.pid).children() if each.name() == part]
    victim.kill()
    assert process.wait(timeout=120) == 4
    said = (lanewise.folder / "stderr").read_text()
    (line,) = said.splitlines()
    assert line.startswith("lanewise: ray: its ")
    assert f"(process {victim.pid}) has ended" in line
    before = view_of(lanewise, "killed")
    assert not [trial for trial in before.history if trial.failures]  # it is no fault of theirs
    assert lanewise.json("resume", "killed", "--executor", "inline")["status"] == "done"
    check_all(lanewise, "killed", before, TRIALS)


def as_nobody(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as another user of this machine."""
    nobody = pwd.getpwnam("nobody")
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
def test_another_user_can_neither_read_the_token_nor_reach_the_cluster_from_elsewhere(
    lanewise: Lanewise,
) -> None:
    user = lanewise.folder / "user"
    (user / ".ray").mkdir(parents=True, mode=0o755)
    token = user / ".ray" / "auth_token"
    token.write_text("b" * 64)
    token.chmod(0o644)
    for folder in (user, *user.parents):  # pytest's own are its owner's alone
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    assert as_nobody("cat", str(token)).stdout == "b" * 64
    lanewise.write("killed.yaml", SWEEP)
    process = lanewise.start("run", "killed.yaml", "--executor", "packed", HOME=str(user))
    wait_until(lambda: records(lanewise.home) >= 4, process)
    read = as_nobody("cat", str(token))
    assert read.returncode != 0
    assert "b" * 64 not in read.stdout
    listening = [
        connection.laddr.ip
        for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children(True))
        for connection in each.net_connections("inet")
        if connection.status == "LISTEN"
    ]
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
    assert process.wait(timeout=200) == 0


READERS = [["ls"], ["show"], ["best"], ["watch", "--json"], ["report"], ["best", "--out", "x.yaml"]]
WRITERS = [
    ["run", "killed.yaml", "--new", "--quiet"],
    ["resume", "--quiet"],
    ["stop"],
    ["sync"],
]


@pytest.fixture
def read_only(lanewise: Lanewise) -> Lanewise:
    """A home on a file system that nobody can write to, with a sweep that was left."""
    lanewise.write("killed.yaml", SWEEP)
    process = lanewise.start("run", "killed.yaml", "--executor", "inline", "--quiet")
    wait_until(lambda: records(lanewise.home) >= 8, process)
    process.kill()
    process.wait()
    wait_until(lambda: not projectors(lanewise.home))
    mounts = [["--bind", str(lanewise.home)], ["-o", "remount,ro,bind"]]
    for options in mounts:
        done = subprocess.run(["mount", *options, str(lanewise.home)], capture_output=True)
        if done.returncode:
            pytest.skip("needs the right to mount")
    return lanewise


@pytest.fixture(autouse=True)
def unmounted(lanewise: Lanewise) -> object:
    yield
    subprocess.run(["umount", "--lazy", str(lanewise.home)], capture_output=True)


def projectors(home: Path) -> list[psutil.Process]:
    found = []
    for each in psutil.process_iter(["cmdline"]):
        words = each.info["cmdline"] or []
        if "lanewise.dashboards.projector" in words and str(home) in words:
            found.append(each)
    return found


def test_a_home_that_cannot_be_written_is_one_line(read_only: Lanewise) -> None:
    for words in (*READERS, *WRITERS):
        done = read_only.run(*words)
        assert "Traceback" not in done.stderr, (words, done.stderr)
        if words in WRITERS or done.returncode:
            assert done.returncode in (2, 4), (words, done.stderr)
            assert done.returncode == 4 or words[0] in ("report", "best")
            assert done.stderr.count("\n") == 1, (words, done.stderr)
            assert "read" in done.stderr.lower() or "unable" in done.stderr, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
def test_a_home_of_another_user_is_one_line(lanewise: Lanewise) -> None:
    """As somebody else's command would find it: no file there may be written."""
    folder = Path("/tmp") / f"strangers-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        words = [*command("run", str(lanewise.folder / "killed.yaml")), "--home", str(folder / "h")]
        probe = as_nobody(sys.executable, "-c", "import lanewise.cli")
        if probe.returncode:
            pytest.skip("another user cannot run this Python")
        sweep = folder / "killed.yaml"
        sweep.write_text(SWEEP)
        shutil.copy(lanewise.folder / "own.py", folder)
        words[words.index(str(lanewise.folder / "killed.yaml"))] = str(sweep)
        done = as_nobody(*words)
        assert done.returncode == 4, done.stderr
        assert done.stderr.count("\n") == 1
        assert "Permission denied" in done.stderr
    finally:
        shutil.rmtree(folder)
