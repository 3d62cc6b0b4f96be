"""Who takes part, and by which command. A new contender is one row in PEERS.

Each command gets a home to work in, where its workload's files lie already, and leaves `mlflow.db`
there, or `facts.json` where it has no tracking. Lanewise takes part once per executor, as
`lanewise-<executor>`.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from digits_mlp import ours

EXECUTORS = ("packed", "auto", "tune", "inline")
POOLED = ("packed", "auto")  # these choose for themselves how many trials they train at a time

Command = Callable[[int, int, Path], list[str]]  # (trials, seed, home)
LayOut = Callable[[Path], Path]  # writes the workload's files into a home; the sweep file


@dataclass(frozen=True)
class Contender:
    """One row of a comparison.

    trials: of its sweep; rounds: in how many it takes part.
    tracked: its trials must stand in MLflow.
    is_lanewise: it leaves a journal in its home, and its summary on standard output.
    """

    name: str
    command: Command
    trials: int
    rounds: int = 5
    tracked: bool = True
    is_lanewise: bool = False
    lay_out: LayOut = ours.lay_out


def lanewise(
    executor: str,
    trials: int,
    *overrides: str,
    name: str | None = None,
    lay_out: LayOut = ours.lay_out,
) -> Contender:
    """`lanewise run` with the workload's sweep file, and with `key=value` overrides."""
    # The sweep file lets two trials run at a time, as the peers do: packs are for more.
    more = ["max_concurrent=null"] if executor in POOLED else []

    def command(trials: int, seed: int, home: Path) -> list[str]:
        start = [
            sys.executable,
            "-c",
            "from lanewise.main import main; main()",
            "run",
            "sweep.yaml",
        ]
        given = [f"budget.trials={trials}", f"seed={seed}", *more, *overrides]
        return [*start, *given, "--executor", executor, "--home", str(home), "--json"]

    called = name or f"lanewise-{executor}"
    return Contender(called, command, trials, is_lanewise=True, lay_out=lay_out)


def _peer(*words: str) -> Command:
    def command(trials: int, seed: int, home: Path) -> list[str]:
        given = ["--trials", str(trials), "--seed", str(seed), "--home", str(home)]
        return [sys.executable, "-m", *words, *given]

    return command


PEERS = (
    Contender("ray-documented", _peer("digits_mlp.ray_documented"), 16),
    Contender("ray-reuse", _peer("digits_mlp.ray_reuse"), 64),
    Contender("optuna-sqlite", _peer("digits_mlp.optuna_study", "sqlite"), 300),
    Contender("optuna-memory", _peer("digits_mlp.optuna_study", "memory"), 1000, tracked=False),
)
LANEWISE = tuple(lanewise(executor, 1000 if executor in POOLED else 64) for executor in EXECUTORS)
KNOWN = {contender.name: contender for contender in (*LANEWISE, *PEERS)}
DEFAULT = ("lanewise-packed", *(contender.name for contender in PEERS))


def find(name: str, known: Mapping[str, Contender] = KNOWN) -> Contender:
    """The contender of this name; ValueError, in one line, if there is none."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"no contender {name!r} ({', '.join(known)}{hint})")
