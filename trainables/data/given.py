"""What other libraries hold rows in, as NumPy arrays and pandas frames. N rows, D columns.

PyTorch's tensors, SciPy's sparse matrices, masked and structured arrays, pandas' sparse columns
and columns with several levels of names, tables of Polars and Arrow. None of them is imported: who
gives one has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lanewise.trainables.data.columns import MEMORY
from lanewise.trainables.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def plain(given: Any, path: str) -> Any:
    """The same in a form that NumPy and pandas read: an array, a DataFrame, or what it was.

    Args:
        path: of what is given, for messages: "X", "data".

    Raises:
        DataError: at `path`: complex numbers, tensors without numbers, more than memory holds.
    """
    if _is_from("lanewise", given):
        return given
    if isinstance(given, list | tuple) and given and _is_tensor(given[0]):
        return _stacked([plain(each, path) for each in given], path)
    if _is_tensor(given):
        return _real(_of_tensor(given, path), path)
    if _is_from("scipy", given) and hasattr(given, "toarray"):
        _check_size(given.shape, given.dtype.itemsize, path)
        return _real(given.toarray(), path)
    if isinstance(given, np.ma.MaskedArray):
        return _real(_unmasked(given), path)
    if isinstance(given, np.ndarray):
        return _real(_of_fields(given, path) if given.dtype.names else _native(given), path)
    if _is_from("pandas", given):
        return _of_pandas(given, path) if hasattr(given, "columns") else given
    if hasattr(given, "to_pandas") and hasattr(given, "columns"):  # Polars, Arrow, cuDF
        return _of_pandas(given.to_pandas(), path)
    if hasattr(given, "columns") and not isinstance(given, type) and not hasattr(given, "iloc"):
        message = f"a {type(given).__module__}.{type(given).__name__} is no table that is read"
        raise DataError(path, f"{message}; give a pandas DataFrame")
    return _real(_of_protocol(given, path), path) if hasattr(given, "__array__") else given


def flat_name(levels: tuple[Any, ...]) -> str:
    """One name of several levels: of ("size", "mean") "size.mean"."""
    return ".".join(str(part) for part in levels if str(part) != "")


def _is_from(library: str, given: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == library for kind in type(given).__mro__)


# -- PyTorch -------------------------------------------------------------------------------------


def _is_tensor(given: Any) -> bool:
    return _is_from("torch", given) and hasattr(given, "detach") and hasattr(given, "layout")


def _of_tensor(tensor: Any, path: str) -> np.ndarray[Any, Any]:
    shown = f"a tensor of {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.is_complex():
        raise _complex(shown, path)
    if tensor.is_meta:
        raise DataError(path, f"{shown} on the device meta has no numbers")
    if getattr(tensor, "is_nested", False):
        raise DataError(path, f"{shown} is nested: rows must be of one shape")
    try:
        tensor = tensor.detach()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if "strided" not in str(tensor.layout):
            _check_size(tuple(tensor.shape), tensor.element_size(), path)
            tensor = tensor.to_dense()
        if hasattr(tensor, "rename"):  # not in every release
            tensor = tensor.rename(None)
        tensor = tensor.cpu()
        if tensor.dtype.is_floating_point and tensor.element_size() < 4:  # bfloat16, float8
            tensor = tensor.float()
        return np.asarray(tensor.resolve_conj().resolve_neg().numpy())
    except (RuntimeError, TypeError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise DataError(path, f"{shown} cannot be read as an array: {why}") from None


# -- NumPy ---------------------------------------------------------------------------------------


def _stacked(arrays: list[Any], path: str) -> np.ndarray[Any, Any]:
    try:
        return np.stack(arrays)
    except ValueError:
        shapes = sorted({str(list(array.shape)) for array in arrays})
        message = f"the tensors differ in shape: {', '.join(shapes[:3])}"
        raise DataError(path, f"{message}; rows must be of one shape") from None


def _unmasked(array: np.ma.MaskedArray[Any, Any]) -> np.ndarray[Any, Any]:
    """NaN or None where a value is masked."""
    data, mask = np.ma.getdata(array), np.ma.getmaskarray(array)
    if not mask.any():
        return _native(data)
    filled = data.astype(np.float64 if data.dtype.kind == "f" else object)
    filled[mask] = np.nan if data.dtype.kind == "f" else None
    return filled


def _of_protocol(given: Any, path: str) -> np.ndarray[Any, Any]:
    try:
        return _native(np.asarray(given))
    except (TypeError, ValueError, RuntimeError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"a {type(given).__module__}.{type(given).__name__} cannot be read as an array"
        raise DataError(path, f"{message}: {why}") from None


def _native(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """In this machine's order of bytes, and no subclass that behaves in its own way."""
    plain = np.asarray(array)
    return plain if plain.dtype.isnative else plain.astype(plain.dtype.newbyteorder("="))


def _of_fields(array: np.ndarray[Any, Any], path: str) -> Any:
    """A frame with a column for each field of a structured array [N]."""
    import pandas as pd

    fields = array.dtype.names or ()
    if array.ndim != 1 or any(array.dtype[name].shape for name in fields):
        raise DataError(path, "the records of an array must be [N], with a single value a field")
    return pd.DataFrame({name: _native(array[name]) for name in fields})


# -- pandas --------------------------------------------------------------------------------------


def _of_pandas(frame: Any, path: str) -> pd.DataFrame:
    """Dense columns of numbers that files hold, with one name each."""
    import pandas as pd

    named: pd.DataFrame = frame
    if frame.columns.nlevels > 1:
        named = frame.set_axis([flat_name(levels) for levels in frame.columns], axis=1)
    if not named.columns.is_unique:
        return named  # whoever looks columns up by name says so
    changed: dict[Any, Any] = {}
    for name in named.columns:
        kind = named[name].dtype
        if isinstance(kind, pd.SparseDtype):
            changed[name] = kind.subtype
        elif kind.kind == "c":
            raise _complex(f"column {str(name)!r}", path)
        elif isinstance(kind, np.dtype) and not kind.isnative:
            changed[name] = kind.newbyteorder("=")
        elif kind.kind == "f" and isinstance(kind, np.dtype) and kind.itemsize not in (4, 8):
            changed[name] = np.float64  # half and extended floats
    return named.astype(changed) if changed else named


# -- what is refused -----------------------------------------------------------------------------


def _real(array: Any, path: str) -> Any:
    if isinstance(array, np.ndarray) and array.dtype.kind == "c":
        raise _complex(f"an array of {array.dtype}", path)
    return array


def _complex(what: str, path: str) -> DataError:
    message = f"{what} holds complex numbers"
    return DataError(
        path, f"{message}; give their real and imaginary parts as numbers of their own"
    )


def _check_size(shape: tuple[int, ...], item: int, path: str) -> None:
    """Raise DataError if a sparse array is too large for its zeros to be written out."""
    size = item * int(np.prod(shape, dtype=object))
    if size > MEMORY:
        message = f"a sparse array of {list(shape)} takes {size / 1e9:,.0f} GB with its zeros"
        raise DataError(path, f"{message}; give fewer columns, for example by a projection")
