"""Raw rows that a model answers, made of what it has learned: medians, levels, means. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from lanewise.trainables.data.ids import Ids
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.preprocess import Preprocess
from lanewise.trainables.data.scaling import Scaling
from lanewise.trainables.data.tokens import Tokens
from lanewise.trainables.data.types import Types
from lanewise.trainables.export.about import Column
from lanewise.trainables.export.rows import form_of, names_of


def columns_of(fitted: Inputs) -> tuple[Column, ...]:
    """The values of a raw row."""
    row = example_rows(fitted)[0]
    types = Types(getattr(fitted, "types", ()))
    numeric = {each.name for each in getattr(fitted, "numbers", ())}
    found = []
    for name in names_of(fitted):
        if isinstance(fitted, Scaling):
            found.append(Column(name, form_of(fitted), nullable=False, example=row[name]))
            continue
        said = types[name].type if name in types else "category"
        what = "number" if name in numeric else "text" if isinstance(fitted, Tokens) else said
        found.append(Column(name, what, example=row[name]))
    return tuple(found)


def example_rows(fitted: Inputs) -> list[dict[str, Any]]:
    """Two rows, as a client sends them; null where training had gaps."""
    if isinstance(fitted, Preprocess):
        return [_of_table(fitted, first=True), _of_table(fitted, first=False)]
    if isinstance(fitted, Tokens):
        return [{fitted.column: " ".join(fitted.known[:n])} for n in (5, 3)]
    if isinstance(fitted, Ids):
        pairs = [(fitted.users[n], fitted.items[n]) for n in (0, -1)]
        return [dict(zip(fitted.columns, pair, strict=True)) for pair in pairs]
    assert isinstance(fitted, Scaling)
    return [_of_block(fitted, 0.0), _of_block(fitted, 0.5)]


def _of_table(fitted: Preprocess, *, first: bool) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for number in fitted.numbers:
        row[number.name] = _short(number.median) if first or not number.missing else None
    for category in fitted.categories:
        levels = category.levels or (None,)
        has_gap = category.missing and not first
        row[category.name] = None if has_gap else levels[0 if first else -1]
    return {name: row[name] for name in names_of(fitted)}


def _of_block(fitted: Scaling, deviations: float) -> dict[str, Any]:
    """Means, or so many standard deviations more."""
    x = fitted.restored(np.full((1, *fitted.shape), deviations))[0]
    values = [[_short(value) for value in row] for row in x.reshape(-1, x.shape[-1]).tolist()]
    form = form_of(fitted)
    if form == "series":
        return {"window": [dict(zip(fitted.series, row, strict=True)) for row in values]}
    nested = np.array(values).reshape(fitted.shape).tolist()
    return {form: nested}


def _short(value: float) -> float:
    """Six digits say enough."""
    return float(f"{value:.6g}")
