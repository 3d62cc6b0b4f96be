"""What every peer's program is told."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arguments:
    """home: an empty folder for all that the program writes. extra: words of its own."""

    trials: int
    seed: int
    home: Path
    extra: str

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.home / 'mlflow.db'}"


def parse(extra: Sequence[str] = ()) -> Arguments:
    """The command line's; `extra` is what the program may be told as its first word."""
    parser = argparse.ArgumentParser()
    if extra:
        parser.add_argument("extra", choices=extra)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args()
    return Arguments(given.trials, given.seed, given.home, getattr(given, "extra", ""))
