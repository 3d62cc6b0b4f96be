"""Arrays X and y of an NPZ file or of a folder of NPY files, read or left there. N rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lanewise.trainables.data.block import FORMS
from lanewise.trainables.data.columns import Request, places, refuse_order
from lanewise.trainables.data.convert import from_block, from_matrix
from lanewise.trainables.data.files import read_npz
from lanewise.trainables.data.mapped import Mapped, map_npy, map_npz
from lanewise.trainables.data.paths import locate, locate_folder
from lanewise.trainables.data.table import Array, Groups, Rows, texts
from lanewise.trainables.errors import DataError


def load_npz(asked: Request) -> Rows:
    """Arrays X, y and, under any name, the groups of an NPZ file; no y where none is wanted."""
    file = locate(asked.name, asked.base)
    _check_names(asked, f"of {file.name}")

    def mapped() -> Mapped | None:
        # A compressed array has no rows to be read one by one, however large it is.
        return map_npz(file, "X") if file.stat().st_size > asked.memory else None

    return _rows(asked, file.name, lambda names: read_npz(file, names), mapped)


def load_npy(asked: Request) -> Rows:
    """Arrays X.npy, y.npy and, under any name, the groups in a folder."""
    folder = locate_folder(asked.name, asked.base)
    _check_names(asked, f"in {folder.name}")

    def read(names: list[str]) -> dict[str, Array]:
        return {name: _read_npy(folder / f"{name}.npy") for name in names}

    def mapped() -> Mapped | None:
        file = folder / "X.npy"
        is_large = file.is_file() and file.stat().st_size > asked.memory
        return map_npy(file) if is_large else None

    return _rows(asked, folder.name, read, mapped)


def _rows(
    asked: Request,
    name: str,
    read: Callable[[list[str]], dict[str, Array]],
    mapped: Callable[[], Mapped | None],
) -> Rows:
    refuse_order(asked, name)
    grouped = [asked.group] if asked.group else []
    try:
        found = mapped()
    except (ValueError, OSError, KeyError) as error:
        raise DataError("data.source", f"{name}: X is not readable: {error}") from None
    labels = ["y"] if asked.columns.has_target else []
    arrays = read([*([] if found is not None else ["X"]), *labels, *grouped])
    X = arrays["X"] if found is None else found
    y = arrays["y"] if labels else np.zeros(len(X))
    is_wide = X.ndim - 1 in FORMS
    if not (X.ndim == 2 or is_wide) or X.dtype.kind not in "biuf" or y.shape != X.shape[:1]:
        shapes = f"X is {X.dtype} {X.shape}, y is {y.dtype} {y.shape}"
        forms = "[N, D], [N, T, F] or [N, C, H, W]"
        raise DataError("data.source", f"{name}: X must be numbers {forms} and y [N]; {shapes}")
    groups = None
    if asked.group:
        if arrays[asked.group].shape != y.shape:
            shapes = f"{list(arrays[asked.group].shape)}, and y {list(y.shape)}"
            raise DataError("data.group", f"array {asked.group!r} of {name} is {shapes}")
        groups = Groups(asked.group, texts(arrays[asked.group]))
    if is_wide or isinstance(X, Mapped):
        return from_block(X, y, groups)
    return from_matrix(X, y, places(X.shape[1]), groups)


def _check_names(asked: Request, where: str) -> None:
    if asked.target not in (None, "y", "target"):
        message = f"the target {where} is its array y, not {asked.target!r}"
        raise DataError("data.target", message)
    if asked.group in ("X", "y"):
        raise DataError("data.group", f"array {asked.group!r} {where} holds no groups")


def _read_npy(file: Path) -> Array:
    if not file.is_file():
        raise DataError("data.source", f"no file {file}")
    try:
        found: Array = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        shown = str(error).splitlines()[0]
        if "Object arrays" in shown:
            shown = "it holds Python objects; save numbers or text"
        raise DataError("data.source", f"{file.name} is no readable NPY: {shown}") from None
    if not isinstance(found, np.ndarray):
        raise DataError("data.source", f"{file.name} is no readable NPY")
    return found
