"""The house: which folder may import which, and what a light import must not pull in."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
PACKAGES = ("lanewise", "spaces", "search", "trainables", "cluster", "dashboards")
MAY_IMPORT = {
    "spaces": set(),
    "trainables": set(),
    "search": {"spaces"},
    "cluster": {"search", "spaces", "trainables"},
    "dashboards": {"search", "spaces"},
    "lanewise": set(PACKAGES),
}
# Where each heavy library may be imported at all.
AT_HOME = {
    "ray": {"cluster"},
    "torch": {"trainables", "lanewise"},
    "mlflow": {"dashboards"},
}
TORCH_FILES = {"lanewise/doctor.py"}  # says which devices there are


def modules(package: str) -> Iterator[Path]:
    return (HOUSE / package).rglob("*.py")


def imported(path: Path) -> Iterator[str]:
    """The top-level names that a file imports, anywhere in it; relative ones are its own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_between_folders_go_one_way(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    wrong = {
        (str(path.relative_to(HOUSE)), name)
        for path in modules(package)
        for name in imported(path)
        if name in PACKAGES and name not in allowed
    }
    assert not wrong


def test_data_is_prepared_without_torch_and_nothing_knows_of_packs_but_they_themselves() -> None:
    """trainables/data and kinds ← what trains ← packs."""
    for path in modules("trainables"):
        room = path.relative_to(HOUSE / "trainables").parts[0]
        text = path.read_text(encoding="utf-8")
        if room in ("data", "kinds"):
            assert "torch" not in imported(path), path
            assert "from trainables.models" not in text, path
        if room != "packs":
            assert "from trainables.packs" not in text, path


@pytest.mark.parametrize("library", AT_HOME)
def test_heavy_libraries_stay_in_their_rooms(library: str) -> None:
    users = {
        str(path.relative_to(HOUSE))
        for package in PACKAGES
        for path in modules(package)
        if library in imported(path)
    }
    if library == "torch":
        users = {user for user in users if not user.startswith("trainables/")}
        assert users <= TORCH_FILES
    else:
        assert {user.partition("/")[0] for user in users} <= AT_HOME[library]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_name_is_our_folder(package: str) -> None:
    # Other distributions use the names `spaces` and `cluster`.
    module = importlib.import_module(package)
    assert Path(str(module.__file__)).parent == HOUSE / package


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_lives_there(package: str) -> None:
    assert importlib.import_module(package).__doc__


@pytest.mark.parametrize(
    "module",
    [
        "lanewise",
        "lanewise.cli",
        "spaces",
        "search.sweep",
        "search.view",
        "trainables",
        "cluster.controller",
        "cluster.tune",
        "dashboards.summary",
        "dashboards.terminal",
        "dashboards.progress",
    ],
)
def test_light_imports_pull_in_nothing_heavy(module: str) -> None:
    heavy = "('ray', 'torch', 'mlflow', 'optuna')"
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_foreign_package_of_our_name_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "__init__.py").write_text("")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "sys.argv = ['lanewise', '--version']; from lanewise.main import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "the package 'spaces'" in run.stderr
