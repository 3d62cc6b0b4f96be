"""The house: which folder may import which, and what a light import must not pull in."""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
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
    "mlflow": {"dashboards", "lanewise/registry"},
    "starlette": {"cluster/serving"},
    "uvicorn": {"cluster/serving"},
}
TORCH_FILES = {"lanewise/doctor.py"}  # says which devices there are


def modules(package: str) -> Iterator[Path]:
    """A room's files; those of the face without the rooms that it links to."""
    return (HOUSE / package).rglob("*.py")  # does not follow links


def imported(path: Path) -> Iterator[str]:
    """The rooms and libraries that a file imports anywhere: ``lanewise.search.x`` is search."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            room = rest.partition(".")[0]
            yield room if top == "lanewise" and room in PACKAGES else top


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_imports_a_room_by_its_plain_name(package: str) -> None:
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & {*PACKAGES[1:]}, path


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


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE).with_suffix("").parts
    inside = parts if parts[0] == "lanewise" else ("lanewise", *parts)
    return ".".join(inside).removesuffix(".__init__")


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, also inside of functions, but not what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from at_run_time(child)


def arrows(path: Path, files: Collection[str]) -> Iterator[str]:
    """The files of ours that a file imports."""
    for node in at_run_time(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in files else node.module


def test_no_circles_between_files() -> None:
    paths = {module_name(path): path for package in PACKAGES for path in modules(package)}
    left = {name: {*arrows(path, paths)} & paths.keys() for name, path in paths.items()}
    assert left["lanewise.spaces.space"] > {"lanewise.spaces.form"}
    while free := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in free}
    assert not left, f"in a circle, or above one: {sorted(left)}"


def test_data_is_prepared_without_torch_and_nothing_knows_of_packs_but_they_themselves() -> None:
    """trainables/data ← what trains ← packs."""
    for path in modules("trainables"):
        room = path.relative_to(HOUSE / "trainables").parts[0]
        text = path.read_text(encoding="utf-8")
        if room == "data":
            assert "torch" not in imported(path), path
            assert "from lanewise.trainables.models" not in text, path
        if room != "packs":
            assert "from lanewise.trainables.packs" not in text, path


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
        homes = tuple(f"{room}/" for room in AT_HOME[library])
        assert not [user for user in users if not user.startswith(homes)]


@pytest.mark.parametrize("room", PACKAGES[1:])
def test_each_room_is_the_folder_at_the_top_and_says_what_lives_there(room: str) -> None:
    module = importlib.import_module(f"lanewise.{room}")
    assert Path(str(module.__file__)).parent.resolve() == HOUSE / room
    assert module.__doc__


LIGHT = (
    "lanewise",
    "lanewise.cli",
    "lanewise.spaces",
    "lanewise.search.core.sweep",
    "lanewise.search.store.view",
    "lanewise.trainables",
    "lanewise.search.control.controller",
    "lanewise.cluster.tune",
    "lanewise.dashboards.summary",
    "lanewise.dashboards.terminal",
    "lanewise.dashboards.progress",
    "lanewise.registry.promote",
)


def test_light_imports_pull_in_nothing_heavy() -> None:
    heavy = "('ray', 'torch', 'mlflow', 'optuna')"
    code = f"import sys, {', '.join(LIGHT)}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.long
def test_a_script_tunes_beside_files_and_folders_of_our_rooms_names(tmp_path: Path) -> None:
    for name in ("search.py", "cluster.py", "trainables.py"):
        (tmp_path / name).write_text("raise ImportError('the user's own, imported by mistake')\n")
    for name in ("spaces", "dashboards"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the user's own')\n")
    (tmp_path / "script.py").write_text(
        "import lanewise as lw\n"
        "if __name__ == '__main__':\n"
        "    result = lw.tune(model='mlp', data='sklearn:iris', space={'lr': lw.Float(1e-3, 1)},\n"
        "        maximize='val_accuracy', trials=2, epochs=2, executor='inline', progress=False)\n"
        "    print(result.best.params['lr'], result.report())\n"
    )
    run = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert run.returncode == 0, run.stderr
    assert "the user's own" not in run.stderr


def test_a_tree_whose_links_were_written_as_text_is_refused_in_one_line(tmp_path: Path) -> None:
    shutil.copy(HOUSE / "setup.py", tmp_path)
    (tmp_path / "lanewise").mkdir()
    (tmp_path / "lanewise" / "search").write_text("../search")
    build = subprocess.run(
        [sys.executable, "setup.py", "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert build.returncode != 0
    assert build.stderr.startswith("lanewise: lanewise/search is no link")
    assert len(build.stderr.splitlines()) == 1
