"""Homes with odd paths, homes that moved, databases that were replaced: all stays in the home."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from lanewise.dashboards import tail as tails
from lanewise.dashboards.moved import relocate
from lanewise.dashboards.state import local_file, read_cursor
from lanewise.dashboards.summary import summary
from lanewise.search.store.home import Home
from lanewise.search.store.view import open_view


@pytest.fixture
def lab_in(lab, template):
    """A lab whose home has a given name."""
    made = []

    def make(name):
        made.append(type(lab)(Home(lab.home.root.parent / name)))
        shutil.copy(template, made[-1].home.root / "mlflow.db")
        return made[-1]

    yield make
    for one in made:
        one.journal.close()


def files_of(lab, run):
    return Path(url2pathname(urlsplit(run.info.artifact_uri).path))


@pytest.mark.parametrize("name", ["q?a=1&b=%20#f", "a%41b to 100%"])
def test_whatever_a_home_is_called_it_keeps_everything_inside(lab_in, name):
    lab = lab_in(name)
    before = sorted(lab.home.root.parent.iterdir())
    lab.write(lab.simulated(2))
    assert lab.drain() == 0
    parent, children = lab.runs()
    assert len(children) == 2
    with sqlite3.connect(local_file(lab.home)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (3,)
    assert (lab.home.root / "mlflow.db").samefile(local_file(lab.home))
    for run in (parent, *children.values()):
        folder = files_of(lab, run)
        assert folder.is_relative_to(lab.home.root)
        assert {file.name for file in folder.iterdir()} & {"config.json", "sweep.yaml"}
    shown = summary(open_view(lab.journal, "s1"), lab.home)
    assert shown["mlflow"]["tracking_uri"] == lab.uri
    assert sorted(lab.home.root.parent.iterdir()) == before


@pytest.mark.parametrize("copied", [True, False])
def test_a_home_that_moved_takes_everything_along(lab_in, copied):
    lab = lab_in("first")
    lab.write(lab.simulated(4)[:-6])
    lab.drain()
    old = lab.home.root
    target = old.parent / "elsewhere" / "second #2"
    target.parent.mkdir()
    lab.journal.close()
    shutil.copytree(old, target)
    if not copied:
        shutil.rmtree(old)
    left = sorted(old.rglob("*"))
    moved = type(lab)(Home(target))
    moved.write(lab.simulated(4)[-6:])
    assert read_cursor(moved.home, "s1").tracking_uri is None
    assert moved.drain() == 0
    parent, children = moved.runs()
    assert len(children) == 4
    for run in (parent, *children.values()):
        folder = files_of(moved, run)
        assert folder.is_relative_to(target)
        assert list(folder.iterdir())
    assert sorted(old.rglob("*")) == left
    shown = summary(open_view(moved.journal, "s1"), moved.home)
    assert shown["mlflow"]["tracking_uri"] == moved.uri
    moved.journal.close()


def test_an_experiment_of_a_persons_own_stays_where_it_is(lab_in):
    lab = lab_in("home")
    elsewhere = lab.home.root.parent / "data" / "artifacts" / "mine"
    elsewhere.mkdir(parents=True)
    made = lab.client().create_experiment("mine", artifact_location=elsewhere.as_uri())
    relocate(lab.home)
    assert lab.client().get_experiment(made).artifact_location == elsewhere.as_uri()


def test_a_home_by_another_name_is_no_other_home(lab_in):
    lab = lab_in("home")
    lab.write(lab.simulated(1))
    lab.drain()
    where = lab.runs()[0].info.artifact_uri
    link = lab.home.root.parent / "link"
    link.symlink_to(lab.home.root)
    relocate(Home(link))
    assert lab.runs()[0].info.artifact_uri == where


@pytest.fixture
def running(lab, new_database):
    """A sweep under way and its tail, which has sent all there was."""
    events = lab.simulated(5)
    lab.write(events[:-6])
    with lab.home.controller_lock("s1"):
        launch = lab.journal.launches()[0][0]
        tail = tails.Tail(lab.home, lab.journal, launch, lab.uri, at_once=True)
        tail.step()
        yield lab, tail, events[-6:]
        tail.close()


def follow(tail):
    tail.retry_at = 0.0
    while tail.attempt() or not tail.is_shown:
        tail.retry_at = 0.0


def check(lab, numbers=range(5)):
    _, children = lab.runs()
    assert children.keys() == set(numbers)
    assert all("best_epoch" in run.data.metrics for run in children.values())
    for run in children.values():
        assert lab.client().get_metric_history(run.info.run_id, "loss")


@pytest.mark.parametrize("also", ["", "-wal"])
def test_a_database_that_is_deleted_amid_a_sweep_is_written_anew(running, also):
    lab, tail, rest = running
    os.unlink(lab.home.root / "mlflow.db")
    if also:
        os.unlink(lab.home.root / f"mlflow.db{also}")
    assert not tail.attempt()  # without news, too
    lab.write(rest)
    follow(tail)
    check(lab)


def test_an_older_copy_in_its_place_is_completed(running, template):
    """It has the parent and some trials, which lack what came later."""
    lab, tail, rest = running
    file = lab.home.root / "mlflow.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        older = sqlite3.connect(lab.home.root / "older.db")
        connection.backup(older)
    older.execute("DELETE FROM metrics WHERE key = 'loss'")
    older.commit()
    older.close()
    os.replace(lab.home.root / "older.db", file)
    lab.write(rest)
    follow(tail)
    check(lab)


def test_a_database_of_ones_own_is_written_anew_as_well(lab, template, tmp_path):
    mine = tmp_path / "mine" / "runs.db"
    mine.parent.mkdir()
    shutil.copy(template, mine)
    lab.write(lab.simulated(3))
    assert lab.drain(uri=f"sqlite:///{mine}") == 0
    shutil.rmtree(mine.parent)
    launch = lab.journal.launches()[0][0]
    tail = tails.Tail(lab.home, lab.journal, launch, f"sqlite:///{mine}", rebuild=True)
    follow(tail)
    tail.close()
    with sqlite3.connect(mine) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (4,)
