"""The README is true: its commands run, its YAML is valid, its Python works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
README = (HOUSE / "README.md").read_text(encoding="utf-8")
HEAVY = ("lanewise run", "make ", "pip ")  # run by test_run.py, CI itself and test_package.py


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.strip()]


def run_in(folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "LANEWISE_"))}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=280)


# Runs commands in one process, which imports everything once.
READER = """
import shlex, sys
from lanewise.cli import run

for line in sys.argv[1:]:
    print(f"--- {line}", file=sys.stderr, flush=True)
    if code := run(shlex.split(line)):
        sys.exit(code)
"""


def lanewise(folder: Path, *lines: str) -> str:
    """What the commands of these lines print, each of which succeeds."""
    done = run_in(folder, [sys.executable, "-c", READER, *lines])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a reader's, in which the tour's sweep was run (a small part of it)."""
    folder = tmp_path_factory.mktemp("tour")
    (folder / "examples").symlink_to(HOUSE / "examples")
    (mine,) = [block for block in blocks("python") if block.startswith("# my.py")]
    (folder / "my.py").write_text(mine)
    (folder / "houses.csv").write_text(
        "size,town,price\n"
        + "".join(f"{n},{'Ulm' if n % 2 else 'Bonn'},{3 * n}\n" for n in range(60))
    )
    pixels = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    (folder / "new.csv").write_text(",".join(pixels) + "\n" + ",".join("7" * 64) + "\n")
    small = "budget.trials=3 budget.epochs=3 --executor inline --quiet"
    lanewise(folder, f"run examples/digits.yaml {small}")
    return folder


def test_the_commands_of_the_tour_run(place: Path) -> None:
    tour = [line for line in commands() if not line.startswith(HEAVY)]
    assert len(tour) >= 7
    lanewise(place, *(line.removeprefix("lanewise ") for line in tour))


def test_the_run_of_the_tour_is_a_valid_one(place: Path) -> None:
    (line,) = [line for line in commands() if line.startswith("lanewise run")]
    assert "trials 10" in lanewise(place, line.replace("lanewise run", "validate"))


def test_every_yaml_block_is_a_valid_sweep(place: Path) -> None:
    for number, block in enumerate(blocks("yaml")):
        (place / f"block-{number}.yaml").write_text(block)
    lanewise(place, *(f"validate block-{number}.yaml" for number in range(len(blocks("yaml")))))


def test_what_validate_is_said_to_print_is_what_it_prints(place: Path) -> None:
    assert lanewise(place, "validate examples/digits.yaml") in blocks("text")


def test_the_python_tour_runs(tmp_path: Path) -> None:
    tour = next(block for block in blocks("python") if "lw.tune" in block)
    done = run_in(tmp_path, [sys.executable, "-c", tour])
    assert done.returncode == 0, done.stderr
    # Numbers are the machine's; the shape of what comes out is everybody's.
    shape = r"\{'hidden': \[.*\}\n[01]\.\d+ \[[01 ]+\]\n"
    assert re.fullmatch(shape, done.stdout)
    assert len([block for block in blocks("text") if re.fullmatch(shape, block)]) == 1


def test_every_registered_name_is_in_the_reference() -> None:
    from lanewise.search.core.spec import RETRIES
    from lanewise.search.samplers import SAMPLERS
    from lanewise.search.schedulers import SCHEDULERS
    from lanewise.trainables.config import (
        SCHEDULES,
        TRAINING,
    )
    from lanewise.trainables.knobs import ACTIVATIONS, INITS, NORMS
    from lanewise.trainables.metrics.names import BASE, LOSSES, OF_TRAINING
    from lanewise.trainables.models import MODELS
    from lanewise.trainables.optim import OPTIMIZERS

    reference = (HOUSE / "docs" / "sweep-file.md").read_text(encoding="utf-8")
    knobs = [*TRAINING, *(knob for model in MODELS.values() for knob in model.knobs)]
    layers = [*ACTIVATIONS, *INITS, *NORMS]
    ours = (MODELS, layers, OPTIMIZERS, SCHEDULES, LOSSES, BASE, OF_TRAINING, knobs)
    for names in (SAMPLERS, SCHEDULERS, RETRIES, *ours):
        missing = [name for name in names if not re.search(rf"`(val_)?{name}`", reference)]
        assert not missing


def test_every_command_is_told_of() -> None:
    from lanewise.cli import app

    names = [c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands]
    assert [name for name in names if not re.search(rf"lanewise {name}\b", README)] == []


def test_the_readme_shows_the_example_as_it_is() -> None:
    example = (HOUSE / "examples" / "digits.yaml").read_text(encoding="utf-8")
    assert example.partition("\n")[2] in README  # without its comment
