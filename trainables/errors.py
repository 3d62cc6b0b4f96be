"""What can go wrong here, as types.

TrainableError (ValueError)      a user's mistake, found before or while a trial starts
├── DataError                    the data, its target, its split, or what is given to predict
│   └── RowError                 one of the rows to predict, by its number and its column
├── ConfigError                  a hyperparameter, a metric, a setting
└── ModelError                   a reference to user code, or what that code returns
    └── ExportError              a model that cannot be exported, and where
BadValue (RuntimeError)          one trial's loss or monitored metric is NaN or infinite
CheckpointError (RuntimeError)   a checkpoint that cannot be read: start the trial again
StopTrial (BaseException)        raised inside a user's train function to end it
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from lanewise.trainables.synonyms import SYNONYMS


class TrainableError(ValueError):
    """One line: `path: message`, where `path` is the key path of the mistake ("data.target")."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(path, message)  # both in args, so that the error survives pickling
        self.path = path
        self.message = message

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return " ".join(text.split())


class DataError(TrainableError):
    """The data, its target, its split, or what is given to predict."""


class RowError(DataError):
    """A row that cannot be read: `rows[3].city: message`.

    row: its number, from 0; column: the name of the value, "" for the row itself.
    """

    def __init__(self, row: int, column: str, message: str) -> None:
        super().__init__(f"rows[{row}].{column}" if column else f"rows[{row}]", message)
        self.args = (row, column, message)  # so that the error survives pickling
        self.row = row
        self.column = column


class ConfigError(TrainableError):
    """A hyperparameter, a metric or another setting."""


class ModelError(TrainableError):
    """A reference to a user's code, or what that code returned."""


class ExportError(ModelError):
    """A model that cannot be exported."""


class BadValue(RuntimeError):  # noqa: N818  (names of failures are words of the domain)
    """The loss or the monitored metric of a trial is NaN or infinite."""


class CheckpointError(RuntimeError):
    """A checkpoint is missing, truncated, corrupt or of another shape."""


class StopTrial(BaseException):
    """Ends a user's train function; a BaseException, so that `except Exception` lets it pass."""


def nearest(name: object, names: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the valid name that `name` means, or an empty string."""
    words = " or ".join(map(repr, meant(name, names)))
    return f"; did you mean {words}?" if words else ""


def meant(name: object, names: Iterable[str]) -> list[str]:
    """The valid name that `name` means, if any; several where a person has to choose.

    What differs in capitals and separators comes first, then what others call it, then what is
    spelt alike.
    """
    names = list(names)
    folded = {_fold(valid): valid for valid in reversed(names)}
    for key in (_fold(name), _fold(str(name).rpartition(".")[2])):  # also without its module
        found = [folded[key]] if key in folded else SYNONYMS.get(key, ())
        if found := [valid for valid in found if valid in names]:
            return found
    return [folded[near] for near in get_close_matches(_fold(name), folded, n=1)]


def _fold(name: object) -> str:
    """Without what people write in many ways: capitals and separators."""
    return re.sub(r"[\W_]+", "", str(name).casefold())


def listing(names: Iterable[str], limit: int = 12) -> str:
    """The names, separated by commas and cut after `limit` with an ellipsis."""
    names = [str(name) for name in names]
    return ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
