"""The home: one folder that holds everything a sweep leaves behind.

journal.db              every sweep's events
mlflow.db, artifacts/   MLflow's, unless another tracking URI is given
locks/                  who works on what
data/                   arrays given in Python
sweeps/<id>/            checkpoints/, projection.json
reports/                an HTML file for each sweep
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lanewise.search.core.events import is_sweep_id
from lanewise.search.errors import SearchError, no_sweeps
from lanewise.search.store.journal import Journal
from lanewise.search.store.locks import FileLock, is_locked


@dataclass(frozen=True)
class Home:
    """Where things lie. ``root`` is absolute."""

    root: Path

    @classmethod
    def find(cls, given: str | Path | None = None) -> Home:
        """``given``, else ``LANEWISE_HOME``, else ``./.lanewise``."""
        return cls(Path(given or os.environ.get("LANEWISE_HOME") or ".lanewise").absolute())

    def journal(self, *, create: bool = False) -> Journal:
        """The home's journal. Raises UnknownSweepError where nothing was run yet."""
        path = self.root / "journal.db"
        if not create and not path.exists():
            raise no_sweeps(self.root)
        return Journal(path, create=create)

    def sweep(self, sweep: str) -> Path:
        return self.root / "sweeps" / _checked(sweep)

    def checkpoints(self, sweep: str) -> Path:
        return self.sweep(sweep) / "checkpoints"

    def report(self, sweep: str) -> Path:
        return self.root / "reports" / f"{_checked(sweep)}.html"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def controller_lock(self, sweep: str) -> FileLock:
        # Whoever asks has_controller holds the lock for a moment: that must not look like one.
        return FileLock(self._lock(sweep), f"sweep {sweep}", wait=0.3)

    def has_controller(self, sweep: str) -> bool:
        return is_locked(self._lock(sweep))

    def launch_lock(self) -> FileLock:
        """Held while a name is looked up and a sweep is begun under it."""
        return FileLock(self.root / "locks" / "launch.lock", "the home", wait=30)

    def _lock(self, sweep: str) -> Path:
        return self.root / "locks" / f"{_checked(sweep)}.lock"


def _checked(sweep: str) -> str:
    """An id, which never leads out of the home."""
    if not is_sweep_id(sweep):
        raise SearchError(f"'{sweep}' is no sweep's id (letters, digits, _ . and -)")
    return sweep
