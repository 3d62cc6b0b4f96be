"""What is installed and what type checkers see: `lanewise` alone, and all of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
ROOMS = ("search", "spaces", "trainables", "cluster", "dashboards")
NOT_SOURCES = (".*", "build", "dist", "*.egg-info", "__pycache__")

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the tree, as pip does for whoever installs from a clone."""
    tree = tmp_path_factory.mktemp("tree") / "lanewise"
    shutil.copytree(
        HOUSE, tree, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCES, "tests", "docs")
    )
    out = tree / "dist"
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(out), str(tree)]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_lanewise_alone_and_every_file_of_the_rooms(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"lanewise", *(top for top in tops if top.endswith(".dist-info"))}
    files = [path for room in ROOMS for path in (HOUSE / room).rglob("*") if path.is_file()]
    files = [path for path in files if path.suffix in (".py", ".html", ".css", ".js")]
    assert {f"lanewise/{path.relative_to(HOUSE)}" for path in files} <= names


def test_the_demo_runs_from_the_wheel_beside_a_users_search_py(wheel: Path, tmp_path: Path) -> None:
    """In an environment that has our dependencies and nothing else of this tree."""
    place = tmp_path / "environment"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    (site,) = place.glob("lib/python*/site-packages")
    # A folder named in a .pth file brings its packages, not its own .pth files: no editable tree.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--ignore-installed", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(HOUSE / "examples" / "demo.yaml", folder)
    (folder / "search.py").write_text("raise ImportError('the user\\'s own')\n")
    (folder / "spaces").mkdir()
    kept = ("MLFLOW_", "LANEWISE_", "PYTHON", "VIRTUAL_ENV")
    env = {k: v for k, v in os.environ.items() if not k.startswith(kept)}
    env["PYTHONPATH"] = str(folder)  # Ray's workers find the user's files first, too
    where = [python, "-c", "import lanewise.search as s; print(s.__file__)"]
    origin = subprocess.run(where, cwd=folder, env=env, capture_output=True, text=True, check=True)
    assert Path(origin.stdout).is_relative_to(site)
    command = [str(place / "bin" / "lanewise"), "run", "demo.yaml", "budget.trials=4"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "4 trials" in done.stdout


def test_type_checkers_see_the_rooms(tmp_path: Path) -> None:
    """An error planted in a room is found under the room's import name."""
    room = HOUSE / "lanewise" / "search" / "core" / "seeds.py"
    planted = tmp_path / "seeds.py"
    planted.write_text(room.read_text(encoding="utf-8") + '\nplanted: int = "text"\n')
    shadow = ["--shadow-file", str(room.relative_to(HOUSE)), str(planted)]
    cache = tmp_path / "cache"  # a copy of what `make lint` has left: without it, it takes minutes
    if (HOUSE / ".mypy_cache").is_dir():
        shutil.copytree(HOUSE / ".mypy_cache", cache)
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(cache), *shadow]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    (error,) = [line for line in done.stdout.splitlines() if "error:" in line]
    assert "lanewise/search/core/seeds.py" in error
    assert "Incompatible types" in error
