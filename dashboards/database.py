"""The home's own MLflow database: it is there whole or not at all. Imports MLflow.

MLflow makes one by some seventy migrations, a second or more; killed amid them, it leaves a file
that no MLflow opens again. So one is made under another name and then renamed.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from mlflow import MlflowClient

_spare: Path | None = None


def warm(spare: Path | None) -> None:
    """Does ahead of need what the first client of a local database would: seconds of imports.

    Args:
        spare: where to make a database that the first home without one takes.
    """
    global _spare
    with suppress(ImportError):  # where another MLflow keeps it elsewhere, it is imported later
        importlib.import_module("mlflow.store.tracking.sqlalchemy_store")
    if spare is not None:
        _make(spare)
        _spare = spare


def ready(path: Path) -> None:
    """Makes the database if there is none. In WAL mode readers and the writer do not wait."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{path.name}.*"):  # of a process that was killed
            left.unlink(missing_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        if _spare is not None and _spare.exists():
            shutil.copyfile(_spare, draft)
        else:
            _make(draft)
        os.replace(draft, path)
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _make(path: Path) -> None:
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments(max_results=1)
