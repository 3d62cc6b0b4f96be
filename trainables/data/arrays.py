"""A Python caller's arrays and data frames, and writing them where `data.load` can read them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data.convert import check_single
from lanewise.trainables.data.files import check_names
from lanewise.trainables.data.given import flat_name, plain
from lanewise.trainables.data.labels import (
    integers_of,
    may_be_rounded,
    values_of,
    vector,
    whole_with_gaps,
)
from lanewise.trainables.data.names import clean
from lanewise.trainables.data.table import Array, text
from lanewise.trainables.data.values import is_categorical, is_number_type
from lanewise.trainables.errors import DataError, listing, nearest

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Source:
    """What `load` takes: the source string, the name of its target, the name of its groups."""

    source: str
    target: str
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Matrix:
    """Numbers X [N, D], [N, T, F] or [N, C, H, W] and y [N], and the group of each row [N]."""

    X: Array
    y: Array
    groups: Array | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """A data frame of our own, with the names of its target and its group column."""

    frame: pd.DataFrame
    target: str
    group: str | None = None


def save_arrays(folder: Path, data: Any, groups: Any = None) -> Source:
    """Write `data` into `folder` under a name made of its content, once.

    Args:
        data, groups: see `normalised`.

    Returns:
        "npz:/abs/….npz" for numbers, "parquet:/abs/….parquet" for anything else.
    """
    given = normalised(data, groups)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(given, Matrix):
        return _save_matrix(folder, given)
    return _save_frame(folder, given)


def save_series(folder: Path, frame: pd.DataFrame) -> str:
    """Write a data frame of series, its named index as a column; the source that reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = plain(frame, "data")
    frame = frame if frame.index.name is None else frame.reset_index()
    return _save_frame(folder, Frame(_plain(frame.copy()), "")).source


def normalised(data: Any, groups: Any = None) -> Matrix | Frame:
    """What a Python caller gives as data, in one of two forms.

    Args:
        data: (X, y) of numpy arrays or lists, (texts, y), (DataFrame, Series or array), or
            (DataFrame, "name of its target column").
        groups: one value per row, or the name of a column of the DataFrame.

    Raises:
        DataError: at "data", "data.target" or "groups".
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        forms = "(X, y), (DataFrame, y) or (DataFrame, 'target column')"
        raise DataError("data", f"give {forms}, not {type(data).__name__}")
    X, y = plain(data[0], "data"), data[1]
    _check_order(X, groups, "groups")
    if isinstance(y, tuple) and y in _levels(data[0]):
        y = flat_name(y)
    if isinstance(y, str):
        return _framed(_own_column(X, y, "data.target"), y, groups)
    y = plain(y, "data.target")
    _check_order(X, y, "y")
    labels = _labels(y)
    if hasattr(X, "columns"):
        return _framed(*_joined(X.copy(), _as_category(y, labels), "target", "y"), groups)
    if _are_texts(X):
        return _framed(*_joined(_column_of(X), labels, "target", "y"), groups)
    matrix = _features(X)
    if len(matrix) != len(labels):
        raise DataError("data", f"X has {len(matrix)} rows and y has {len(labels)}")
    if matrix.ndim > 2 and labels.dtype.kind not in "biuf":
        # Never pickled objects; "" is missing.
        labels = np.array([text(label) or "" for label in labels])
    # Numbers that are labels of a category are no numbers.
    are_numbers = labels.dtype.kind in "biuf" and not is_categorical(y)
    if matrix.dtype.kind in "biuf" and (matrix.ndim > 2 or are_numbers):
        return Matrix(matrix, labels, _group_labels(groups, len(matrix)))
    values = _as_category(y, labels)
    return _framed(*_joined(_frame_of(matrix), values, "target", "y"), groups)


def _as_category(y: Any, labels: Array) -> Any:
    """The labels as pandas' category, if they came as one."""
    import pandas as pd

    return pd.Categorical(labels) if is_categorical(y) else labels


