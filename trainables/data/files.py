"""Reading CSV, Parquet and NPZ files. A bad one is one line, and nothing is ever unpickled."""

from __future__ import annotations

import glob
import gzip
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import DataError, listing, nearest

if TYPE_CHECKING:
    import pandas as pd

CSV_SUFFIXES = (".csv", ".csv.gz")


def locate(path: str, base: Path) -> Path:
    """The existing file that `path` names, seen from `base`."""
    found = base / Path(path).expanduser()
    if found.is_dir():
        raise _bad(f"{found} is a folder, not a file")
    if not found.exists():
        siblings = [p.name for p in found.parent.iterdir()] if found.parent.is_dir() else []
        raise _bad(f"no file {found}{nearest(found.name, siblings)}")
    return found


def locate_folder(path: str, base: Path) -> Path:
    """The existing folder that `path` names, seen from `base`."""
    found = base / Path(path).expanduser()
    if not found.is_dir():
        message = "is a file, not a folder" if found.exists() else "does not exist"
        raise _bad(f"{found} {message}")
    return found


def locate_all(path: str, base: Path) -> list[Path]:
    """The files that `path` or a pattern such as "day-*.csv" names, by name."""
    if not any(mark in path for mark in "*?["):
        return [locate(path, base)]
    whole = str(base / Path(path).expanduser())
    found = sorted(Path(name) for name in glob.glob(whole, recursive=True))
    files = [file for file in found if file.is_file()]
    if not files:
        raise _bad(f"no file is like {whole}")
    return files


def stacked(frames: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """The rows of several files, by name, one after the other; they must have the same columns."""
    import pandas as pd

    first, frame = frames[0]
    for name, other in frames[1:]:
        apart = set(map(str, other.columns)) ^ set(map(str, frame.columns))
        if apart:
            column = min(apart)
            raise _bad(f"{first} and {name} differ: only one of them has a column {column!r}")
    if len(frames) == 1:
        return frame
    return pd.concat([other for _, other in frames], ignore_index=True)


def read_csv(file: Path, as_text: Iterable[str] = ()) -> pd.DataFrame:
    """Rows below a header; comma, semicolon or tab; UTF-8 with or without a mark; .gz as well.

    A row that is shorter than the header lacks its last values; a longer one is an error.

    Args:
        as_text: columns whose values are kept as written ("08001" does not become 8001).
    """
    import pandas as pd

    try:
        options: dict[str, Any] = {"sep": _separator(file), "encoding": "utf-8-sig"}
        options["skipinitialspace"] = True
        with warnings.catch_warnings():
            # pandas only warns when rows are longer than the header, and then cuts them.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # pandas renames a second "a" to "a.1": look at the header as it is written.
            head: pd.DataFrame = pd.read_csv(
                file, header=None, nrows=1, dtype=str, keep_default_na=False, **options
            )
            written = [str(name) for name in head.iloc[0]]
            check_names([name for name in written if name.strip()], file.name)
            wanted = set(as_text)
            kinds = {name: str for name in written if name.strip() in wanted}
            frame: pd.DataFrame = pd.read_csv(
                file, dtype=kinds, low_memory=False, index_col=False, **options
            )
            return frame
    except DataError:
        raise
    except pd.errors.EmptyDataError:
        raise _bad(f"{file.name} is empty") from None
    except UnicodeError as error:
        message = f"{file.name} is no readable CSV: it is not UTF-8 text ({error})"
        raise _bad(f"{message}; save it as UTF-8") from None
    except (ValueError, pd.errors.ParserWarning, OSError, EOFError, zlib.error) as error:
        raise _bad(f"{file.name} is no readable CSV: {error}") from None


def _separator(file: Path) -> str:
    """The commonest of comma, semicolon and tab in the header; comma when there is none."""
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
        header = lines.readline(65536)
    if b"\0" in header:
        message = "its header holds zero bytes, as binary files and UTF-16 text do"
        raise _bad(f"{file.name} is no readable CSV: {message}; save it as UTF-8")
    return max(",;\t", key=lambda mark: header.count(mark.encode()))


def read_parquet(file: Path) -> pd.DataFrame:
    """The rows of one Parquet file, each value checked against the schema that the file claims."""
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as claimed:
            whole = claimed.read()
        whole.validate(full=True)
        frame: pd.DataFrame = whole.to_pandas()
        return frame
    except Exception as error:  # pyarrow has many types for "not a parquet file"
        message = f"{file.name} is no readable Parquet: {type(error).__name__}: {error}"
        raise _bad(message) from None


def read_npz(file: Path, names: Iterable[str]) -> dict[str, Array]:
    """The named arrays of an NPZ file; arrays of Python objects are refused."""
    if not zipfile.is_zipfile(file):
        raise _bad(f"{file.name} is no readable NPZ: it is no zip archive of arrays")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            held = list(arrays.files)
            return {name: _array(arrays, name, held, file) for name in names}
    except DataError:
        raise
    except Exception as error:  # zip, zlib and header errors alike
        raise _bad(f"{file.name} is no readable NPZ: {error}") from None


def _array(arrays: Mapping[str, Array], name: str, held: list[str], file: Path) -> Array:
    if name not in held:
        raise _bad(
            f"{file.name} has no array {name!r} (it has {listing(held)}{nearest(name, held)})"
        )
    try:
        return arrays[name]
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        message = f"{file.name} is no readable NPZ: array {name!r} holds Python objects"
        raise _bad(f"{message}; save numbers or text") from None


def check_names(names: Iterable[str], name: str) -> None:
    """Raise DataError if two columns have one name."""
    twice = [column for column, times in Counter(map(str.strip, names)).items() if times > 1]
    if twice:
        raise _bad(f"{name} has more than one column {twice[0]!r}")


def _bad(message: str) -> DataError:
    return DataError("data.source", message)
