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
from sqlalchemy import Engine, IteratorResult, TextClause
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.event import listens_for
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.pool import Pool

# What MLflow says to SQLite at the beginning of every session, some seven times a trial.
SETTINGS = frozenset(
    {
        "PRAGMA foreign_keys = ON;",
        "PRAGMA busy_timeout = 20000;",
        "PRAGMA case_sensitive_like = true;",
    }
)

_FILE = "lanewise.file"  # of a connection: its path, and which file that was

_spare: Path | None = None
_ready: set[str] = (
    set()
)  # the homes' databases, by the paths that they are given and by their real ones


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
    made(path)
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    _ready.update((str(path), os.path.realpath(path)))


def made(path: Path) -> None:
    """Makes the database if there is none: MLflow does so once in a process, whatever happens."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # of a process that was killed
        left.unlink(missing_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    if _spare is not None and _spare.exists():
        shutil.copyfile(_spare, draft)
    else:
        _make(draft)
    for suffix in ("-wal", "-shm"):  # of a database that somebody deleted without them
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    os.replace(draft, path)


def identity(path: Path) -> tuple[int, int] | None:
    """Which file it is. A file that a connection of this process has open keeps its own."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@listens_for(Engine, "connect")
def _prepare(connection: Any, record: Any) -> None:
    """Settings of a connection to a home's database.

    MLflow commits some seven times a trial: it waits for no disk. Losing power may then lose the
    newest commits, but cannot corrupt a database in WAL mode; all of it can be projected again, and
    the cursor is written behind ``flush`` alone.
    """
    if not isinstance(connection, sqlite3.Connection):
        return
    _, _, file = connection.execute("PRAGMA database_list").fetchone()
    if file:
        record.info[_FILE] = Path(file), identity(Path(file))
    if file and os.path.realpath(file) in _ready:
        for setting in ("PRAGMA synchronous = NORMAL;", *SETTINGS):
            connection.execute(setting)


@listens_for(Pool, "checkout")
def _reconnect(connection: Any, record: Any, proxy: Any) -> None:
    """A connection to a file that was deleted or replaced is not used again."""
    path, known = record.info.get(_FILE, (None, None))
    if path is not None and (now := identity(path)) != known:
        if now is None:  # to connect would make an empty file
            raise FileNotFoundError(f"{path} is gone")
        raise DisconnectionError(f"{path} was replaced")


@listens_for(Session, "do_orm_execute")
def _skip(state: ORMExecuteState) -> IteratorResult[Any] | None:
    """What a connection has been told once need not be repeated: a sixth of a trial's cost."""
    statement = state.statement
    if not (isinstance(statement, TextClause) and statement.text in SETTINGS):
        return None
    bind = state.session.bind
    if not isinstance(bind, Engine) or bind.url.database not in _ready:
        return None
    return IteratorResult(SimpleResultMetaData(()), iter(()))


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
