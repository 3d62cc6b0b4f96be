"""What `lanewise validate` says of the data beside their size: what was left out or cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lanewise.trainables.data.block import Block
from lanewise.trainables.data.ids import Ids, Pairs
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.preprocess import MOST_LEVELS, Preprocess
from lanewise.trainables.data.prose import Prose, without_text
from lanewise.trainables.data.table import Rows, Table
from lanewise.trainables.data.tokens import Tokens
from lanewise.trainables.errors import listing


def notes(rows: Rows, fit: Inputs, own: Mapping[str, Rows] | None = None) -> tuple[str, ...]:
    """A sentence each, of the source's rows and what was learned from its training part.

    own: the rows of parts with a source of their own, by "validation" and "test".
    """
    return tuple(_notes(rows, fit, own or {}))


def _notes(rows: Rows, fit: Inputs, own: Mapping[str, Rows]) -> Iterator[str]:
    yield from rows.notes
    for name, part in own.items():
        yield from (f"{name}: {told}" for told in part.notes)
        if isinstance(fit, Preprocess) and isinstance(part, Table):
            yield from (f"{name}: {told}" for told in fit.unseen(part))
    if isinstance(rows, Block) and rows.outlook is not None:
        yield from rows.outlook.notes
    if isinstance(rows, Table) and isinstance(fit, Preprocess):
        yield from _of_columns(rows, fit)
    if isinstance(rows, Pairs) and isinstance(fit, Ids):
        yield from _of_pairs(rows, fit, tuple(own.values()))
    if isinstance(rows, Prose) and isinstance(fit, Tokens):
        yield from _of_texts(rows, fit)


def _of_pairs(rows: Pairs, fit: Ids, own: Sequence[Rows]) -> Iterator[str]:
    if rows.unused:
        yield f"the model sees {listing(rows.columns)} alone, not {listing(rows.unused, 5)}"
    numbers = np.concatenate([fit.transform(each) for each in (rows, *own)])
    for name, column in zip(fit.columns, numbers.T, strict=True):
        if unseen := int((column == 0).sum()):
            yield f"{unseen} rows have a value in {name} that no training row has; it is unknown"


def _of_texts(rows: Prose, fit: Tokens) -> Iterator[str]:
    if rows.unused:
        yield f"the model sees the texts {rows.column!r} alone, not {listing(rows.unused, 5)}"
    missing, blank = without_text(rows)
    if missing:
        yield f"{missing} texts are missing, and read as empty"
    if blank:
        yield f"{blank} texts are empty"
    if fit.different > len(fit.known):
        few = f"the {len(fit.known)} most frequent are known"
        yield f"the training part has {fit.different} different {fit.tokens}; {few}"
    if cut := fit.longer(rows):
        yield f"{cut} texts have more than {fit.length} {fit.tokens}; only the first are read"


def _of_columns(table: Table, fit: Preprocess) -> Iterator[str]:
    fitted = {number.name for number in fit.numbers}
    if empty := [name for name in table.numeric if name not in fitted]:
        yield f"no training row has a value in {listing(empty, 5)}; left out"
    constant = [name for name, x in zip(table.numeric, table.x_ND.T, strict=True) if _one(x)]
    constant += [name for name, column in table.categories.items() if len(set(column)) == 1]
    if constant:
        yield f"one value in all rows: {listing(constant, 5)}"
    for category in fit.categories:
        found = len(set(table.categories[category.name]) - {None})
        if len(category.levels) == MOST_LEVELS < found:
            few = f"the {MOST_LEVELS} most frequent get an input each"
            yield f"{category.name} has {found} different values; {few}"
    if nameless := [name for name in table.columns if name.startswith("Unnamed: ")]:
        yield f"{listing(nameless, 5)} has no name in the file; row numbers should not be there"


def _one(x: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    return bool(len(x)) and bool((x == x[0]).all())
