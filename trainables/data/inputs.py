"""How raw rows become a model's input: the forms, and what is learned from training rows for each.

| form | of one example | rows | fitted |
|---|---|---|---|
| table | [F] numbers | `Table` | `preprocess.Preprocess` |
| image | [C, H, W] | `Block`, or a table with `data.shape` | `scaling.Scaling` |
| sequence | [T, F] | `Block`, of series, or a table with `data.shape` | `scaling.Scaling` |
| text | [T] of tokens' numbers | `prose.Prose`, by `data.text` | `tokens.Tokens` |
| ids | [2] of a user and an item | `ids.Pairs`, by `data.user` and `data.item` | `ids.Ids` |
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lanewise.trainables.data.block import FORMS, Block
from lanewise.trainables.data.columns import Text
from lanewise.trainables.data.ids import KEYS, Ids, Pairs, paired
from lanewise.trainables.data.mapped import Mapped
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.prose import Prose, as_prose
from lanewise.trainables.data.scaling import Scaling
from lanewise.trainables.data.table import Array, Rows, Table
from lanewise.trainables.data.tokens import Tokens
from lanewise.trainables.errors import DataError, listing


class Inputs(Protocol):
    """What was learned from the training rows of one fold: numbers in JSON plus numpy."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        ...

    @property
    def target_std(self) -> float | tuple[float, ...]:
        """One unit of a standardised target in the target's own, or one of each of several."""
        ...

    def transform(self, X: Any) -> Array:
        """What models take, [N, …], of rows or of what a person gives to predict."""
        ...

    def encode_target(self, y: Array) -> Array:
        """Standardise targets in their own units; float32."""
        ...

    def decode_target(self, y: Array) -> Array:
        """From standardised targets back to the original units; float64."""
        ...

    def to_json(self) -> str: ...


_ANY = Text()


@dataclass(frozen=True)
class Reading:
    """How rows are read: the form of an example, and what a person said of it."""

    form: str = "table"
    text: Text = _ANY


TABLE = Reading()


def read_as(
    rows: Rows,
    forms: Sequence[str] | None,
    shape: Sequence[int] | None,
    ids: tuple[str | None, str | None] = (None, None),
    text: Text | None = None,
) -> tuple[Rows, Reading]:
    """The rows in the first form that they have and the model takes.

    Args:
        forms: that the model takes, the preferred one first; None for a user's own model.
        shape: of an example, as a person gave it: [C, H, W] or [T, F].
        ids: the columns of users and of items, as a person gave them.
        text: what a person said of the texts; None for nothing.

    Raises:
        DataError: at "data.shape", "data.user", "data.item", "data.text" or "data.source".
    """
    if any(ids) or (forms and forms[0] == "ids"):
        _check_ids(forms, shape, ids)
        return paired(rows, ids), Reading("ids")
    if text is not None or isinstance(rows, Prose) or (forms and forms[0] == "text"):
        _check_text(forms, shape)
        asked = text or _ANY
        return as_prose(rows, asked.column), Reading("text", asked)
    if shape is not None:
        rows = shaped(rows, shape)
    elif isinstance(rows, Table) and rows.shape and forms and "table" not in forms:
        rows = shaped(rows, rows.shape)
    has = "table" if isinstance(rows, Table) else _form(rows)
    if forms is not None and has not in forms:
        hint = _HINTS.get(forms[0], "")
        raise DataError("data.source", f"the model takes {_words(forms)}, not {_WORDS[has]}{hint}")
    return rows, Reading(has)


def _check_ids(
    forms: Sequence[str] | None, shape: Sequence[int] | None, ids: tuple[str | None, str | None]
) -> None:
    if forms is not None and "ids" not in forms:
        path, name = next((key, name) for key, name in zip(KEYS, ids, strict=True) if name)
        raise DataError(path, f"{name!r}: the model takes {_words(forms)}, not users and items")
    if shape is not None:
        raise DataError("data.shape", f"{list(shape)}: a user and an item have no shape")


def _check_text(forms: Sequence[str] | None, shape: Sequence[int] | None) -> None:
    if forms is not None and "text" not in forms:
        raise DataError("data.text", f"the model takes {_words(forms)}, not texts")
    if shape is not None:
        raise DataError("data.shape", f"{list(shape)}: a text has no shape")


