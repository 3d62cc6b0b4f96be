"""Who takes part, and by which command. A new contender is one row in PEERS.

Each command gets an empty home to work in, and leaves `mlflow.db` there, or `facts.json` where it
has no tracking. Lanewise takes part once per executor, as `lanewise-<executor>`.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from digits_mlp.ours import SWEEP
from lanewise.sweepfile import SweepFile

LANEWISE = "lanewise-"
EXECUTORS: tuple[str, ...] = get_args(SweepFile.model_fields["executor"].annotation)

Command = Callable[[int, int, Path], list[str]]  # (trials, seed, home)


@dataclass(frozen=True)
class Contender:
    """tracked: whether its trials must stand in MLflow. slow: measured with fewer trials."""

    name: str
    command: Command
    tracked: bool = True
    slow: bool = False

    @property
    def is_lanewise(self) -> bool:
        return self.name.startswith(LANEWISE)


def _peer(*words: str) -> Command:
    def command(trials: int, seed: int, home: Path) -> list[str]:
        given = ["--trials", str(trials), "--seed", str(seed), "--home", str(home)]
        return [sys.executable, "-m", *words, *given]

    return command


def _lanewise(executor: str) -> Command:
    def command(trials: int, seed: int, home: Path) -> list[str]:
        given = [f"budget.trials={trials}", f"seed={seed}", "--executor", executor]
        start = [sys.executable, "-c", "from lanewise.main import main; main()"]
        return [*start, "run", SWEEP.name, *given, "--home", str(home), "--json"]

    return command


PEERS = {
    contender.name: contender
    for contender in (
        Contender("ray-documented", _peer("digits_mlp.ray_documented"), slow=True),
        Contender("ray-reuse", _peer("digits_mlp.ray_reuse")),
        Contender("optuna-memory", _peer("digits_mlp.optuna_study", "memory"), tracked=False),
        Contender("optuna-sqlite", _peer("digits_mlp.optuna_study", "sqlite")),
    )
}
NAMES = (*(f"{LANEWISE}{executor}" for executor in EXECUTORS), *PEERS)
DEFAULT = (f"{LANEWISE}tune", *PEERS)


def find(name: str) -> Contender:
    """The contender of this name; ValueError, in one line, if there is none."""
    if name in PEERS:
        return PEERS[name]
    if name in NAMES:
        return Contender(name, _lanewise(name.removeprefix(LANEWISE)))
    near = difflib.get_close_matches(name, NAMES, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"no contender {name!r} ({', '.join(NAMES)}{hint})")
