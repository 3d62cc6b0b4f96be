"""Finished runs, in a file of JSON lines to which each is added at once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What must agree for two runs to be compared; the file's first line.

    seed: of the first round; each one later counts one more. machine, versions: for people.
    """

    seed: int
    machine: str
    versions: str


@dataclass(frozen=True)
class Run:
    """One contender's sweep in one round. Times in seconds, from the launch of its process.

    seconds: to its end, when everything stands in MLflow.
    startup: to the first epoch that was told of.
    statuses, epochs, best: as in `audit.Facts`.
    busy: how busy the cores were just before, 0 to 1.
    best_known: to Lanewise's last decision, while MLflow may still be draining.
    occupied: the share of Lanewise's lanes in use, as in `occupancy.Occupancy`.
    """

    contender: str
    round: int
    trials: int
    seconds: float
    startup: float
    statuses: dict[str, int]
    epochs: int
    best: float
    busy: float
    best_known: float | None = None
    occupied: float | None = None

    @property
    def is_complete(self) -> bool:
        """Whether exactly the asked trials stand in the tracking, all of them ended."""
        ended = {k: n for k, n in self.statuses.items() if k not in ("RUNNING", "SCHEDULED")}
        return sum(ended.values()) == sum(self.statuses.values()) == self.trials

    @property
    def known(self) -> float:
        """Seconds until the best configuration is known: for the peers, to the end."""
        return self.seconds if self.best_known is None else self.best_known

    def spread(self, seconds: float, trials: int) -> float:
        """Seconds a trial of a sweep of so many, of which the start-up is a part but once."""
        return self.startup / trials + (seconds - self.startup) / self.trials


class Results:
    """The file. ``runs`` are those of before and now.

    Raises:
        ValueError: in one line; ``path`` is there and is not to be continued, the other way round,
            or holds runs of other settings.
    """

    def __init__(self, path: Path, settings: Settings, *, go_on: bool) -> None:
        self.path = path
        self.settings = settings
        self.runs: list[Run] = []
        if path.exists() != go_on:
            raise ValueError(
                f"{path}: there is nothing to continue"
                if go_on
                else f"{path} exists: --continue goes on with it, --out names another file"
            )
        if go_on:
            self._read()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append(asdict(settings))

    def expect(self, contender: str, trials: int) -> None:
        """ValueError, in one line, if there are runs of this contender with another number."""
        for run in self.runs:
            if run.contender == contender and run.trials != trials:
                was = f"trials of {contender} were {run.trials}, and are {trials} now"
                raise ValueError(f"{self.path}: {was}")

    def has(self, contender: str, round: int) -> bool:
        return any(run.contender == contender and run.round == round for run in self.runs)

    def add(self, run: Run) -> None:
        self._append(asdict(run))
        self.runs.append(run)

    def of(self, contenders: Sequence[str]) -> dict[str, list[Run]]:
        return {name: [run for run in self.runs if run.contender == name] for name in contenders}

    def _read(self) -> None:
        first, *lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        before = json.loads(first)
        for name, value in asdict(self.settings).items():
            if before.get(name) != value:
                was = before.get(name)
                raise ValueError(f"{self.path}: {name} was {was}, and is {value} now")
        # A last line without its end was cut off: that run is run again.
        self.runs = [Run(**json.loads(line)) for line in lines if line.endswith("\n")]
        if lines and not lines[-1].endswith("\n"):
            kept = "".join([first, *lines[:-1]])
            self.path.write_text(kept, encoding="utf-8")

    def _append(self, body: object) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(body) + "\n")
            file.flush()
            os.fsync(file.fileno())
