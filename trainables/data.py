"""Reading data sources into tables, and writing a Python caller's arrays where they can be read.

Sources: `sklearn:NAME` (bundled, no network), `csv:PATH` (or any path that ends in .csv),
`npz:PATH` (arrays X and y) and `parquet:PATH`. Infinite feature values count as missing; a row
whose target is missing or infinite is dropped and counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainables.arrays import Source as Source
from trainables.arrays import save_arrays as save_arrays
from trainables.errors import DataError, listing, nearest
from trainables.table import Array, Table, numbers, texts
from trainables.table import identity as identity

if TYPE_CHECKING:
    import pandas as pd

SKLEARN = ("digits", "breast_cancer", "wine", "iris", "diabetes")


def load(source: str, *, target: str | None, base: Path) -> Table:
    """The table that `source` names; relative paths resolve against `base`.

    Raises:
        DataError: with the path "data.source" or "data.target", in one line.
    """
    kind, _, rest = source.partition(":")
    misspelt = rest and nearest(kind, SOURCES)
    if kind not in SOURCES and source.lower().endswith(".csv") and not misspelt:
        kind, rest = "csv", source
    if kind not in SOURCES or not rest:
        allowed = "sklearn:NAME, csv:PATH, npz:PATH, parquet:PATH or a path that ends in .csv"
        message = f"{source!r} is not a data source ({allowed}{nearest(kind, SOURCES)})"
        raise DataError("data.source", message)
    return SOURCES[kind](rest, target, base)


def locate(path: str, base: Path) -> Path:
    """The existing file that `path` names, seen from `base`."""
    found = base / Path(path).expanduser()
    if found.is_dir():
        raise DataError("data.source", f"{found} is a folder, not a file")
    if not found.exists():
        siblings = [p.name for p in found.parent.iterdir()] if found.parent.is_dir() else []
        raise DataError("data.source", f"no file {found}{nearest(found.name, siblings)}")
    return found


def _load_sklearn(name: str, target: str | None, base: Path) -> Table:
    if name not in SKLEARN:
        allowed = f"{listing(SKLEARN)}{nearest(name, SKLEARN)}"
        raise DataError("data.source", f"scikit-learn bundles no set {name!r} ({allowed})")
    if target not in (None, "target"):
        raise DataError("data.target", f"sklearn:{name} has its own target; leave {target!r} out")
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    names = [str(column) for column in bunch.feature_names]
    return _matrix(bunch.data, bunch.target, names)


def _load_csv(path: str, target: str | None, base: Path) -> Table:
    import pandas as pd

    file = locate(path, base)
    try:
        with warnings.catch_warnings():
            # pandas only warns when rows are longer than the header, and then cuts them.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                file,
                sep=_separator(file),
                encoding="utf-8-sig",
                skipinitialspace=True,
                low_memory=False,
                index_col=False,
            )
    except pd.errors.EmptyDataError:
        raise DataError("data.source", f"{file.name} is empty") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeError, OSError) as error:
        raise DataError("data.source", f"{file.name} is no readable CSV: {error}") from None
    return _frame(frame, target, file.name)


def _separator(file: Path) -> str:
    """The commonest of comma, semicolon and tab in the header; comma when there is none."""
    with file.open("rb") as lines:
        header = lines.readline(65536)
    return max(",;\t", key=lambda mark: header.count(mark.encode()))


def _load_parquet(path: str, target: str | None, base: Path) -> Table:
    import pandas as pd

    file = locate(path, base)
    try:
        frame = pd.read_parquet(file)
    except Exception as error:  # pyarrow has many types for "not a parquet file"
        raise DataError("data.source", f"{file.name} is no readable Parquet: {error}") from None
    return _frame(frame, target, file.name)


def _load_npz(path: str, target: str | None, base: Path) -> Table:
    file = locate(path, base)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            absent = [name for name in ("X", "y") if name not in arrays.files]
            if absent:
                found = f"it has {listing(arrays.files)}"
                raise DataError("data.source", f"{file.name} has no array {absent[0]!r} ({found})")
            X, y = arrays["X"], arrays["y"]
    except DataError:
        raise
    except Exception as error:  # zip, header and object-array errors alike
        raise DataError("data.source", f"{file.name} is no readable NPZ: {error}") from None
    if target not in (None, "y", "target"):
        raise DataError("data.target", f"the target of an NPZ file is its array y, not {target!r}")
    if X.ndim != 2 or X.dtype.kind not in "biuf" or y.shape != X.shape[:1]:
        shapes = f"X is {X.dtype} {X.shape}, y is {y.dtype} {y.shape}"
        message = f"{file.name}: X must be numbers [N, D] and y [N]; {shapes}"
        raise DataError("data.source", message)
    return _matrix(X, y, [f"x{column}" for column in range(X.shape[1])])


SOURCES: dict[str, Callable[[str, str | None, Path], Table]] = {
    "sklearn": _load_sklearn,
    "csv": _load_csv,
    "npz": _load_npz,
    "parquet": _load_parquet,
}


def _matrix(X: Array, y: Array, names: list[str]) -> Table:
    keep, labels = _target(y)
    columns = tuple(names)
    table = Table(numbers(X), columns, {}, columns, labels, "target", int((~keep).sum()))
    return _nonempty(table, keep)


def _frame(frame: pd.DataFrame, target: str | None, name: str) -> Table:
    import pandas as pd

    frame.columns = pd.Index([str(column).strip() for column in frame.columns])
    columns = list(frame.columns)
    if target is None:
        message = f"name the target column of {name} (columns: {listing(columns)})"
        raise DataError("data.target", message)
    if target not in columns:
        near = nearest(target, columns)
        message = f"column {target!r} is not in {name} (columns: {listing(columns)}{near})"
        raise DataError("data.target", message)
    if columns.count(target) > 1:
        raise DataError("data.target", f"{name} has more than one column {target!r}")
    features = frame.drop(columns=target)
    is_number = pd.api.types.is_numeric_dtype
    is_bool = pd.api.types.is_bool_dtype
    numeric = [c for c in features if is_number(features[c]) and not is_bool(features[c])]
    categories = {str(c): texts(features[c]) for c in features if c not in numeric}
    x_ND = features[numeric].to_numpy(dtype=np.float64, na_value=np.nan)
    keep, labels = _target(frame[target].to_numpy())
    dropped = int((~keep).sum())
    every = tuple(map(str, features.columns))
    names = tuple(map(str, numeric))
    table = Table(numbers(x_ND), names, categories, every, labels, target, dropped)
    return _nonempty(table, keep)


def _nonempty(table: Table, keep: Array) -> Table:
    """Only the rows to keep, if there are any, and at least one feature."""
    if not len(table):
        raise DataError("data.source", "the data has no rows")
    if not keep.any():
        raise DataError("data.target", f"every value of {table.target_name!r} is missing")
    if not table.columns:
        raise DataError("data.source", "the data has no column besides the target")
    return table if keep.all() else table.take(np.flatnonzero(keep))


def _target(y: Array) -> tuple[Array, Array]:
    """Which rows have a target, and the target as int64, float64, bool or object of str."""
    if y.dtype.kind in "iub":
        return np.ones(len(y), bool), y.astype(bool if y.dtype.kind == "b" else np.int64)
    if y.dtype.kind == "f":
        return np.isfinite(y), y.astype(np.float64)
    labels = texts(y)
    keep = np.array([label is not None for label in labels], dtype=bool)
    present = {type(value) for value, kept in zip(y.tolist(), keep, strict=True) if kept}
    if present and present <= {int, float}:  # pandas' nullable numbers come as objects
        return keep, np.array([v if k else np.nan for v, k in zip(y, keep, strict=True)], float)
    return keep, labels
