"""Ray's own processes die, another user looks around, the home cannot be written: one line each."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import psutil
import pytest
from commandline import Lanewise
from harness import DIGITS, SWEEP, TRIALS, check_all, records, view_of, wait_until

from lanewise.cli import run

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(
    ("executor", "sweep", "part"),
    [
        pytest.param("packed", DIGITS, "raylet", marks=pytest.mark.long),
        pytest.param("tune", SWEEP, "gcs_server", marks=pytest.mark.long),
        pytest.param("packed", DIGITS, "gcs_server", marks=pytest.mark.night),
        pytest.param("tune", SWEEP, "raylet", marks=pytest.mark.night),
    ],
)
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
    *notes, line = said.splitlines()
    assert all(note.startswith("lanewise: data: ") for note in notes), said
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


@pytest.mark.long
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


READERS = [["ls"], ["show"], ["best"], ["watch", "--json"], ["report"]]
WRITERS = [["run", "killed.yaml", "--new", "--quiet"], ["resume", "--quiet"], ["stop"], ["sync"]]


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


@pytest.mark.long
def test_a_home_that_cannot_be_written_is_one_line(
    read_only: Lanewise, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(read_only.folder)
    monkeypatch.setenv("LANEWISE_HOME", str(read_only.home))
    monkeypatch.syspath_prepend(str(read_only.folder))
    for words in READERS:
        code = run(words)
        said = capsys.readouterr()
        if code not in (0, 130):  # 130: an interrupted sweep was watched
            assert (code, said.err.count("\n")) == ({"report": 2}.get(words[0], 4), 1), said.err
    for words in WRITERS:
        code = run(words)
        said = capsys.readouterr()
        assert (code, said.err.count("\n")) == (4, 1), (words, said.err)
        assert str(read_only.home) in said.err
        assert "read-only" in said.err.lower() or "readonly" in said.err, said.err
