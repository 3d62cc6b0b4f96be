"""The pages in docs/ are true: each is done as a reader would do it, from top to bottom."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

HOUSE = Path(__file__).parent.parent
DOCS = HOUSE / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FOLLOWED = [page for page in PAGES if page.stem != "data"]  # that one by test_data_section.py
ELSEWHERE = ("text", "sql")  # not run here: output; and MLflow's filters, by test_mlflow_page.py

# What a reader has before a page begins: a small sweep.
SWEEP = """
name: sweep
train: done.py:train
objective: {maximize: val_accuracy}
space: {x: {float: [0, 1]}}
sampler: random
executor: inline
budget: {trials: 3, epochs: 2}
"""
TRAIN = """
def train(config, report):
    for epoch in (1, 2):
        report(epoch, val_accuracy=config["x"])
"""
# Follows all pages in one process, which imports everything once, with one home.
READER = """
import json, os, shlex, subprocess, sys
from lanewise.cli import run

def serving(line):
    program = "from lanewise.main import main; main()"
    command = [sys.executable, "-c", program, *shlex.split(line)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    if "serving" not in (said := server.stderr.readline()):
        sys.exit(said)
    return server

servers = []
try:
    for folder, kind, text in json.load(sys.stdin):
        print(f"--- {os.path.basename(folder)}: {text}", file=sys.stderr)
        os.chdir(folder)
        if kind == "python":
            exec(compile(text, "block", "exec"), {"__name__": "block"})
        elif kind == "curl":
            subprocess.run(["curl", *shlex.split(text)], check=True)
        elif text.startswith("serve "):  # until the end of all pages
            servers.append(serving(text))
        elif code := run(shlex.split(text)):
            sys.exit(code)
finally:
    for server in servers:
        server.terminate()
        server.communicate()
"""


class Block(NamedTuple):
    """A fenced block; with a first line such as `# my.py` it is that file."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        named = re.match(r"# ([\w.-]+\.\w+)\n", self.text)
        return named[1] if named else None


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [Block(*one) for one in found]


def steps(block: Block) -> list[tuple[str, str]]:
    """What a reader does with a block, beyond writing its file."""
    match block.language:
        case "sh":
            lines = [line for line in block.text.splitlines() if line]
            words = [line.partition(" ") for line in lines]
            assert all(program in ("lanewise", "curl") for program, _, _ in words), block.text
            return [(program, arguments) for program, _, arguments in words]
        case "yaml":
            return [("lanewise", f"validate {block.file or 'block.yaml'}")]
        case "python":
            return [] if block.file else [("python", block.text)]
        case language:
            assert language in ELSEWHERE, f"nothing tests a block of {language!r}"
            return []


def followed(page: Path, folder: Path) -> list[tuple[str, str, str]]:
    """Writes the files of a page; returns the steps that remain."""
    folder.mkdir()
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "done.py").write_text(TRAIN)
    for file in (HOUSE / "examples").glob("*.py"):  # which pages of models send readers to
        shutil.copy(file, folder)
    todo = []
    for block in blocks(page):
        if block.file or block.language == "yaml":
            (folder / (block.file or "block.yaml")).write_text(block.text)
        todo += [(str(folder), *step) for step in steps(block)]
    return todo


def follow(todo: list[tuple[str, str, str]], folder: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "LANEWISE_"))}
    done = subprocess.run(
        [sys.executable, "-c", READER],
        cwd=folder,
        env={**env, "LANEWISE_HOME": str(folder / "home")},
        input=json.dumps(todo),
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def todo(tmp_path: Path) -> list[tuple[str, str, str]]:
    pages = sorted(FOLLOWED, key=lambda page: page.stem != "resume")  # the others look at its sweep
    return [step for page in pages for step in followed(page, tmp_path / page.stem)]


def test_every_sweep_of_the_pages_is_valid(
    todo: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    # What `init` writes is validated, too. What a page runs may need its data from a block before.
    run = {(folder, text.split()[1]) for folder, _, text in todo if text.startswith("run ")}
    sweeps = [
        (folder, program, text)
        for folder, program, text in todo
        if text.startswith(("validate ", "init ")) and (folder, text.split()[1]) not in run
    ]
    assert len(sweeps) >= 6
    follow(sweeps, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_pages_can_be_followed(todo: list[tuple[str, str, str]], tmp_path: Path) -> None:
    follow(todo, tmp_path)


@pytest.mark.parametrize("page", [*PAGES, HOUSE / "README.md"], ids=lambda page: page.stem)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for words, link in re.findall(r"\[([^\]]*)\]\(([^)]+)\)", text):
        assert words, f"a picture without a text: {link}"
        if link.startswith(("http:", "https:")):
            continue
        place, _, section = link.partition("#")
        target = (page.parent / place) if place else page
        assert target.exists(), link
        if section:
            heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.M)
            assert section in map(_anchor, heads), link


def _anchor(head: str) -> str:
    return re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")


def test_pictures_are_small_and_name_no_machine() -> None:
    for picture in (DOCS / "pictures").iterdir():
        assert picture.stat().st_size < 300_000, picture.name
        if picture.suffix == ".svg":
            assert not re.search(r"/(home|root|work|tmp)/", picture.read_text(encoding="utf-8"))
