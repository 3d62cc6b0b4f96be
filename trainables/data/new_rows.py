"""Reading a file of rows to be predicted, as the rows were read that a model learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lanewise.trainables.data.columns import Columns, Request
from lanewise.trainables.data.files import CSV_SUFFIXES, read_csv, read_parquet
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


def read_rows(file: Path, fitted: Inputs) -> NewRows:
    """The rows of a CSV or Parquet file, of an array [N, …] in an .npy, of a folder of pictures.

    Raises:
        DataError: it is none of these, or not to be read.
    """
    try:
        if file.is_dir():
            return _pictures(file, fitted)
        if not file.is_file():
            raise DataError("", f"there is no file {file}")
        name = file.name.lower()
        if name.endswith(CSV_SUFFIXES):
            return NewRows(_shaped(read_csv(file, _as_text(fitted)), fitted))
        if name.endswith(".parquet"):
            return NewRows(_shaped(read_parquet(file), fitted))
        if name.endswith(".npy"):
            return NewRows(np.load(file, allow_pickle=False))
    except ValueError as error:
        message = error.message if isinstance(error, DataError) else f"{file}: {error}"
        raise DataError("", message) from None
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
