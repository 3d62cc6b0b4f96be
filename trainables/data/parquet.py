"""Parquet files that memory does not hold: their row groups, one by one, become one NPY file.

It lies in the user's cache folder (XDG_CACHE_HOME, else ~/.cache, under lanewise/), named after the
files' path, time and size: made once, and replaced when they change. Float32, NaN where missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lanewise.trainables.data.block import Block
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.convert import check_column, from_frame
from lanewise.trainables.data.mapped import Mapped, map_npy, spool
from lanewise.trainables.data.table import Array, Table
from lanewise.trainables.errors import DataError, listing


def weight(files: Sequence[Path]) -> int:
    """Bytes of all values in memory, by what the files say of themselves."""
    import pyarrow.parquet as pq

    try:
        total = 0
        for file in files:
            about = pq.read_metadata(file)
            total += sum(about.row_group(g).total_byte_size for g in range(about.num_row_groups))
    except Exception:  # no Parquet file: whoever reads it says so
        return 0
    return total


def stream(files: Sequence[Path], named: Columns) -> Block:
    """The rows of files with one schema, features left in a file of their own.

    Raises:
        DataError: at "data.source" and as `convert.from_frame`: features must be numbers.
    """
    import pyarrow.parquet as pq
    from pyarrow import types

    name = files[0].name
    schema = pq.read_schema(files[0])
    for file in files[1:]:
        if not pq.read_schema(file).equals(schema):
            raise DataError("data.source", f"{file.name} has other columns than {name}")
    beside = [each for each in (named.target, named.group, named.order) if each is not None]
    for column, path in zip(
        (named.target, named.group, named.order),
        ("data.target", "data.group", "data.order"),
        strict=True,
    ):
        if column is not None:
            check_column(path, column, schema.names, name)
    features = [field for field in schema if field.name not in beside]
    for field in features:
        if not (types.is_integer(field.type) or types.is_floating(field.type)):
            message = f"column {field.name!r} of {name} is {field.type}; in data that memory does"
            raise DataError("data.source", f"{message} not hold (data.memory), only numbers")
    columns = tuple(field.name for field in features)
    if not columns:
        raise DataError("data.source", f"{name} has no column besides {listing(beside)}")
    x, kept = _spooled(files, columns), _beside(files, beside, named, name)
    numbers = kept.x_ND[:, 0].astype(np.int64)
    return Block(
        x if len(numbers) == len(x) else x.take(numbers),
        kept.target,
        kept.target_name,
        columns=columns,
        dropped=kept.dropped,
        groups=kept.groups,
        order=kept.order,
        notes=kept.notes,
    )


def _beside(files: Sequence[Path], columns: list[str], named: Columns, name: str) -> Table:
    """Target, groups and order; the one feature is the number of the row."""
    import pandas as pd
    import pyarrow.parquet as pq

    frames = [pq.read_table(file, columns=columns).to_pandas() for file in files]
    frame = pd.concat(frames, ignore_index=True) if columns else pd.DataFrame()
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    return from_frame(frame.assign(**{_ROW: np.arange(rows)}), named, name)


_ROW = "number of the row"


def _spooled(files: Sequence[Path], columns: Sequence[str]) -> Mapped:
    import pyarrow.parquet as pq

    where, state = hashlib.sha256(), hashlib.sha256()
    for file in files:
        about = file.stat()
        where.update(str(file.resolve()).encode() + b"\0")
        state.update(f"{about.st_mtime_ns} {about.st_size} ".encode())
    state.update(repr(columns).encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lanewise"
    cache.mkdir(parents=True, exist_ok=True)
    prefix = where.hexdigest()[:16]
    path = cache / f"{prefix}-{state.hexdigest()[:16]}.npy"
    if not path.exists():
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        try:
            spool(path, _groups(files, columns), rows)
        except OSError as error:
            message = f"{files[0].name} does not fit into {cache}: {error}"
            raise DataError("data.source", message) from None
        for old in cache.glob(f"{prefix}-*.npy"):
            if old != path:
                old.unlink(missing_ok=True)
    found = map_npy(path)
    assert found is not None
    return found


def _groups(files: Sequence[Path], columns: Sequence[str]) -> Iterator[Array]:
    """Each row group's features, float32 [n, F]."""
    import pyarrow.parquet as pq

    for file in files:
        with pq.ParquetFile(file) as opened:
            for group in range(opened.num_row_groups):
                read: Any = opened.read_row_group(group, columns=list(columns))
                parts = [read.column(name).to_numpy() for name in columns]
                yield np.stack(parts, 1).astype(np.float32)