def _framed(frame: pd.DataFrame, target: str, groups: Any) -> Frame:
    if isinstance(groups, str):
        return Frame(_plain(_own_column(frame, groups, "groups")), target, groups)
    values = _group_labels(groups, len(frame))
    if values is None:
        return Frame(_plain(frame), target)
    frame, group = _joined(frame, values, "groups", "groups")
    return Frame(_plain(frame), target, group)


def _are_texts(X: Any) -> bool:
    """Whether X is a list of texts rather than of rows."""
    is_flat = isinstance(X, list | tuple) or getattr(X, "ndim", 0) == 1
    return is_flat and len(X) > 0 and all(value is None or isinstance(value, str) for value in X)


def _column_of(texts: Iterable[str | None]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"text": list(texts)})


def _features(X: Any) -> Array:
    try:
        matrix = np.asarray(X)
    except ValueError:
        raise DataError("data", "the rows of X differ in length") from None
    except (TypeError, RuntimeError) as error:  # tensors within lists, arrays of other devices
        raise DataError("data", f"X cannot be read as an array: {error}") from None
    if matrix.ndim not in (2, 3, 4):
        forms = "[N, D], [N, T, F] or [N, C, H, W]"
        raise DataError("data", f"X must be {forms}, not {list(matrix.shape)}")
    if matrix.ndim > 2 and matrix.dtype.kind == "O":
        matrix = _numbers(matrix)
    if matrix.ndim > 2 and matrix.dtype.kind not in "biuf":
        raise DataError("data", f"X {list(matrix.shape)} must be numbers, not {matrix.dtype}")
    if matrix.dtype.kind == "c":
        raise DataError("data", "X holds complex numbers; give real and imaginary parts")
    if matrix.dtype.kind in "OU" and not isinstance(X, np.ndarray):
        return np.array([list(row) for row in X], dtype=object)  # keeps 1 beside "a" a number
    return matrix


def _numbers(matrix: Array) -> Array:
    """Python's numbers as floats, None as NaN; as it was where there are others."""
    try:
        return matrix.astype(np.float64)
    except (TypeError, ValueError):
        return matrix


def _labels(y: Any) -> Array:
    """[N], whole numbers exact."""
    try:
        if hasattr(y, "iloc"):
            labels = y.to_numpy() if hasattr(y, "columns") else values_of(y)
        else:
            labels = np.asarray(y.to_numpy()) if hasattr(y, "to_numpy") else vector(y)
    except ValueError:
        raise DataError("data", "the values of y differ in length") from None
    except (TypeError, RuntimeError) as error:
        raise DataError("data", f"y cannot be read as an array: {error}") from None
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError("data", f"y must be [N], not {list(labels.shape)}")
    if labels.dtype.kind == "S":
        labels = np.array([text(label) for label in labels], dtype=object)
    return whole_with_gaps(labels)


def _levels(X: Any) -> Container[Any]:
    """The names of columns that have several levels of names."""
    return X.columns if getattr(getattr(X, "columns", None), "nlevels", 1) > 1 else ()


def _check_order(X: Any, y: Any, name: str) -> None:
    """Raise DataError if the rows of X are those of y in another order; name: of y.

    Rows are matched by their place, as scikit-learn does; where both name them alike, and not in
    the same order, their places are surely not meant.
    """
    if not (hasattr(X, "iloc") and hasattr(y, "iloc")) or X.index.equals(y.index):
        return
    if len(X) == len(y) and X.index.is_unique and set(X.index) == set(y.index):
        message = f"X and {name} have the same index in another order; give {name}.loc[X.index]"
        raise DataError("data", f"{message}, or both after reset_index(drop=True)")


def _group_labels(groups: Any, rows: int) -> Array | None:
    if groups is None:
        return None
    groups = plain(groups, "groups")
    if isinstance(groups, str):
        raise DataError("groups", f"a column name, {groups!r}, needs a DataFrame as data")
    values = groups.to_numpy() if hasattr(groups, "to_numpy") else np.asarray(groups)
    if values.shape != (rows,):
        raise DataError("groups", f"give one value per row, [{rows}], not {list(values.shape)}")
    found = [text(value) for value in values.tolist()]
    if None in found:
        raise DataError("groups", f"{found.count(None)} rows have no group")
    return np.array(found)  # of text, never of objects, which would be pickled


