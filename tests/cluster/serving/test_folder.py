"""The self-contained folder: what is in it, and that it answers on its own."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
from pathlib import Path

import httpx
import pytest
import small

from lanewise.cluster.serving.errors import UsageError
from lanewise.cluster.serving.folder import PACKAGES, assemble, modules
from lanewise.trainables.errors import CheckpointError
from lanewise.trainables.export import about as abouts
from lanewise.trainables.export.runtime import ExportedModel

# What hands over what is of these libraries has them; one decodes pictures.
LAZY = {"pandas", "pyarrow", "PIL"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("exported")
    exported = small.write(base / "model")
    assemble(exported, abouts.read(exported), base / "folder")
    return base / "folder"


def test_the_server_imports_its_four_packages_and_nothing_else() -> None:
    closure = modules()
    libraries = closure.libraries | closure.lazy
    assert libraries - {*sys.stdlib_module_names} - LAZY == {*PACKAGES}
    assert not closure.libraries & LAZY
    rooms = {".".join(name.split(".")[1:3]) for name in closure.modules}
    heavy = {"trainables.checkpoints", "trainables.training", "trainables.packs", "search.store"}
    assert {"cluster.serving", "trainables.export", "trainables.data"} <= rooms
    assert not rooms & heavy


def test_all_that_is_in_it_is_hashed_in_its_model_json(folder: Path) -> None:
    told = json.loads((folder / "model.json").read_text())
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {*told["files"], "model.json"}
    assert {"serve.py", "Dockerfile", "README.md", "requirements.txt", "example.json"} <= files
    assert not [name for name in files if name.endswith(".pyc")]
    assert abouts.read(folder).version == 3
    changed = folder.parent / "changed"
    shutil.copytree(folder, changed)
    (changed / "lanewise" / "cluster" / "serving" / "app.py").write_text("# another one\n")
    with pytest.raises(CheckpointError, match="its hash is not the one"):
        ExportedModel.read(changed)


def test_what_is_installed_is_pinned(folder: Path) -> None:
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert [line.partition("==")[0] for line in lines] == [*PACKAGES]
    assert all(line.partition("==")[2] for line in lines)


def test_another_folder_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    exported, about = folder.parent / "model", abouts.read(folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(UsageError, match="holds other things than an exported model"):
        assemble(exported, about, tmp_path / "mine")
    with pytest.raises(UsageError, match="is a file; give a folder"):
        assemble(exported, about, tmp_path / "mine" / "thesis.tex")
    assemble(exported, about, tmp_path / "new" / "folder")
    assemble(tmp_path / "new" / "folder", about, tmp_path / "new" / "folder")  # an earlier export
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["folder"]
    (exported / "model.onnx").rename(tmp_path / "model.onnx")
    try:
        with pytest.raises(CheckpointError, match="missing"):
            assemble(exported, about, tmp_path / "none")
        assert not (tmp_path / "none").exists()
    finally:
        (tmp_path / "model.onnx").rename(exported / "model.onnx")


def test_its_server_answers_as_the_model_and_ends_once_it_has_answered(folder: Path) -> None:
    command = [*small.python(), str(folder / "serve.py"), "--port", "0"]
    rows = json.loads((folder / "example.json").read_text())["rows"]
    with small.started(command) as (process, url):
        found = httpx.post(f"{url}/predict", json={"rows": rows}).json()
        assert found["predictions"] == ExportedModel.read(folder).answers(rows)
        assert (found["model"], found["version"]) == ("towns", 3)

        answers = []
        many = {"rows": rows * 2000}
        asking = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{url}/predict", json=many, timeout=30))
        )
        asking.start()
        while "in_flight 2" not in httpx.get(f"{url}/metrics").text and not answers:
            pass
        process.send_signal(signal.SIGTERM)
        asking.join()
        assert answers[0].status_code == 200
        assert process.wait(20) == 0
