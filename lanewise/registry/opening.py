"""Opens the registry of a home, or of another MLflow, with MLflow kept quiet."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from lanewise.search.store.home import Home
from lanewise.tracking import tracking_uri

if TYPE_CHECKING:
    from lanewise.registry.store import Registry


def open_registry(home: Home, flag: str | None = None) -> Registry:
    """The registry by flag, by ``MLFLOW_TRACKING_URI``, or else the home's own.

    Args:
        flag: --tracking-uri.

    Raises:
        SweepFileError: MLflow takes no such address.
    """
    return registry_at(home, tracking_uri(flag, None))


def registry_at(home: Home, uri: str | None) -> Registry:
    """The registry at a tracking URI; None for the home's own."""
    from lanewise.dashboards.service import quiet

    quiet()
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    from lanewise.registry.store import Registry

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return Registry(home, uri)
