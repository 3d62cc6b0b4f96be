"""Which MLflow a sweep is shown in."""

from __future__ import annotations

import os
import re
from pathlib import Path


def tracking_uri(flag: str | None, in_file: str | None) -> str | None:
    """The explicit tracking URI: flag, sweep file or ``MLFLOW_TRACKING_URI``; None for our own.

    SQLite paths are made absolute, since the projector works elsewhere.
    """
    uri = flag or in_file or os.environ.get("MLFLOW_TRACKING_URI") or None
    if uri and (match := re.fullmatch(r"sqlite:///(?!/)(.+)", uri)):
        return f"sqlite:///{Path(match[1]).absolute()}"
    return uri