def _frame_of(matrix: Array) -> pd.DataFrame:
    import pandas as pd

    names = [f"x{column}" for column in range(matrix.shape[1])]
    # Column by column, so that a column of numbers in an object array stays one of numbers.
    return pd.DataFrame(matrix.astype(object), columns=names).infer_objects()


def _own_column(frame: Any, column: str, path: str) -> pd.DataFrame:
    """A copy of the frame, which has the column."""
    if not hasattr(frame, "columns"):
        raise DataError(path, f"a column name, {column!r}, needs a DataFrame beside it")
    names = [clean(name) for name in frame.columns]
    if clean(column) not in names:
        message = f"column {column!r} is not in the DataFrame (columns: {listing(names)}"
        raise DataError(path, f"{message}{nearest(column, names)})")
    copy: pd.DataFrame = frame.copy()
    return copy


def _joined(frame: pd.DataFrame, values: Any, name: str, said: str) -> tuple[pd.DataFrame, str]:
    """The frame with one more column, under a name that it does not have."""
    if len(frame) != len(values):
        raise DataError("data", f"X has {len(frame)} rows and {said} has {len(values)}")
    while name in {str(column) for column in frame.columns}:
        name += "_"
    frame[name] = values
    return frame, name


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Text names, rows numbered anew, and columns of mixed type as text, as loading has them."""
    import pandas as pd

    frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([clean(name) for name in frame.columns])
    check_names(frame.columns, "the DataFrame")
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = _of_objects(frame[name])
        elif isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame[name] = _with_plain_labels(frame[name])
    return frame


def _of_objects(column: pd.Series[Any]) -> Any:
    """Numbers as such, truth values with gaps, else text."""
    inferred = column.infer_objects()
    if inferred.dtype != object and not may_be_rounded(inferred):
        return inferred
    check_single(column, "the DataFrame")
    values = column.dropna().tolist()
    if values and all(isinstance(value, bool | np.bool_) for value in values):
        return column.astype("boolean")
    if values and all(map(_is_exact, values)):
        return column.astype("float64")
    if values and all(isinstance(value, int | np.integer) for value in values):
        given = zip(column, column.isna(), strict=True)
        whole = integers_of([None if is_missing else int(value) for value, is_missing in given])
        if whole is not None:
            return whole
    return [text(value) for value in column] if inferred.dtype == object else inferred


def _is_exact(value: Any) -> bool:
    """Whether it is a number that a float holds; longer ones are names."""
    is_whole = isinstance(value, int | np.integer)
    return is_number_type(type(value)) and not (is_whole and abs(int(value)) > 2**53)


def _with_plain_labels(column: pd.Series[Any]) -> Any:
    """A category whose labels a Parquet file holds: numbers and truth values, or text."""
    labels = column.cat.categories
    if labels.dtype.kind in "iufb":
        return column
    check_single(labels.to_series(name=column.name), "the DataFrame")
    return column.map(text).astype("category")


def _save_matrix(folder: Path, given: Matrix) -> Source:
    arrays = {"X": given.X, "y": given.y}
    if given.groups is not None:
        arrays["groups"] = given.groups
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    file = folder.resolve() / f"{digest.hexdigest()[:16]}.npz"
    _write(file, lambda out: np.savez(out, **arrays))  # type: ignore[arg-type]
    return Source(f"npz:{file}", "y", "groups" if given.groups is not None else None)


def _save_frame(folder: Path, given: Frame) -> Source:
    draft = folder.resolve() / f".{os.getpid()}.parquet"
    try:
        given.frame.to_parquet(draft, index=False)
        digest = hashlib.sha256(draft.read_bytes()).hexdigest()[:16]
        file = draft.with_name(f"{digest}.parquet")
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return Source(f"parquet:{file}", given.target, given.group)


def _write(file: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Atomic: nobody sees half a file."""
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as draft:
        try:
            write(draft)
            draft.close()
            os.replace(draft.name, file)
        finally:
            Path(draft.name).unlink(missing_ok=True)
