"""How the command line is learned: help in every form, completion, no slow start."""

from __future__ import annotations

import subprocess

import pytest
from commandline import Lanewise, command, environment

from lanewise.cli import run


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["help"], []])
def test_help_lists_the_commands_whole(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 0
    out = capsys.readouterr().out
    for name in ("run", "resume", "ls", "show", "help", "doctor"):
        assert f"\n  {name} " in out
    assert "..." not in out.partition("Commands:")[2]  # no sentence is cut


@pytest.mark.parametrize("words", [["show", "-h"], ["help", "show"], ["show", "--help"]])
def test_help_of_a_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage:")
    assert "show" in out
    assert "--trial" in out


def test_help_of_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "shwo"]) == 2
    assert capsys.readouterr().err == "lanewise: No such command 'shwo'\n"


def completed(lanewise: Lanewise, words: str) -> list[str]:
    """What bash is offered behind these words."""
    variables = {"_LANEWISE_COMPLETE": "complete_bash", "COMP_WORDS": words}
    done = subprocess.run(
        [*command()[:1], "-c", "import sys; sys.argv[0] = 'lanewise'\n" + command()[2]],
        env={**environment(lanewise.home), **variables, "COMP_CWORD": str(words.count(" "))},
        capture_output=True,
        text=True,
        cwd=lanewise.folder,
    )
    return done.stdout.split()


def test_completion_knows_commands_and_sweeps(lanewise: Lanewise) -> None:
    assert {"run", "resume"} <= set(completed(lanewise, "lanewise r"))
    assert completed(lanewise, "lanewise show ") == []  # an empty home is no error
    summary = lanewise.json("run", "sweep.yaml", "--executor", "inline", "budget.trials=1")
    assert completed(lanewise, "lanewise show sm") == ["small", summary["sweep"]]
