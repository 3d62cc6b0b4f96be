"""A Python caller's arrays and data frames, written where `data.load` can read them again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from trainables.errors import DataError, listing, nearest
from trainables.table import Array, text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Source:
    """What `load` takes: the source string and the name of its target."""

    source: str
    target: str


def save_arrays(folder: Path, data: Any) -> Source:
    """Write `data` into `folder` under a name made of its content, once.

    Args:
        data: (X, y) of numpy arrays or lists, (DataFrame, Series or array), or
            (DataFrame, "name of its target column").

    Returns:
        "npz:/abs/….npz" for numbers, "parquet:/abs/….parquet" for anything else.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError("data", "give (X, y), or (DataFrame, 'target column')")
    X, y = data
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(y, str):
        return _save_frame(folder, _own_target(X, y), y)
    labels = _labels(y)
    if hasattr(X, "columns"):
        return _save_frame(folder, *_join(X.copy(), labels))
    matrix = _features(X)
    if len(matrix) != len(labels):
        raise DataError("data", f"X has {len(matrix)} rows and y has {len(labels)}")
    if matrix.dtype.kind in "biuf" and labels.dtype.kind in "biuf":
        return _save_npz(folder, matrix, labels)
    import pandas as pd

    names = [f"x{column}" for column in range(matrix.shape[1])]
    # Column by column, so that a column of numbers in an object array stays one of numbers.
    frame = pd.DataFrame(matrix.astype(object), columns=names).infer_objects()
    return _save_frame(folder, *_join(frame, labels))


def _features(X: Any) -> Array:
    try:
        matrix = np.asarray(X)
    except ValueError:
        raise DataError("data", "the rows of X differ in length") from None
    if matrix.ndim != 2:
        raise DataError("data", f"X must be [N, D], not {list(matrix.shape)}")
    if matrix.dtype.kind in "OU" and not isinstance(X, np.ndarray):
        return np.array([list(row) for row in X], dtype=object)  # keeps 1 beside "a" a number
    return matrix


def _labels(y: Any) -> Array:
    labels = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError("data", f"y must be [N], not {list(labels.shape)}")
    return np.asarray(labels)


def _own_target(frame: Any, target: str) -> pd.DataFrame:
    if not hasattr(frame, "columns"):
        raise DataError("data.target", f"a column name, {target!r}, needs a DataFrame beside it")
    names = [str(name) for name in frame.columns]
    if target not in names:
        message = f"column {target!r} is not in the DataFrame (columns: {listing(names)}"
        raise DataError("data.target", f"{message}{nearest(target, names)})")
    copy: pd.DataFrame = frame.copy()
    return copy


def _join(frame: pd.DataFrame, labels: Array) -> tuple[pd.DataFrame, str]:
    """The frame with its target as one more column, under a name that it does not have."""
    if len(frame) != len(labels):
        raise DataError("data", f"X has {len(frame)} rows and y has {len(labels)}")
    target = "target"
    while target in {str(name) for name in frame.columns}:
        target += "_"
    frame[target] = labels
    return frame, target


def _save_npz(folder: Path, X: Array, y: Array) -> Source:
    digest = hashlib.sha256()
    for array in (X, y):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    file = folder.resolve() / f"{digest.hexdigest()[:16]}.npz"
    _write(file, lambda out: np.savez(out, X=X, y=y))
    return Source(f"npz:{file}", "y")


def _save_frame(folder: Path, frame: pd.DataFrame, target: str) -> Source:
    import pandas as pd

    frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([str(name) for name in frame.columns])
    for name in frame.columns:
        # Parquet has no columns of mixed type: text them, as loading would.
        if frame[name].dtype == object or isinstance(frame[name].dtype, pd.CategoricalDtype):
            inferred = frame[name].astype(object).infer_objects()
            mixed = inferred.dtype == object
            frame[name] = [text(value) for value in inferred] if mixed else inferred
    draft = folder.resolve() / f".{os.getpid()}.parquet"
    try:
        frame.to_parquet(draft, index=False)
        digest = hashlib.sha256(draft.read_bytes()).hexdigest()[:16]
        file = draft.with_name(f"{digest}.parquet")
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return Source(f"parquet:{file}", target)


def _write(file: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Atomic: nobody sees half a file."""
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as draft:
        try:
            write(draft)
            draft.close()
            os.replace(draft.name, file)
        finally:
            Path(draft.name).unlink(missing_ok=True)
