"""A home with an MLflow database and a registry in it, which the tests of a file share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lanewise.dashboards.service import quiet
from lanewise.search.store.home import Home

if TYPE_CHECKING:
    from lanewise.registry.store import Registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Registry:
    """A registry; each test has models of its own in it."""
    quiet()
    from lanewise.registry.store import Registry

    home = Home(tmp_path_factory.mktemp("registry") / "home")
    home.root.mkdir()
    shutil.copy(migrated, home.root / "mlflow.db")
    return Registry(home)
