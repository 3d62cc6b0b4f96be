"""From X and y to what a model trains on: checked as scikit-learn does, split as a caller says.

N rows. Missing values and columns of words are allowed, as everywhere in Lanewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import check_consistent_length, validate_data

from lanewise.trainables.data.arrays import Frame, normalised
from lanewise.trainables.data.block import FORMS
from lanewise.trainables.data.columns import Columns, Text, places
from lanewise.trainables.data.convert import from_block, from_frame, from_matrix
from lanewise.trainables.data.dataset import Prepared, prepare
from lanewise.trainables.data.inputs import Reading, read_as
from lanewise.trainables.data.split import Split
from lanewise.trainables.data.table import Array, Rows
from lanewise.trainables.errors import ConfigError, listing
from lanewise.trainables.metrics.names import TASKS
from lanewise.trainables.models import MODELS

Folds = Sequence[tuple[Array, Array]]  # row numbers of each fold's training and validation part


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows with a target, in the form that a model takes; weights: of each in the loss, [N]."""

    rows: Rows
    reading: Reading
    task: str
    weights: Array | None = None

    def prepared(self, folds: Folds) -> Prepared:
        """Each fold preprocessed by its own training part."""
        parts = Split(tuple(folds), np.empty(0, np.int64))
        made = prepare(self.rows, source="X", task=self.task, reading=self.reading, parts=parts)
        if self.weights is not None:
            w_N = [_scaled(self.weights[train]) for train, _ in folds]
            pairs = zip(made.folds, w_N, strict=True)
            made = replace(made, folds=tuple(replace(fold, w_train=w) for fold, w in pairs))
        return made.for_trials()

    def whole(self) -> Prepared:
        """All rows as the training part, and once more as the validation part."""
        every = np.arange(len(self.rows))
        return self.prepared([(every, every)])


def checked_weights(given: Any, rows: int) -> Array | None:
    """``sample_weight`` as float64 [N].

    Raises:
        ValueError: of another length, negative, or 0 for every row.
    """
    if given is None:
        return None
    weights: Array = column_or_1d(check_array(given, ensure_2d=False, dtype=np.float64))
    if len(weights) != rows:
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(rows,)}!")
    if (weights < 0).any():
        raise ValueError("sample_weight: a weight is negative; give numbers ≥ 0")
    if not weights.any():
        raise ValueError("sample_weight: every weight is zero; give some rows more")
    return weights


def _scaled(weights: Array) -> Array:
    """To a mean of 1, so that they do not change the learning rate."""
    if not weights.any():
        raise ValueError("sample_weight: every weight of a fold's training rows is zero")
    found: Array = (weights / weights.mean()).astype(np.float32)
    return found


def checked(estimator: Any, X: Any, y: Any, **of_y: bool) -> tuple[Any, Array]:
    """X and y [N] as an estimator's ``fit`` takes them; notes the features' number and names.

    Raises:
        ValueError, TypeError: scikit-learn's own, of one line.
    """
    if not _is_array(X):
        y = validate_data(estimator, y=y, **of_y)  # which forgets the names of X
        if hasattr(X, "columns"):
            validate_data(estimator, X, skip_check_array=True)
        check_consistent_length(X, y)
        return X, y
    X, y = validate_data(estimator, X, y, **_LENIENT, **of_y)
    return X, y


def checked_again(estimator: Any, X: Any) -> Any:
    """X as ``predict`` takes it: with the features of ``fit``."""
    if _is_array(X):
        return validate_data(estimator, X, reset=False, **_LENIENT)
    if hasattr(X, "columns"):
        validate_data(estimator, X, reset=False, skip_check_array=True)
    return X


_LENIENT = {
    "dtype": None,
    "accept_sparse": "csr",
    "ensure_all_finite": "allow-nan",
    "allow_nd": True,
}


def examples(
    X: Any, y: Array, *, model: Any, task: str, shape: Sequence[int] | None = None
) -> Examples:
    """The rows of X with the targets y, which are numbers, in the form that the model takes.

    Args:
        model: a built-in name, or anything for a person's own.
        task: binary, multiclass or regression.
        shape: of an example, where X has a row of numbers each: [C, H, W] or [T, F].

    Raises:
        ConfigError: at "model", one that is for other tasks. DataError: X has another form.
    """
    kind = MODELS.get(model) if isinstance(model, str) else None
    if task not in (kind.tasks if kind else TASKS):
        able = listing(name for name, each in MODELS.items() if task in each.tasks)
        raise ConfigError("model", f"{model!r} is not for {task} ({able}, or build(config, info))")
    text = Text() if kind and "text" in kind.forms and _are_texts(X) else None
    forms = kind.forms if kind else None
    rows, reading = read_as(_rows_of(X, y), forms, shape, text=text)
    return Examples(rows, reading, task)


def _rows_of(X: Any, y: Array) -> Rows:
    given = normalised((X, y))
    if isinstance(given, Frame):
        return from_frame(given.frame, Columns(given.target), "X")
    if given.X.ndim - 1 in FORMS:
        return from_block(given.X, given.y)
    return from_matrix(given.X, given.y, places(given.X.shape[1]))


def _is_array(X: Any) -> bool:
    """Whether scikit-learn's checks of arrays hold: for no frame, and no list of texts."""
    return not hasattr(X, "columns") and not _are_texts(X)


def _are_texts(X: Any) -> bool:
    if hasattr(X, "columns"):
        return False
    is_flat = isinstance(X, list | tuple) or getattr(X, "ndim", 0) == 1
    return bool(is_flat and len(X) and all(isinstance(each, str) for each in X))
