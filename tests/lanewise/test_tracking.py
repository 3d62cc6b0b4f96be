"""Which addresses of an MLflow are taken, and what is said of those that are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanewise.errors import SweepFileError
from lanewise.tracking import tracking_uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://me:secret@mlflow.example.com/path?token=x",
        "sqlite:////var/runs/mlflow.db",
        "postgresql://me:secret@host/db",
        "mysql+pymysql://me@host/db",
        "databricks",
        "databricks://profile",
    ],
)
def test_what_mlflow_takes(uri):
    assert tracking_uri(uri, None) == tracking_uri(None, uri) == uri


def test_a_relative_database_is_in_the_folder_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(None, "sqlite:///runs.db") == f"sqlite:///{Path.cwd()}/runs.db"


@pytest.mark.parametrize("uri", ["./mlruns", "mlruns", "/data/mlruns", "file:///data/x", "file:x"])
def test_a_folder_of_files_is_refused_before_anything_starts(uri, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(SweepFileError, match=r"^mlflow.tracking_uri: .*folder of files.*sqlite"):
        tracking_uri(None, uri)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(SweepFileError, match=r"^MLFLOW_TRACKING_URI: "):
        tracking_uri(None, None)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert tracking_uri(None, None) == uri


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("htp://host:5000", "did you mean http"),
        ("postgres://me:hunter2@host/db", "did you mean postgresql"),
        ("localhost:5000", r"did you mean http://localhost:5000\?"),
        ("s3://bucket/runs", "sqlite"),
    ],
)
def test_other_addresses_get_a_hint_and_no_password_is_shown(uri, hint):
    with pytest.raises(SweepFileError, match=f"^--tracking-uri: .*{hint}") as refused:
        tracking_uri(uri, None)
    assert "hunter2" not in str(refused.value)
