"""Small data of every form and task, and a trained model of any family on them."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.block import Block
from lanewise.trainables.data.columns import Columns, Windows
from lanewise.trainables.data.dataset import Prepared, prepare
from lanewise.trainables.data.ids import Pairs
from lanewise.trainables.data.inputs import Reading
from lanewise.trainables.data.prose import Prose
from lanewise.trainables.data.series import from_series
from lanewise.trainables.data.table import Table
from lanewise.trainables.models import MODELS
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

ROWS = 60
MONITOR = {"generation": "val_wasserstein"}

# What a model is built with beside its defaults: as few numbers as say the same.
SMALL = {
    "mlp": {"hidden": [12, 8], "norm": "batch", "residual": True},
    "cnn": {},
    "rnn": {"hidden": [6]},
    "gru": {"hidden": [6], "bidirectional": True},
    "lstm": {"hidden": [6]},
    "autoencoder": {"hidden": [9], "code": 3},
}


def combinations():
    """(model, form, task) of all that are registered, the preferred ones first."""
    found = []
    for name, model in MODELS.items():
        pairs = [(form, task) for form in model.forms for task in model.tasks]
        found += [(name, *pair) for pair in pairs if is_possible(*pair)]
    return found


def is_possible(form, task):
    """Forecasts are of sequences, and what is made again has no words."""
    if task == "forecasting":
        return form == "sequence"
    return form not in ("text", "ids") or task not in ("reconstruction", "anomaly", "generation")


def rows_of(form, task):
    rng = np.random.default_rng(0)
    number = np.arange(ROWS)
    if task == "forecasting":
        day = pd.date_range("2024-01-01", periods=ROWS)
        frame = pd.DataFrame({"day": day, "a": np.sin(number), "b": rng.normal(size=ROWS)})
        return from_series(frame, Columns(series=Windows("day", None, 6, 2)), "x")
    target = rng.normal(size=ROWS) * 3 + 20 if task == "regression" else number % 3
    if task in ("binary", "anomaly"):
        target = np.array(["no", "yes"], object)[(number % 4 == 0).astype(int)]
    if form == "table":
        x_ND = rng.normal(size=(ROWS, 3)) * [1, 50, 1] + [0, 5, 0]
        x_ND[::7, 1] = np.nan
        city = np.array([("Bern", "Rome", None)[i % 3] for i in number], object)
        columns = ("a", "city", "b", "c")
        return Table(x_ND, ("a", "b", "c"), {"city": city}, columns, target, "y")
    if form == "text":
        words = np.array(["the", "a", "cat", "dog", "sat", "ran", "on", "off", "it", "."])
        made = [" ".join(rng.choice(words, size=1 + i % 9)) for i in number]
        return Prose(np.array(made, object), "text", target, "y")
    if form == "ids":
        user = np.array([f"u{i % 7}" for i in number], object)
        item = np.array([f"i{i % 5}" for i in number], object)
        return Pairs(user, item, ("user", "item"), target, "y")
    shape = {"image": (2, 6, 5), "sequence": (7, 3)}[form]
    return Block(rng.normal(size=(ROWS, *shape)) * 4 + 1, target)


@functools.cache
def data(form, task, folds=2) -> Prepared:
    rows = rows_of(form, task)
    return prepare(
        rows,
        source="x",
        task=task,
        folds=folds,
        reading=Reading(rows.form if task == "forecasting" else form),
        anomalies=["yes"] if task == "anomaly" else None,
    )


@functools.cache
def trained(name, form, task, folds=2, epochs=1, config=None) -> TrainedModel:
    """A replica a fold; trained no longer than to be no more what it was at the start.

    Args:
        config: items of a configuration, lists as tuples; None for one of SMALL.
    """
    prepared = data(form, task, folds)
    recipe = Recipe(
        model=name,
        prepared=prepared.for_trials(),
        monitor=MONITOR.get(task, "val_loss"),
        threads=1,
    )
    given = {key: list(v) if isinstance(v, tuple) else v for key, v in config or ()}
    trial = open_trial(recipe, given if config else SMALL.get(name, {}), 1)
    trial.advance(epochs)
    with tempfile.TemporaryDirectory() as folder:
        trial.save(Path(folder) / "c")
        return TrainedModel.load(Path(folder) / "c", recipe)
