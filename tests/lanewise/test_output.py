"""What is printed: nothing in it steers a terminal, and no encoding ends a command."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import HOUSE, Lanewise, command, environment

from lanewise.cli import run

STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
ESCAPES = "\x1b]0;mine\x07 \x9b2J \x1b[31mred \u202e"
HOSTILE = f"""
ESCAPES = {ESCAPES!r}

def train(config, report):
    report(1, val_accuracy=config["x"], **{{ESCAPES: 0.5}})
    if config["x"] > 0.5:
        raise RuntimeError(ESCAPES + " – the end")
    report(2, val_accuracy=config["x"])
"""
SWEEP = """
name: "été – \\x9b31mred \\u202e 数"
train: own.py:train
objective: {maximize: val_accuracy}
space: {x: {choice: [0.2, 0.9]}, key: {choice: ["\\e]0;value"]}}
sampler: grid
scheduler: none
executor: inline
budget: {epochs: 2}
"""


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, migrated: Path
) -> tuple[Lanewise, subprocess.CompletedProcess[bytes]]:
    """A sweep full of escape sequences, run where streams are ASCII and strict."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "home").mkdir()
    shutil.copy(migrated, folder / "home" / "mlflow.db")
    lanewise = Lanewise(folder)
    lanewise.write("own.py", HOSTILE)
    lanewise.write("sweep.yaml", SWEEP)
    done = subprocess.run(
        command("run", "sweep.yaml"),
        cwd=folder,
        env=environment(lanewise.home) | {"PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        timeout=280,
    )
    return lanewise, done


def test_a_sweep_ends_well_where_streams_are_ascii(
    ran: tuple[Lanewise, subprocess.CompletedProcess[bytes]],
) -> None:
    _, done = ran
    said = done.stdout.decode("ascii") + done.stderr.decode("ascii")
    assert done.returncode == 0, said
    assert "best" in said.lower()
    assert "RuntimeError: \\x1b]0;mine\\x07 \\x9b2J" in said  # inline prints tracebacks at once
    assert not STEERS.search(said)


COMMANDS = [
    ["ls"],
    ["show"],
    ["show", "--trial", "1"],
    ["best", "--top", "2"],
    ["best", "--json"],
    ["watch"],
    ["watch", "--json"],
    pytest.param(["resume"], marks=pytest.mark.long),  # as `show`, behind a projector's start
    ["stop"],
    ["show", "unknown \x1b[31m – name"],
    ["report", "--out", "été – \x1b[31m.html"],
    ["schema", "--markdown"],
    ["validate", "sweep.yaml"],
    ["validate", "no \x1b[2J – such.yaml"],
    ["run", "--help"],
    ["--help"],
    ["no-such \x1b[2J – command"],
]


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_prints_text_and_nothing_else(
    words: list[str],
    encoding: str,
    ran: tuple[Lanewise, subprocess.CompletedProcess[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lanewise, _ = ran
    monkeypatch.chdir(lanewise.folder)
    monkeypatch.setenv("LANEWISE_HOME", str(lanewise.home))
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, errors="strict") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    code = run(words)
    said = ""
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        said += stream.read()
    assert code in (0, 2), said
    assert "Traceback" not in said or words[0] == "show"  # where it is that of the trial
    assert said.strip()
    assert not STEERS.search(said), said


def test_an_exception_of_ours_does_not_steer_either(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(home: object) -> None:
        raise AssertionError(ESCAPES)

    monkeypatch.setattr("lanewise.doctor.examine", broken)
    assert run(["doctor", "--home", os.devnull]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "AssertionError: \\x1b]0;mine" in said
    assert not STEERS.search(said)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EIO])
def test_storage_that_gives_way_is_one_line(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(home: object) -> None:
        raise OSError(number, os.strerror(number), "/home/sweeps")

    monkeypatch.setattr("lanewise.doctor.examine", broken)
    assert run(["doctor", "--home", os.devnull]) == 4
    assert capsys.readouterr().err == f"lanewise: /home/sweeps: {os.strerror(number)}\n"


def test_a_home_below_a_file_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody, root included, can make a folder there."""
    lanewise = Lanewise(tmp_path)
    lanewise.write("file", "")
    monkeypatch.chdir(tmp_path)
    assert run(["run", "sweep.yaml", "--home", "file/home", "--executor", "inline"]) == 4
    said = capsys.readouterr().err
    assert "file/home" in said
    assert "Not a directory" in said
    assert said.count("\n") == 1


def test_all_output_goes_through_one_place() -> None:
    """What is printed past it steers terminals, or ends where an encoding lacks a character."""
    past = re.compile(
        r"file=sys\.std|sys\.std(out|err)\.write|traceback\.print_|(?<!Plain)Console\("
    )
    rooms = ("lanewise", "cluster", "search", "dashboards")
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for room in rooms
        for path in sorted((HOUSE / room).rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(past, line)
    ]
    allowed = ("console.py",)
    assert [line for line in found if not line.startswith(allowed)] == []
