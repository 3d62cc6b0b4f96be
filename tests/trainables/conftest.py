"""Data sets, prepared once per session, and a recipe made from them."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest

from lanewise.trainables.data.dataset import Prepared, prepare
from lanewise.trainables.data.inputs import read_as
from lanewise.trainables.data.source import load
from lanewise.trainables.data.table import Table
from lanewise.trainables.data.task import infer_task
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.recipe import Recipe

# importlib mode leaves sys.path alone: the helpers beside this file are found by name all the same.
sys.path.append(str(Path(__file__).parent))

from new_optimizer import RADAM


@pytest.fixture(scope="module")
def radam():
    """An optimizer of one file and one row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OPTIMIZERS, "radam", RADAM)
        yield


@functools.cache
def _prepared(source: str, folds: int) -> Prepared:
    table = load(source, target=None, base=Path())
    task = infer_task(table, task=None, metric=None)
    return prepare(table, source=source, task=task, folds=folds, seed=0)


@pytest.fixture(scope="session")
def prepared():
    """prepared("sklearn:digits", folds=1)"""
    return lambda source="sklearn:iris", folds=1: _prepared(source, folds)


@pytest.fixture
def recipe():
    """recipe("sklearn:iris", monitor="val_accuracy", …) of the feed-forward network."""

    def make(source: str = "sklearn:iris", *, folds: int = 1, **more) -> Recipe:
        monitor = more.pop("monitor", "val_accuracy")
        mode = "min" if monitor.endswith("loss") else "max"
        data = _prepared(source, folds).for_trials()
        shared = {"model": "mlp", "prepared": data, "monitor": monitor, "mode": mode, "threads": 1}
        return Recipe(**{**shared, **more})

    return make


@functools.cache
def _prepared_digits(folds: int, task: str) -> Prepared:
    table, reading = read_as(load("sklearn:digits", target=None, base=Path()), ("image",), None)
    return prepare(table, source="sklearn:digits", task=task, folds=folds, seed=0, reading=reading)


@pytest.fixture
def image_recipe():
    """image_recipe(monitor="val_accuracy", …) of the convolutional network on 1 × 8 × 8 digits."""

    def make(*, folds: int = 1, task: str = "multiclass", **more) -> Recipe:
        data = _prepared_digits(folds, task).for_trials()
        shared = {"model": "cnn", "prepared": data, "monitor": "val_loss", "threads": 1}
        return Recipe(**{**shared, **more})

    return make


@pytest.fixture
def one_thread():
    """Tiny matrices on several threads of a busy machine take ten times as long."""
    from lanewise.trainables.training.model_trial import threads

    with threads(1):
        yield


@pytest.fixture
def table():
    """table(rows, target) with two numeric columns and one of text, some values missing."""

    def make(rows: int = 40, target: np.ndarray | None = None) -> Table:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(rows, 2)) * [1, 100] + [0, 5]
        x[::7, 1] = np.nan
        city = np.array([("Bern", "Rome", None)[i % 3] for i in range(rows)], dtype=object)
        y = np.arange(rows) % 2 if target is None else target
        return Table(x, ("a", "b"), {"city": city}, ("a", "city", "b"), y, "y")

    return make
