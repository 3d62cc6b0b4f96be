"""Reading CSV, Parquet and NPZ files. A bad one is one line, and nothing is ever unpickled."""

from __future__ import annotations

import lzma
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data.dialect import opened
from lanewise.trainables.data.labels import integers_in, integers_of, may_be_rounded
from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import DataError, listing, nearest

if TYPE_CHECKING:
    import pandas as pd

CSV_SUFFIXES = (".csv", ".csv.gz")
_UNPACKING = (zlib.error, lzma.LZMAError, zipfile.BadZipFile)


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


def read_csv(file: Path, as_text: Iterable[str] = (), rows: int | None = None) -> pd.DataFrame:
    """Rows below a header, in any dialect that `dialect.opened` knows.

    A row that is shorter than the header lacks its last values; a longer one is an error.

    Args:
        as_text: columns whose values are kept as written ("08001" does not become 8001).
        rows: the most that are read; None for all.
    """
    import pandas as pd

    with _opened_csv(file, as_text) as (text, written, options):
        start = text.tell()
        frame: pd.DataFrame = pd.read_csv(text, nrows=rows, low_memory=False, **options)
        if rounded := [column for column in frame.columns if may_be_rounded(frame[column])]:
            text.seek(start)
            exactly = {**options, "dtype": str}
            words = pd.read_csv(text, usecols=rounded, nrows=rows, **exactly)
            frame = frame.assign(**dict(_whole(words)))
        return _without_nothing(frame, written)


def csv_chunks(file: Path, as_text: Iterable[str], rows: int) -> Iterator[pd.DataFrame]:
    """As `read_csv`, so many rows at a time, for a model: whole numbers that floats do not tell
    apart are not looked for, and a column's type is that of the chunk.
    """
    import pandas as pd

    with (
        _opened_csv(file, as_text) as (text, written, options),
        pd.read_csv(text, chunksize=rows, low_memory=False, **options) as chunks,
    ):
        for chunk in chunks:
            yield _without_nothing(chunk, written)


@contextmanager
def _opened_csv(
    file: Path, as_text: Iterable[str]
) -> Iterator[tuple[IO[str], list[str], dict[str, Any]]]:
    """The text from its header on, the names there, and how pandas is to read it.

    Raises:
        DataError: what is read inside cannot be read.
    """
    import pandas as pd

    skipped = 0
    try:
        with opened(file) as (text, dialect), warnings.catch_warnings():
            skipped = dialect.skip
            options: dict[str, Any] = {"sep": dialect.separator, "skipinitialspace": True}
            # Only an empty cell is missing: "None", "NA" and "null" may be values.
            options |= {"keep_default_na": False, "na_values": [""]}
            # pandas only warns when rows are longer than the header, and then cuts them.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # pandas renames a second "a" to "a.1": look at the header as it is written.
            start = text.tell()
            head: pd.DataFrame = pd.read_csv(text, header=None, nrows=1, dtype=str, **options)
            text.seek(start)
            written = [str(name) for name in head.iloc[0].fillna("")]
            check_names([name for name in written if name.strip()], file.name)
            wanted = set(as_text)
            kinds = {name: str for name in written if name.strip() in wanted}
            yield text, written, {**options, "dtype": kinds, "index_col": False}
    except DataError:
        raise
    except pd.errors.EmptyDataError:
        raise _bad(f"{file.name} is empty") from None
    except UnicodeError as error:
        message = f"{file.name} is no readable CSV: it is not UTF-8 text ({error})"
        raise _bad(f"{message}; save it as UTF-8") from None
    except (ValueError, pd.errors.ParserWarning, OSError, EOFError, *_UNPACKING) as error:
        # pandas counts lines from the header on.
        why = re.sub(r"(?<= line )\d+", lambda line: str(int(line[0]) + skipped), str(error))
        raise _bad(f"{file.name} is no readable CSV: {why}") from None


def _without_nothing(frame: pd.DataFrame, written: Sequence[str]) -> pd.DataFrame:
    """A separator at the end of each line makes a column without a name or a value."""
    nothing = [
        column
        for column, name in zip(frame.columns, written, strict=True)
        if not name.strip() and frame[column].isna().all()
    ]
    return frame.drop(columns=nothing)


def _whole(words: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Columns that are whole numbers of which some are missing: pandas reads them as floats, which
    do not tell long ones apart.
    """
    for name in words.columns:
        read = integers_in(words[name].astype(object).where(words[name].notna(), None))
        if read is not None and (whole := integers_of(read)) is not None:
            yield str(name), whole


def read_parquet(file: Path) -> pd.DataFrame:
    """The rows of one Parquet file, each value checked against the schema that the file claims."""
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as claimed:
            whole = claimed.read()
        whole.validate(full=True)
        frame: pd.DataFrame = whole.to_pandas()
        # An index that pandas saved is no column; a name twice is refused by whoever looks it up.
        names = set(frame.columns) if frame.columns.is_unique else set()
        for field in whole.schema:
            is_whole = pyarrow.types.is_integer(field.type) and field.name in names
            if is_whole and may_be_rounded(frame[field.name]):
                exact = integers_of(whole.column(field.name).to_pylist())
                frame = frame.assign(**{field.name: exact})
        # Parquet keeps categories of text alone; of others pandas' own notes in the file know.
        about = (whole.schema.pandas_metadata or {}).get("columns", ())
        labels = {c["name"] for c in about if c.get("pandas_type") == "categorical"}
        return frame.astype({name: "category" for name in frame.columns if name in labels})
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
