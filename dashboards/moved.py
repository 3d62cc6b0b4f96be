"""A home that was moved or copied keeps its runs' files inside itself. Never imports MLflow.

MLflow writes down where the files of experiments and runs lie, as absolute addresses, and has no
call to change them. In the database of a home they are put right here.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from lanewise.dashboards.state import artifacts
from lanewise.search.store.home import Home

# Where MLflow's tables hold addresses below an experiment's.
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def relocate(home: Home) -> None:
    """Addresses in the home's own database that name the folder it was moved from name this one."""
    file = home.root / "mlflow.db"
    if not file.exists():
        return
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        for old in set(_former(home, connection)):
            _rewrite(connection, f"{old}/artifacts/", f"{artifacts(home).as_uri()}/")


def _former(home: Home, connection: sqlite3.Connection) -> Iterator[str]:
    """The addresses of former homes."""
    with suppress(sqlite3.OperationalError):  # no database of MLflow's (yet)
        for (location,) in connection.execute("SELECT artifact_location FROM experiments"):
            match = re.fullmatch(r"(file://.*)/artifacts/([^/]+)", str(location))
            if match is not None and _is_former(home, match[1], match[2]):
                yield match[1]


def _is_former(home: Home, root: str, folder: str) -> bool:
    """Whether this home, and no other folder, has what was written to ``root``."""
    before = Path(url2pathname(urlsplit(root).path))
    if before == home.root:
        return False
    with suppress(OSError):
        if os.path.samefile(before, home.root):  # by another name
            return False
    return (artifacts(home) / url2pathname(folder)).is_dir() or not before.exists()


def _rewrite(connection: sqlite3.Connection, old: str, new: str) -> None:
    for table, column in _COLUMNS:
        # Names from the list above; what MLflow of another release lacks is passed over.
        new_value = f"? || substr({column}, ?)"
        with suppress(sqlite3.OperationalError):
            connection.execute(
                f"UPDATE {table} SET {column} = {new_value} WHERE substr({column}, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )
    connection.commit()
