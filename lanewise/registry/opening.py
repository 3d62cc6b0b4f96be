"""Opens the registry of a home, or of another MLflow, with MLflow kept quiet."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from lanewise.search.store.home import Home
from lanewise.tracking import tracking_uri

if TYPE_CHECKING:
    from lanewise.registry.store import Registry


def open_registry(home: Home, flag: str | None = None, in_file: str | None = None) -> Registry:
    """The registry where a sweep is shown: by flag, sweep file, environment, else the home's own.

    Args:
        flag: --tracking-uri. in_file: what the sweep says.

    Raises:
        SweepFileError: MLflow takes no such address.
    """
    uri = tracking_uri(flag, in_file)
    from lanewise.dashboards.service import quiet

    quiet()
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    from lanewise.registry.store import Registry

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return Registry(home, uri)
