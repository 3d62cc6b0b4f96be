"""From a request's bytes to its rows, strictly: RFC 8259, no name twice, nothing infinite.

The standard library's decoder is lenient where it is fast, and four times slower with hooks that make
it strict. So a body is decoded fast, and what was decoded is compared with what was written: without
more brackets than rows it is flat, without more colons than values no name was given twice. Where
signs in texts leave a doubt, the body is decoded again with the hooks.
"""  # noqa: E501  (one paragraph)

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from lanewise.cluster.serving.errors import RequestError
from lanewise.cluster.serving.limits import Limits

Row = dict[str, Any]
_FORM = '{"rows": [{column: value, …}, …]}'
_SHOWN = 60  # characters of a name from outside


def rows_of(body: bytes, limits: Limits) -> list[Row]:
    """The rows of ``{"rows": [{column: value, …}, …]}``.

    Raises:
        RequestError: 400 for what is no such JSON, 413 for too many rows.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8 (byte {error.start})") from None
    rows = _rows(_decoded(_FAST, text), limits)
    is_flat = text.count("[") + text.count("{") == len(rows) + 2
    if not is_flat or text.count(":") != sum(map(len, rows)) + 1:
        rows = _rows(_decoded(_STRICT, text), limits)
        for number, row in enumerate(rows):
            for name, value in row.items():
                _check_depth(value, limits.depth - 3, number, name)
    for number, row in enumerate(rows):
        if math.inf in row.values() or -math.inf in row.values():
            name = next(name for name, value in row.items() if value in (math.inf, -math.inf))
            raise RequestError(400, "is a number beyond what float64 has", number, name)
    return rows


def shown(name: str) -> str:
    """A name from outside for a message: quoted, printable, and not too long."""
    return repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "…")


# -- decoding --------------------------------------------------------------------------------------


class _RefusedError(Exception):
    """What a hook of the decoder refuses; no ValueError, which the decoder's own are."""


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is no JSON; give null for a missing value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError(f"the name {shown(twice)} is given twice in one object")
    return found


_FAST = json.JSONDecoder(parse_constant=_refuse_constant)
_STRICT = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _decoded(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        return decoder.decode(text)
    except _RefusedError as error:
        raise RequestError(400, str(error)) from None
    except RecursionError:
        raise RequestError(400, "the JSON is nested too deep") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RequestError(400, f"the body is no JSON: {error.msg} ({where})") from None
    except ValueError:  # Python's limit of digits
        raise RequestError(400, "a number has too many digits") from None


def _rows(value: Any, limits: Limits) -> list[Row]:
    if not isinstance(value, dict) or "rows" not in value:
        raise RequestError(400, f"the body must be {_FORM}")
    if len(value) > 1:
        other = next(name for name in value if name != "rows")
        raise RequestError(400, f"unknown name {shown(other)}; the body must be {_FORM}")
    rows = value["rows"]
    if not isinstance(rows, list):
        raise RequestError(400, f"rows must be a list; the body must be {_FORM}")
    if len(rows) > limits.rows:
        raise RequestError(413, f"{len(rows)} rows, and a request may have {limits.rows}")
    for number, row in enumerate(rows):
        if type(row) is not dict:
            raise RequestError(400, "must be an object {column: value, …}", number)
    return rows


# -- values ----------------------------------------------------------------------------------------


def _check_depth(value: Any, left: int, row: int, column: str) -> None:
    """Level by level, so that a nest of any depth takes no stack."""
    level: list[Any] = [value]
    while level := [each for each in level if isinstance(each, list | dict)]:
        if left == 0:
            raise RequestError(400, "the JSON is nested too deep", row, column)
        left -= 1
        level = [inner for each in level for inner in _inner(each)]
        if any(each in (math.inf, -math.inf) for each in level if isinstance(each, float)):
            raise RequestError(400, "holds a number beyond what float64 has", row, column)


def _inner(value: list[Any] | Mapping[str, Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value
