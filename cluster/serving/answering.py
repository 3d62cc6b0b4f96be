"""Bodies to answers: what one worker thread does with the requests that waited together.

Their rows are answered in one call of the model. If any of them has a value that the model does not
take, each request is answered alone, so that it fails alone.
"""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanewise.cluster.serving.bodies import Row, rows_of, shown
from lanewise.cluster.serving.errors import RequestError
from lanewise.cluster.serving.limits import Limits
from lanewise.cluster.serving.model import Model
from lanewise.search.plain import say
from lanewise.trainables.data.names import clean
from lanewise.trainables.errors import TrainableError, nearest

GROUP = 1024  # rows that a model answers at a time, which bounds its memory
_NAMES = 20  # of columns that a message or an answer names
_FAILED = "the server failed on this request; what it prints says where"

Predictions = list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """What a request is answered; rows: how many were predicted."""

    status: int
    body: bytes
    rows: int = 0


@dataclass(frozen=True)
class Served:
    """A model that is ready to answer, with its columns' names at hand."""

    model: Model
    names: tuple[str, ...]
    known: frozenset[str]

    @classmethod
    def of(cls, model: Model) -> Served:
        """Once it has answered its columns' examples, so that no request waits for a first call."""
        columns = model.about.columns
        row = {column.name: column.example for column in columns}
        for count in (1, 2):
            model.answers([row] * count)
        names = tuple(column.name for column in columns)
        return cls(model, names, frozenset(names))


@dataclass(frozen=True)
class _Request:
    rows: list[Row]
    ignored: tuple[str, ...]


def refusal(error: RequestError) -> Answer:
    """An error as a body: the message, and row and column where there are any."""
    where = "" if error.row is None else f"rows[{error.row}]"
    where += f".{shown(error.column)}" if error.column else ""
    text = f"{where}: {error.message}" if where else error.message
    told: dict[str, Any] = {"error": " ".join(text.split())}
    if error.row is not None:
        told["row"] = error.row
    if error.column:
        told["column"] = error.column
    return Answer(error.status, _line(told))


def answers(bodies: Sequence[bytes], served: Served, limits: Limits) -> list[Answer]:
    """One for each body; never raises for what is in them."""
    found: dict[int, Answer] = {}
    requests: dict[int, _Request] = {}
    for number, body in enumerate(bodies):
        try:
            requests[number] = _matched(rows_of(body, limits), served)
        except RequestError as error:
            found[number] = refusal(error)
    for numbers in _groups(requests):
        group = [requests[number] for number in numbers]
        found.update(zip(numbers, _answered(group, served.model), strict=True))
    return [found[number] for number in range(len(bodies))]


def _groups(requests: dict[int, _Request]) -> Iterator[list[int]]:
    """Numbers of requests that together have no more than GROUP rows, or of one that has."""
    group: list[int] = []
    rows = 0
    for number, request in requests.items():
        if group and rows + len(request.rows) > GROUP:
            yield group
            group, rows = [], 0
        group.append(number)
        rows += len(request.rows)
    if group:
        yield group


def _answered(group: Sequence[_Request], model: Model) -> list[Answer]:
    try:
        predictions = iter(_predict([row for request in group for row in request.rows], model))
    except Exception as error:
        if len(group) > 1:
            return [answer for request in group for answer in _answered([request], model)]
        return [_explained(error, group[0])]
    return [
        _success([next(predictions) for _ in request.rows], request, model) for request in group
    ]


def _predict(rows: list[Row], model: Model) -> Predictions:
    found: Predictions = []
    for first in range(0, len(rows), GROUP):
        try:
            found += model.answers(rows[first : first + GROUP])
        except TrainableError as error:
            row = getattr(error, "row", None)
            number = None if row is None else first + row
            column = getattr(error, "column", None)
            raise RequestError(422, error.message, number, column) from error
    return found


def _success(predictions: Predictions, request: _Request, model: Model) -> Answer:
    about = model.about
    told: dict[str, Any] = {
        "predictions": predictions,
        "model": about.name,
        "version": about.version,
    }
    if request.ignored:
        told["ignored"] = list(request.ignored)
    try:
        body = _line(told)
    except ValueError:
        body = _line(_without_nan(told))
    return Answer(200, body, len(predictions))


def _line(told: dict[str, Any]) -> bytes:
    return (json.dumps(told, allow_nan=False) + "\n").encode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# -- columns ---------------------------------------------------------------------------------------


def _matched(rows: list[Row], served: Served) -> _Request:
    """The model's columns of each row; what else a row has is ignored, and named.

    Raises:
        RequestError: a column is missing, or there twice.
    """
    found, ignored = [], set()
    for number, row in enumerate(rows):
        if row.keys() != served.known:
            row, others = _own_columns(row, number, served)
            ignored |= others
        found.append(row)
    return _Request(found, tuple(name[:100] for name in sorted(ignored)[:_NAMES]))


def _own_columns(row: Row, number: int, served: Served) -> tuple[Row, set[str]]:
    named: Row = {}
    for name, value in row.items():
        if (cleaned := clean(name)) in named and cleaned in served.known:
            raise RequestError(422, "is there more than once", number, cleaned)
        named[cleaned] = value
    others = named.keys() - served.known
    if missing := [name for name in served.names if name not in named]:
        message = "is missing; give null where there is no value"
        if len(missing) > 1:
            more = ", ".join(map(shown, missing[1:_NAMES])) + (", …" if missing[_NAMES:] else "")
            message = f"is missing, and so are {more}; give null where there is no value"
        hint = nearest(missing[0], sorted(others)[:1000])
        raise RequestError(422, message + _printable(hint), number, missing[0])
    return {name: named[name] for name in served.names}, others


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)[:200]


# -- what a model raised ---------------------------------------------------------------------------


def _explained(error: Exception, request: _Request) -> Answer:
    if isinstance(error, RequestError):
        return refusal(error)
    for number, row in enumerate(request.rows):
        for name, value in row.items():
            if isinstance(value, int) and abs(value) > 2**1000:
                message = "is a number beyond what float64 has"
                return refusal(RequestError(422, message, number, name))
    return failure(error)


def failure(error: Exception) -> Answer:
    """An error of ours or of a model's code, said without its message, which may hold values."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    say(f"lanewise: a request failed: {type(error).__name__} at {where}, in {last.name}")
    return refusal(RequestError(500, _FAILED))
