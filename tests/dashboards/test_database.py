"""MLflow's database of a home: whole or not there, whatever is killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from sqlalchemy import IteratorResult

from lanewise.dashboards import database, launcher
from lanewise.dashboards.state import wait_drained

pytestmark = pytest.mark.usefixtures("template")  # MLflow is imported, past its own warnings


def tables(path):
    with sqlite3.connect(path) as connection:
        return {row[0] for row in connection.execute("select name from sqlite_master")}


def test_an_error_amid_the_migrations_leaves_no_database(tmp_path, monkeypatch):
    class Dies:
        def __init__(self, tracking_uri):
            self.path = tracking_uri.removeprefix("sqlite:///")

        def search_experiments(self, max_results):
            with sqlite3.connect(self.path) as connection:
                connection.execute("create table experiments (half integer)")
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(database, "MlflowClient", Dies)
        with pytest.raises(KeyboardInterrupt):
            database.ready(tmp_path / "mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()
    database.ready(tmp_path / "mlflow.db")
    assert "runs" in tables(tmp_path / "mlflow.db")
    assert not list(tmp_path.glob(".mlflow.db*"))


@pytest.mark.long
def test_a_home_without_a_database_takes_the_one_made_ahead(lab):
    for file in lab.home.root.glob("mlflow.db*"):
        file.unlink()
    lab.write(lab.simulated(2))
    with launcher.warmed(lab.home, None):
        process = launcher.start(lab.home)
        try:
            assert wait_drained(lab.home, lab.journal, "s1") == 0
        finally:
            process.kill()
            process.wait()
    assert len(lab.runs()[1]) == 2
    assert not list(lab.home.root.glob(".mlflow.db*"))


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(0.3, marks=pytest.mark.long),
        *(pytest.param(seconds, marks=pytest.mark.night) for seconds in (0.05, 0.6, 1.0)),
    ],
)
def test_killed_while_it_is_made_it_is_made_anew(tmp_path, after):
    """`after` seconds from the first byte of the file that MLflow writes to."""
    code = (
        "import sys, pathlib\nfrom lanewise.dashboards import database\n"
        "database.ready(pathlib.Path(sys.argv[1]))"
    )
    path = tmp_path / "mlflow.db"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(tmp_path.iterdir()):
            time.sleep(0.01)
        time.sleep(after)
        os.kill(process.pid, signal.SIGKILL)
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert {"runs", "experiments", "inputs"} <= tables(path)


def test_only_the_homes_databases_wait_for_no_disk(tmp_path):
    import sqlalchemy as sa

    def synchronous(path):
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            found = connection.execute(sa.text("PRAGMA synchronous")).scalar()
        engine.dispose()
        return found

    sqlite3.connect(tmp_path / "mlflow.db").close()
    assert synchronous(tmp_path / "mlflow.db") == 2
    (tmp_path / "mlflow.db").touch()
    database.ready(tmp_path / "mlflow.db")
    assert synchronous(tmp_path / "mlflow.db") == 1
    assert synchronous(tmp_path / "other.db") == 2
    database.flush(tmp_path / "mlflow.db")  # without a log there is nothing to flush


def test_what_a_connection_knows_is_not_repeated(tmp_path):
    """MLflow's words at the beginning of a session reach a connection once; others go through."""
    import sqlalchemy as sa
    from sqlalchemy.orm import Session

    heard = []

    def count_in(path):
        engine = sa.create_engine(f"sqlite:///{path}")
        sa.event.listen(engine, "before_cursor_execute", lambda *args: heard.append(args[2]))
        heard.clear()
        with Session(engine) as session:
            for setting in database.SETTINGS:
                session.execute(sa.text(setting))
            on = session.execute(sa.text("PRAGMA foreign_keys")).scalar()
        engine.dispose()
        return on, len(heard)

    database.ready(tmp_path / "mlflow.db")
    assert count_in(tmp_path / "mlflow.db") == (1, 1)
    assert count_in(tmp_path / "other.db") == (1, 4)


def test_mlflow_still_says_these_words(lab, new_database, monkeypatch):
    """If a release of MLflow words its settings differently, they go through: slower, not wrong."""
    skipped = []
    monkeypatch.setattr(
        database, "IteratorResult", lambda *args: skipped.append(1) or IteratorResult(*args)
    )
    lab.write(lab.simulated(1))
    lab.drain()
    assert len(skipped) > 10
