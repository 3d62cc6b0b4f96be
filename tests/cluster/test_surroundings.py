"""A person's code runs in the folder that the command was given in, whichever process runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from driving import drive

from lanewise.cluster.checkpoints import Storage
from lanewise.cluster.pack_worker import PackWorker
from lanewise.cluster.surroundings import enter, kept
from lanewise.cluster.worker import Worker
from lanewise.search.control.executor import Start
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.spaces import Float, Space
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe

# It reads and writes by relative paths, and then leaves for another folder.
TRAIN = """
import os, pathlib

SCALE = float(pathlib.Path("scale.txt").read_text())  # while the file is imported

def train(config, report):
    with open(f"trial-{config['x']:.6f}.txt", "w") as file:
        file.write(pathlib.Path("scale.txt").read_text())
    report(1, score=config["x"] * SCALE)
    os.chdir("/")
    report(2, score=config["x"] * SCALE)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the command; the code lies elsewhere, and this process is elsewhere, too."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own.py").write_text(TRAIN)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "scale.txt").write_text("2")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def recipe(place: Path, folder: str | None) -> Recipe:
    base = str(place / "code")
    return Recipe(train="own.py:train", base=base, folder=folder, monitor="score", mode="max")


def test_one_attempt_after_another_begins_there(place: Path) -> None:
    worker = Worker(recipe(place, str(place / "here")), Storage(str(place), 300))
    for number, x in enumerate((0.25, 0.5)):
        worker.begin(Run(number, {"x": x}, 0, 1, 0, 2))
        outcome = worker.advance(2)
        assert [metrics["score"] for _, metrics in outcome.rows] == [2 * x, 2 * x]
        assert (place / "here" / f"trial-{x:.6f}.txt").read_text() == "2"
        assert outcome.notes == {}
    assert Path.cwd() == Path("/")


def test_where_there_is_no_code_of_a_person_nobody_goes_anywhere(place: Path) -> None:
    assert enter(None) == ""
    assert Path.cwd() == place / "elsewhere"


def test_a_machine_without_the_folder_says_so_once_and_runs_the_code(place: Path) -> None:
    (place / "elsewhere" / "scale.txt").write_text("3")
    worker = Worker(recipe(place, str(place / "gone")), Storage(str(place), 300))
    notes = []
    for number in range(2):
        os.chdir(place / "elsewhere")
        worker.begin(Run(number, {"x": 0.5}, 0, 1, 0, 2))
        outcome = worker.advance(2)
        assert outcome.failure is None
        notes.append(outcome.notes)
    assert notes[1] == {}
    (note,) = notes[0].values()
    assert note.startswith(f"{place}/gone, which the command was given in, cannot be used on ")
    assert note.endswith(
        f"(No such file or directory): there, relative paths of your code start "
        f"at {place}/elsewhere"
    )
    assert "\n" not in note


def test_a_pack_worker_goes_there_and_notes_where_it_cannot(place: Path) -> None:
    for folder, noted in ((place / "here", False), (place / "gone", True)):
        os.chdir(place / "elsewhere")
        worker = PackWorker(Pool(recipe(place, str(folder))), Storage(str(place), 300))
        (place / "elsewhere" / "scale.txt").write_text("2")
        assert worker.obey([Start(Run(7, {"x": 0.5}, 0, 1, 0, 2))]) == []
        assert ("folder" in worker.notes) is noted
        worker.close()
    assert "own.py" not in os.listdir()


def test_the_process_is_where_it_was_afterwards(place: Path) -> None:
    with kept():
        enter(str(place / "here"))
        assert Path.cwd() == place / "here"
    assert Path.cwd() == place / "elsewhere"
    with kept():
        enter(str(place / "here"))
        (place / "elsewhere").rmdir()
    assert Path.cwd() == place / "here"
    (place / "here" / "scale.txt").unlink()
    (place / "here").rmdir()
    with kept():  # of a folder that is gone
        enter(str(place))
    assert Path.cwd() == place


@pytest.mark.long
@pytest.mark.parametrize(
    ("folder", "name"),
    [("here", "inline"), ("here", "packed"), ("here", "tune"), ("gone", "packed")],
)
def test_every_executor_runs_it_there(
    name: str, folder: str, place: Path, request: pytest.FixtureRequest
) -> None:
    if name != "inline":
        request.getfixturevalue("ray_local")  # its processes are in another folder
    spec = Spec(
        Space({"x": Float(0, 1)}),
        (Objective("score", "max"),),
        Budget(epochs=2, trials=4),
        Plugin("random"),
    )
    if name == "inline":
        (place / "elsewhere" / "scale.txt").write_text("2")
    with kept():
        history = drive(name, recipe(place, str(place / folder)), spec, place)
    if folder == "gone":
        assert "cannot be used on" in history.notes["folder"]
        return
    assert "folder" not in history.notes
    assert history.count("completed") == 4
    names = {f"trial-{trial.params['x']:.6f}.txt" for trial in history}
    assert {path.name for path in (place / "here").iterdir()} == names | {"scale.txt"}
