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
from typing import Any

from mlflow import MlflowClient
from sqlalchemy import Engine
from sqlalchemy.event import listens_for

_spare: Path | None = None
_ready: set[str] = set()  # the homes' databases, by their real paths


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
    _ready.add(os.path.realpath(path))


@listens_for(Engine, "connect")
def _relax(connection: Any, _: Any) -> None:
    """MLflow commits some six times a trial: on the homes' databases it waits for no disk.

    Losing power may then lose its newest commits, but cannot corrupt a database in WAL mode; all of
    it can be projected again, and the cursor is written behind ``flush`` alone.
    """
    if isinstance(connection, sqlite3.Connection):
        _, _, file = connection.execute("PRAGMA database_list").fetchone()
        if file and os.path.realpath(file) in _ready:
            connection.execute("PRAGMA synchronous=NORMAL")


def flush(path: Path) -> None:
    """What has been committed to a home's database outlives a loss of power from here on.

    The database file itself is left alone: to close it would drop this process's locks on it, and
    SQLite has written there only what was safe in the log before.
    """
    with suppress(FileNotFoundError):
        handle = os.open(path.with_name(f"{path.name}-wal"), os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _make(path: Path) -> None:
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments(max_results=1)
