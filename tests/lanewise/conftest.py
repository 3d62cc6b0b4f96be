"""Fixtures of the command line's tests."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

# importlib mode leaves sys.path alone: the helpers beside this file are found by name all the same.
sys.path.append(str(Path(__file__).parent))

from commandline import Lanewise, run_python


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: making one takes MLflow seconds, which each home would cost."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    code = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments()"
    run_python(code, f"sqlite:///{path}")
    return path


@pytest.fixture
def lanewise(tmp_path: Path, migrated: Path) -> Lanewise:
    (tmp_path / "home").mkdir()
    shutil.copy(migrated, tmp_path / "home" / "mlflow.db")
    return Lanewise(tmp_path)
