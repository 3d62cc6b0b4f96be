"""What keeps a server from starting, each in one line."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest
import small
from adding import Adding, Fixed

from lanewise.cluster.serving.__main__ import main
from lanewise.cluster.serving.access import VARIABLE
from lanewise.cluster.serving.errors import ServingError, UsageError
from lanewise.cluster.serving.limits import Limits
from lanewise.cluster.serving.server import Address, serve
from lanewise.cluster.serving.source import Folder
from lanewise.trainables.errors import CheckpointError


def started(host: str = "127.0.0.1", port: int = 0, token: str | None = None) -> None:
    serve(Fixed(Adding()), Address(host, port), Limits(), token)


def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        words = f"cannot listen at 127.0.0.1, port {port}: Address already in use"
        with pytest.raises(ServingError, match=re.escape(words)):
            started(port=port)


@pytest.mark.parametrize("host", ["300.1.1.1", "no such host", "x" * 300, "192.0.2.1"])
def test_a_host_that_is_not_here(host: str) -> None:
    with pytest.raises(ServingError, match="cannot listen at"):
        started(host, token="a-token-of-a-test-only")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "a.example", "127.0.0.1.a.example"])
def test_other_machines_are_answered_with_a_token_only(host: str) -> None:
    with pytest.raises(UsageError, match="answers other machines, which needs a token"):
        started(host)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--port", "65536"], 2, "--port: must be from 0 to 65535, got 65536"),
        (["--max-rows", "0"], 2, "--max-rows: must be at least 1, got 0"),
        (["--max-bytes", "-1"], 2, "--max-bytes: must be at least 1, got -1"),
        (["--host", "0.0.0.0"], 2, "needs a token"),
        (["--token-file", "none"], 2, "--token-file: none: No such file"),
        (["--token-file", "short"], 2, "short: a token has at least 16 printable"),
        (["--port", "0"], 4, "is no exported model: it has no model.json"),
    ],
    ids=range(7),
)
def test_bad_settings_are_one_line(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    Path("short").write_text("secret")
    assert main(arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
    assert "secret" not in said


def test_a_token_of_the_environment_is_checked_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "with a blank in it")
    assert main([]) == 2
    assert f"{VARIABLE}: a token has at least" in capsys.readouterr().err


def test_a_folder_that_is_replaced_is_another_model(tmp_path: Path) -> None:
    source = Folder(small.write(tmp_path / "model"))
    before = source.current()
    assert source.current() == before
    (tmp_path / "model").rename(tmp_path / "old")
    with pytest.raises(CheckpointError, match="it has no model"):
        source.current()
    small.write(tmp_path / "model", version=4)
    assert source.current() != before
    model: Any = source.load()
    assert model.about.version == 4
