"""`lanewise export` and `lanewise serve`: what is served, and what is refused in one line."""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lanewise.cli import run
from lanewise.registry.names import parse
from lanewise.sources import Registered
from lanewise.trainables.export import about as abouts

sys.path.append(str(Path(__file__).parents[1] / "cluster" / "serving"))
import small


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write(tmp_path_factory.mktemp("towns") / "model")


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    """The one line that a command ends with."""
    assert run([*map(str, arguments)]) == code
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_an_exported_model_becomes_a_folder_of_its_own(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    for _ in range(2):
        assert run(["export", str(exported), str(folder)]) == 0
        assert "towns, version 3, exported to" in capsys.readouterr().out
    assert abouts.read(folder) == abouts.read(exported)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    line = refused(capsys, 2, "export", exported, tmp_path / "mine")
    assert "holds other things than an exported model" in line
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_what_cannot_be_served_is_said_in_one_line(
    exported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("LANEWISE_TOKEN", raising=False)
    monkeypatch.setenv("LANEWISE_HOME", str(tmp_path / "home"))
    assert "--port: must be from 0" in refused(capsys, 2, "serve", exported, "--port", 70000)
    assert "--max-rows: must be" in refused(capsys, 2, "serve", exported, "--max-rows", 0)
    assert "needs a token" in refused(capsys, 2, "serve", exported, "--host", "0.0.0.0")
    assert "no bundle" in refused(capsys, 4, "serve", tmp_path / "nowhere", "--port", 0)
    assert run(["serve", "nothing", "--port", "0"]) == 2
    capsys.readouterr()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = refused(capsys, 4, "serve", exported, "--port", port)
        assert f"port {port}: Address already in use" in line


def test_a_changed_file_is_not_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small.write(tmp_path / "model")
    (folder / "preprocessing.json").write_text("[]")
    line = refused(capsys, 4, "serve", folder, "--port", 0)
    assert "preprocessing.json is damaged: its hash is not the one in model.json" in line


@dataclass
class Moving:
    """A registry whose alias moves; what it resolves to is an exported model."""

    folder: Path
    version: int = 1
    resolved: list[int] = field(default_factory=list)

    def version_of(self, reference: Any) -> int:
        return self.version

    def resolve(self, reference: Any) -> Any:
        from lanewise.registry.store import Located

        self.resolved.append(self.version)
        return Located("digits", self.version, reference.alias, self.folder.parent, {})


def test_a_registered_model_is_the_one_that_its_alias_points_to_by_now(exported: Path) -> None:
    (exported.parent / "artifacts").mkdir()
    (exported.parent / "artifacts" / "exported").symlink_to(exported)
    registry: Any = Moving(exported)
    source = Registered(registry, parse("digits@champion"))
    before = source.current()
    registry.version = 2
    assert source.current() != before
    about = source.load().about
    assert (about.name, about.version, about.alias) == ("digits", 2, "champion")


@pytest.mark.long
def test_a_served_folder_imports_no_torch_and_no_mlflow(exported: Path) -> None:
    code = (
        "import sys\n"
        "from lanewise.cli import run\n"
        f"code = run(['serve', {str(exported)!r}, '--port', '0'])\n"
        "heavy = ('torch', 'ray', 'mlflow', 'pandas')\n"
        "print(code, [name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    with small.started([sys.executable, "-c", code], PATH=os.defpath) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read().strip() == "0 []"
