"""Reading the rows that a source names into a table.

| source | what it is |
|---|---|
| `sklearn:NAME` | a set that scikit-learn bundles; no network |
| `csv:PATH`, or a path that ends in .csv or .csv.gz | see `files.read_csv` |
| `parquet:PATH` | Parquet files |
| `npy:FOLDER` | a folder with X.npy and y.npy, as npz |
| `npz:PATH` | arrays X [N, D], [N, T, F] or [N, C, H, W] and y [N]; the groups are an array [N]
  under any name |
| `images:FOLDER` | pictures, in a folder for each class; see `images` |
| `series:PATH` | CSV or Parquet files of series side by side; see `series` |
| `python:FILE.py:name`, `python:package.module:name` | a function without arguments that returns
  what `lw.tune(data=…)` takes: (X, y), (DataFrame, y) or (DataFrame, "target"); X or a
  DataFrame alone for windows of series and for tasks without a target |

Paths are relative to the sweep file; of CSV and Parquet files there may be several, by a pattern
(`csv:day-*.csv`). What becomes of the columns stands in `convert`.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lanewise.trainables.data.array_files import load_npy, load_npz
from lanewise.trainables.data.arrays import Frame, normalised
from lanewise.trainables.data.block import FORMS
from lanewise.trainables.data.columns import MEMORY, Columns, Request, places, refuse_order
from lanewise.trainables.data.convert import from_block, from_frame, from_matrix, learned
from lanewise.trainables.data.files import CSV_SUFFIXES, read_csv, read_parquet, stacked
from lanewise.trainables.data.given import plain
from lanewise.trainables.data.images import load_images
from lanewise.trainables.data.parquet import stream, weight
from lanewise.trainables.data.paths import locate_all
from lanewise.trainables.data.prose import load_text
from lanewise.trainables.data.series import from_series
from lanewise.trainables.data.table import Rows, Table
from lanewise.trainables.data.types import NUMBER, Types
from lanewise.trainables.errors import DataError, ModelError, listing, nearest
from lanewise.trainables.user_code.references import resolve

if TYPE_CHECKING:
    import pandas as pd

_HEAD = 1000  # rows that are looked at for leading zeros
_PADDED = re.compile(r"[-+]?0[0-9]+$")
_OF_SERIES = ("series", "csv", "parquet", "python")
SKLEARN = ("digits", "breast_cancer", "wine", "iris", "diabetes")


def load(source: str, *, target: str | None, base: Path, group: str | None = None) -> Table:
    """The table that `source` names, as `load_rows`."""
    rows = load_rows(source, Columns(target, group), base)
    assert isinstance(rows, Table)
    return rows


def load_rows(
    source: str,
    columns: Columns,
    base: Path,
    types: Types | None = None,
    memory: int = MEMORY,
) -> Rows:
    """The rows that `source` names; relative paths resolve against `base`.

    Args:
        types: of the main source's columns, as which those of a part are read.
        memory: bytes; larger arrays stay in their file, and larger Parquet becomes such a file.

    Raises:
        DataError: with the path "data.source", "data.target", "data.group" or "data.order", in one
            line. An exception inside a user's function is its cause, with its traceback.
    """
    kind, _, name = source.partition(":")
    if kind not in SOURCES and source.lower().endswith(CSV_SUFFIXES):
        misspelt = name and nearest(kind, SOURCES) and not os.path.exists(base / source)
        kind, name = (kind, name) if misspelt else ("csv", source)
    if kind not in SOURCES or not name:
        allowed = f"{listing(f'{kind}:…' for kind in SOURCES)} or a path that ends in .csv"
        hint = f"; did you mean 'sklearn:{kind}'?" if kind in SKLEARN else nearest(kind, SOURCES)
        message = f"{source!r} is not a data source ({allowed}{hint})"
        raise DataError("data.source", message)
    if columns.series and kind not in _OF_SERIES:
        message = f"{source} has no columns of series ({listing(f'{k}:…' for k in _OF_SERIES)})"
        raise DataError("data.series", message)
    return SOURCES[kind](Request(name, columns, base, types, memory))


def _load_sklearn(asked: Request) -> Rows:
    name = asked.name
    if name not in SKLEARN:
        allowed = f"{listing(SKLEARN)}{nearest(name, SKLEARN)}"
        raise DataError("data.source", f"scikit-learn bundles no set {name!r} ({allowed})")
    if asked.target not in (None, "target"):
        message = f"sklearn:{name} has its own target; leave {asked.target!r} out"
        raise DataError("data.target", message)
    if asked.group is not None:
        message = f"sklearn:{name} has no column of groups; leave {asked.group!r} out"
        raise DataError("data.group", message)
    from sklearn import datasets

    refuse_order(asked, f"sklearn:{name}")
    bunch = getattr(datasets, f"load_{name}")()
    table = from_matrix(bunch.data, bunch.target, [str(column) for column in bunch.feature_names])
    return replace(table, shape=(1, 8, 8)) if name == "digits" else table


def _load_csv(asked: Request) -> Rows:
    files = locate_all(asked.name, asked.base)
    name = asked.name if len(files) > 1 else files[0].name
    columns = asked.columns
    if asked.types is not None:
        frame = _read_csv(files, {*columns.ids, *asked.types.written})
        return _rows_of(frame, asked, name, is_written=True)
    frame = _read_csv(files, {*columns.ids, *(column for column, _ in columns.types)})
    types = learned(frame, columns, is_written=True)
    if types.misread:
        frame = _read_csv(files, {*types.written, *types.misread})
        types = learned(frame, columns, is_written=True)
    types = replace(types, notes=(*types.notes, *_leading_zeros(files[0], frame, types)))
    return _rows_of(frame, replace(asked, types=types), name, is_written=True)


def _read_csv(files: Sequence[Path], as_text: set[str]) -> pd.DataFrame:
    """The rows of files; a column that is text in one of them is text in all, as written."""
    frames = [(file.name, read_csv(file, as_text)) for file in files]
    of_text = {
        str(c).strip() for _, f in frames for c in f.columns if f[c].dtype.kind not in "iufb"
    }
    mixed = {str(c).strip() for _, f in frames for c in f.columns if f[c].dtype.kind in "iufb"}
    if differ := of_text & mixed:
        frames = [(file.name, read_csv(file, as_text | differ)) for file in files]
    return stacked(frames)


def _leading_zeros(file: Path, frame: pd.DataFrame, types: Types) -> Iterator[str]:
    """What to say of whole numbers such as 08001, which lose their zero."""
    names = [str(name).strip() for name in frame.columns if frame[name].dtype.kind in "iu"]
    if not names:
        return
    head = read_csv(file, names, rows=_HEAD)
    for column in head.columns:
        name = str(column).strip()
        found = [value for value in head[column] if isinstance(value, str) and _PADDED.match(value)]
        if name in names and found and types[name].type == NUMBER:
            told = f"{name}: numbers such as {found[0]!r} lose their leading zeros"
            yield f"{told}; data.columns: {{{name}: category}} keeps them as they are"


def _rows_of(frame: pd.DataFrame, asked: Request, name: str, *, is_written: bool = False) -> Rows:
    """A row of the frame each, or windows over its rows."""
    read = from_series if asked.columns.series else from_frame
    return read(frame, asked.columns, name, is_written=is_written, types=asked.types)


def _load_parquet(asked: Request) -> Rows:
    files = locate_all(asked.name, asked.base)
    if weight(files) > asked.memory and not asked.columns.series:
        return stream(files, asked.columns)
    frame = stacked([(file.name, read_parquet(file)) for file in files])
    return _rows_of(frame, asked, asked.name if len(files) > 1 else files[0].name)


def _load_series(asked: Request) -> Rows:
    if asked.columns.series is None:
        raise DataError("data.series", "name the column of time: {time: …, window: …, horizon: …}")
    is_csv = asked.name.lower().endswith(CSV_SUFFIXES)
    return _load_csv(asked) if is_csv else _load_parquet(asked)


def _load_python(asked: Request) -> Rows:
    try:
        function = resolve(asked.name, asked.base, "data.source")
    except ModelError as error:
        raise DataError("data.source", error.message) from error.__cause__
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for results
            returned = function()
    except Exception as error:
        message = f"{asked.name} failed: {type(error).__name__}: {error}"
        raise DataError("data.source", message) from error
    if not isinstance(returned, tuple):
        returned = plain(returned, "data.source")
    if asked.columns.series:
        if not hasattr(returned, "columns"):
            message = f"{asked.name} returned a {type(returned).__name__}, not a DataFrame"
            raise DataError("data.source", f"{message} of series")
        return _rows_of(returned, asked, asked.name)
    if not asked.columns.has_target and not isinstance(returned, tuple):
        if hasattr(returned, "columns"):
            return _rows_of(returned, asked, asked.name)
        returned = (returned, np.zeros(np.shape(returned)[:1]))
    try:
        given = normalised(returned)
    except DataError as error:
        raise DataError("data.source", f"{asked.name} returned bad data: {error.message}") from None
    own = given.target if isinstance(given, Frame) else "target"
    if asked.target not in (None, own):
        message = f"{asked.name} returns its own target, {own!r}; leave {asked.target!r} out"
        raise DataError("data.target", message)
    if isinstance(given, Frame):
        columns = replace(asked.columns, target=own)
        return _rows_of(given.frame, replace(asked, columns=columns), asked.name)
    refuse_order(asked, asked.name)
    if asked.group is not None:
        message = f"{asked.name} returns arrays, which have no column {asked.group!r}"
        raise DataError("data.group", f"{message}; return a DataFrame")
    if given.X.ndim - 1 in FORMS:
        return from_block(given.X, given.y)
    return from_matrix(given.X, given.y, places(given.X.shape[1]))


SOURCES: dict[str, Callable[[Request], Rows]] = {
    "sklearn": _load_sklearn,
    "csv": _load_csv,
    "parquet": _load_parquet,
    "npz": load_npz,
    "npy": load_npy,
    "images": load_images,
    "series": _load_series,
    "text": load_text,
    "python": _load_python,
}