def shaped(rows: Rows, shape: Sequence[int]) -> Block:
    """The numbers of a table as pictures or sequences."""
    path, shown = "data.shape", list(shape)
    if len(shown) not in FORMS or min(shown) < 1:
        message = "give [channels, height, width] or [steps, features]"
        raise DataError(path, f"{shown}: {message}")
    if isinstance(rows, Block):
        if rows.outlook is not None:
            message = "windows of series are [data.series.window, series]; leave it out"
            raise DataError(path, f"{shown}: {message}")
        if math.prod(rows.x.shape[1:]) != math.prod(shown):
            raise DataError(path, f"{shown}: an example is {list(rows.x.shape[1:])}")
        x = rows.x
    else:
        assert isinstance(rows, Table)
        if rows.categories:
            name = next(iter(rows.categories))
            raise DataError(path, f"{shown}: column {name!r} holds no numbers")
        if math.prod(shown) != len(rows.numeric):
            message = f"{math.prod(shown)} numbers, and there are {len(rows.numeric)} columns"
            raise DataError(path, f"{shown} is {message}")
        x = rows.x_ND
    return Block(
        x.shaped(tuple(shown)) if isinstance(x, Mapped) else x.reshape(len(x), *shown),
        rows.target,
        rows.target_name,
        dropped=rows.dropped,
        groups=rows.groups,
        order=rows.order,
        notes=rows.notes,
        types=rows.types,
    )


def fit(rows: Rows, reading: Reading, *, regression: bool) -> Inputs:
    """What is learned from the given rows, which are training rows only."""
    if isinstance(rows, Table):
        return Preprocess.fit(rows, regression=regression)
    if isinstance(rows, Pairs):
        return Ids.fit(rows, regression=regression)
    if isinstance(rows, Prose):
        return Tokens.fit(rows, reading.text, regression=regression)
    assert isinstance(rows, Block)
    return Scaling.fit(rows, regression=regression)


def alike(fits: Sequence[Inputs]) -> list[Inputs]:
    """The same with inputs of one shape: folds see other categories."""
    if pairs := [fitted for fitted in fits if isinstance(fitted, Ids)]:
        sizes = zip(*(fitted.vocabulary for fitted in pairs), strict=True)
        most = tuple(map(max, sizes))
        return [fitted.widened(most) for fitted in pairs]
    if prose := [fitted for fitted in fits if isinstance(fitted, Tokens)]:
        known, longest = (max(f.vocabulary for f in prose), max(f.length for f in prose))
        return [fitted.widened(known, longest) for fitted in prose]
    tables = [fitted for fitted in fits if isinstance(fitted, Preprocess)]
    if len(tables) < len(fits):
        return list(fits)
    width = max(fitted.width for fitted in tables)
    return [fitted.widened(width) for fitted in tables]


def as_wide_as(fitted: Inputs, like: Inputs) -> Inputs:
    """The same with inputs of the shape of another's, which was learned from more rows."""
    if isinstance(fitted, Ids) and isinstance(like, Ids):
        return fitted.widened(like.vocabulary)
    if isinstance(fitted, Tokens) and isinstance(like, Tokens):
        return fitted.widened(like.vocabulary, like.length)
    if isinstance(fitted, Preprocess) and isinstance(like, Preprocess):
        return fitted.widened(like.width)
    return fitted


def from_json(text: str) -> Inputs:
    """What `to_json` wrote."""
    return _READERS[json.loads(text).get("form", "table")](text)


def _form(rows: Rows) -> str:
    assert isinstance(rows, Block)
    return rows.form


_READERS: dict[str, Callable[[str], Inputs]] = {
    "table": Preprocess.from_json,
    "block": Scaling.from_json,
    "ids": Ids.from_json,
    "text": Tokens.from_json,
}
_WORDS = {
    "table": "a table",
    "image": "images [channels, height, width]",
    "sequence": "sequences [steps, features]",
    "ids": "users and items",
    "text": "texts",
}
_HINTS = {
    "image": "; give data.shape: [channels, height, width]",
    "sequence": "; give data.shape: [steps, features]",
}


def _words(forms: Sequence[str]) -> str:
    return listing(_WORDS.get(form, form) for form in forms)
