"""Reading a file of rows to be predicted, as the rows were read that a model learned from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lanewise.trainables.data.columns import Columns, Request
from lanewise.trainables.data.files import CSV_SUFFIXES, csv_chunks, read_csv, read_parquet
from lanewise.trainables.data.ids import Ids
from lanewise.trainables.data.images import find, load_images
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.scaling import Scaling
from lanewise.trainables.data.tokens import Tokens
from lanewise.trainables.data.types import Types
from lanewise.trainables.errors import DataError


@dataclass(frozen=True)
class NewRows:
    """What a model predicts of, and the names of its rows where they are files."""

    X: Any
    names: tuple[str, ...] | None = None


def read_rows(file: Path, fitted: Inputs, rows: int = 8192) -> Iterator[NewRows]:
    """The rows of a CSV or Parquet file, of an array [N, …] in an .npy, of a folder of pictures.

    Args:
        rows: of a CSV file or an array so many are read at a time, and no more are in memory; but
            of series, which are one whole, all.

    Raises:
        DataError: it is none of these, or not to be read.
    """
    try:
        yield from _read(file, fitted, rows)
    except ValueError as error:
        message = error.message if isinstance(error, DataError) else f"{file}: {error}"
        raise DataError("", message) from None


def _read(file: Path, fitted: Inputs, rows: int) -> Iterator[NewRows]:
    name = file.name.lower()
    if file.is_dir():
        yield _pictures(file, fitted)
    elif not file.is_file():
        raise DataError("", f"there is no file {file}")
    elif name.endswith(CSV_SUFFIXES) and isinstance(fitted, Scaling) and fitted.series:
        yield NewRows(read_csv(file, _as_text(fitted)))
    elif name.endswith(CSV_SUFFIXES):
        for frame in csv_chunks(file, _as_text(fitted), rows):
            yield NewRows(_shaped(frame, fitted))
    elif name.endswith(".parquet"):
        yield NewRows(_shaped(read_parquet(file), fitted))
    elif name.endswith(".npy"):
        array = np.load(file, allow_pickle=False, mmap_mode="r")
        for first in range(0, max(1, len(array)), rows):
            yield NewRows(np.asarray(array[first : first + rows]))
    else:
        allowed = f"{', '.join(CSV_SUFFIXES)}, .parquet, .npy, or a folder of pictures"
        raise DataError("", f"{file} is no file of rows ({allowed})")


def _as_text(fitted: Inputs) -> set[str]:
    """The columns whose values a reader must leave as they are written."""
    types = getattr(fitted, "types", ())
    own: set[str] = set()
    if isinstance(fitted, Preprocess):
        own = {category.name for category in fitted.categories}
    elif isinstance(fitted, Ids):
        own = {*fitted.columns}
    elif isinstance(fitted, Tokens):
        own = {fitted.column}
    return own | Types(types).written


def _shaped(frame: Any, fitted: Inputs) -> Any:
    """A row's numbers as the picture or the sequence that a model takes."""
    if not isinstance(fitted, Scaling) or fitted.series:
        return frame
    numbers = frame.select_dtypes("number").to_numpy()
    if numbers.shape[1] != int(np.prod(fitted.shape)):
        wanted = " × ".join(map(str, fitted.shape))
        has = f"the rows have {numbers.shape[1]} columns of numbers"
        raise DataError("", f"the model takes {wanted} numbers a row, and {has}")
    return numbers.reshape(-1, *fitted.shape)


def _pictures(folder: Path, fitted: Inputs) -> NewRows:
    if not isinstance(fitted, Scaling) or len(fitted.shape) != 3:
        raise DataError("", f"{folder} is a folder, and the model takes no pictures")
    columns = Columns(None, shape=fitted.shape, has_target=False)
    block = load_images(Request(str(folder), columns, Path()))
    files = [picture.file for picture in find(str(folder), Path(), has_classes=False)]
    return NewRows(block.x, tuple(str(file.relative_to(folder)) for file in files))
