"""Which MLflow a sweep is shown in."""

from __future__ import annotations

import difflib
import importlib.metadata
import os
import re
from pathlib import Path

from lanewise.dashboards.state import mask
from lanewise.errors import SweepFileError

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
SERVERS = ("http", "https", "databricks", "databricks-uc", "uc")
FILES_ALLOWED = "MLFLOW_ALLOW_FILE_STORE"  # MLflow's own way out


def tracking_uri(flag: str | None, in_file: str | None) -> str | None:
    """The explicit tracking URI: flag, sweep file or ``MLFLOW_TRACKING_URI``; None for our own.

    SQLite paths are made absolute, since the projector works elsewhere.

    Raises:
        SweepFileError: MLflow takes no such address.
    """
    uri = flag or in_file or os.environ.get("MLFLOW_TRACKING_URI") or None
    if uri is None:
        return None
    origin = "MLFLOW_TRACKING_URI"
    if flag or in_file:
        origin = "--tracking-uri" if flag else "mlflow.tracking_uri"
    if problem := _problem(uri):
        raise SweepFileError(f"{origin}: {mask(uri)}: {problem}")
    if match := re.fullmatch(r"sqlite:///(?!/)(.+)", uri):
        return f"sqlite:///{Path(match[1]).absolute()}"
    return uri


def _problem(uri: str) -> str:
    """Why MLflow does not take it, or ""."""
    match = re.match(r"([a-zA-Z][\w.-]*)(\+\w+)?(:|$)", uri)
    scheme = match[1].lower() if match and "/" not in match[1] else ""
    known = {*DATABASES, *SERVERS}
    known |= {
        entry.name for entry in importlib.metadata.entry_points(group="mlflow.tracking_store")
    }
    if scheme in known and (match is None or match[3] or scheme.startswith("databricks")):
        return ""
    if match is None or scheme == "file" or not match[3]:
        if os.environ.get(FILES_ALLOWED, "").lower() in ("1", "true"):
            return ""
        return (
            "MLflow keeps no runs in a folder of files any more; give a database, "
            "sqlite:///mlflow.db, or the address of a server, http://…"
        )
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", uri):
        return f"did you mean http://{uri}?"
    near = difflib.get_close_matches(scheme, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}MLflow takes {', '.join(DATABASES)} databases and http(s) servers"
