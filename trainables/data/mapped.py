"""Arrays that stay in their file: rows are read when they are asked for. N rows.

What is pickled to a worker is where the numbers lie, not the numbers; another machine needs the
file under the same path.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from lanewise.trainables.data.table import Array
from lanewise.trainables.errors import DataError

_LOCAL_HEADER = 30  # bytes of a zip member's header before its name


class Mapped:
    """Numbers [N, …] in a file, and which of its rows are meant.

    Args:
        file, offset, dtype, shape: where and how they lie, in C order.
        rows: numbers of rows, in their order; None for all.
    """

    def __init__(
        self, file: str, offset: int, dtype: str, shape: tuple[int, ...], rows: Array | None = None
    ) -> None:
        self.file, self.offset, self._dtype, self._shape = file, offset, dtype, shape
        self.rows = rows
        self._open: Array | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self._shape[1:])

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self._shape[0] if self.rows is None else len(self.rows)

    def __getitem__(self, index: Any) -> Array:
        """A copy of some rows, by a slice, row numbers or one number."""
        wanted = index if self.rows is None else self.rows[index]
        return np.array(self._whole()[wanted])

    def take(self, rows: Array) -> Mapped:
        """The same without the other rows; nothing is read."""
        chosen = rows if self.rows is None else self.rows[rows]
        return Mapped(self.file, self.offset, self._dtype, self._shape, chosen)

    def shaped(self, shape: tuple[int, ...]) -> Mapped:
        """Each row in another shape of as many numbers."""
        return Mapped(self.file, self.offset, self._dtype, (self._shape[0], *shape), self.rows)

    def _whole(self) -> Array:
        if self._open is None:
            try:
                self._open = np.memmap(
                    self.file, self.dtype, "r", self.offset, self._shape, order="C"
                )
            except (OSError, ValueError) as error:
                message = f"{self.file} cannot be read on this machine: {error}"
                raise DataError("data.source", message) from None
        return self._open

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}


def map_npy(file: Path) -> Mapped | None:
    """The array of an NPY file; None where its layout cannot be mapped.

    Raises:
        ValueError: it is no NPY file, or holds Python objects.
    """
    with file.open("rb") as opened:
        return _map(file, opened)


def map_npz(file: Path, name: str) -> Mapped | None:
    """An array of an NPZ file; None where it is compressed."""
    with zipfile.ZipFile(file) as archive:
        member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED:
        return None
    with file.open("rb") as opened:
        opened.seek(member.header_offset)
        header = opened.read(_LOCAL_HEADER)
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        opened.seek(member.header_offset + _LOCAL_HEADER + name_length + extra_length)
        return _map(file, opened)


def _map(file: Path, opened: Any) -> Mapped | None:
    """The array whose NPY header begins where `opened` stands."""
    version = npy.read_magic(opened)
    read: Callable[..., Any] = (
        npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    )
    shape, is_fortran, dtype = read(opened)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded")
    if is_fortran and len(shape) > 1:
        return None
    return Mapped(str(file.resolve()), opened.tell(), dtype.str, shape)


def spool(path: Path, parts: Iterator[Array], rows: int) -> Mapped:
    """Write parts [n, …] one after the other into an NPY file, and map it. Atomic.

    Args:
        rows: of all parts together.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        whole: Any = None
        done = 0
        for part in parts:
            if whole is None:
                shape = (rows, *part.shape[1:])
                whole = npy.open_memmap(draft, "w+", part.dtype, shape)
            whole[done : done + len(part)] = part
            done += len(part)
        assert whole is not None
        whole.flush()
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    found = map_npy(path)
    assert found is not None
    return found
