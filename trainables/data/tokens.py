"""From texts to numbers of their tokens: numbers in JSON plus numpy, so that it ships with models.

Tokens are words and single marks of punctuation, in lower case; or characters, as written. Each of
the vocabulary, the most frequent of the training part, has a number, smaller for the more frequent.
Before them come 0 for padding, behind a text up to the common length; 1 for a token that is not in
the vocabulary; 2 for a text without any token, so that it, too, has one. N rows, L tokens.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

from lanewise.trainables.data.columns import Text
from lanewise.trainables.data.names import column_of, named_columns
from lanewise.trainables.data.prose import Prose
from lanewise.trainables.data.standard import OneTarget, moments_of
from lanewise.trainables.data.table import Array, Table, texts
from lanewise.trainables.errors import DataError

PADDING, UNKNOWN, EMPTY, FIRST = 0, 1, 2, 3


@dataclass(frozen=True)
class Tokens(OneTarget):
    """What was learned from the training rows of one fold; see `inputs.Inputs`.

    column: the name of the texts; tokens: as in `columns.Text`; known: the vocabulary in its order.
    vocabulary: how many numbers there are; length: L. Both may exceed what the training part has,
        so that all folds have the same.
    different: how many tokens the training part has, in the vocabulary or not.
    """

    column: str
    tokens: str
    known: tuple[str, ...]
    vocabulary: int
    length: int
    different: int
    target_mean: float = 0.0
    target_std: float = 1.0

    @classmethod
    def fit(cls, prose: Prose, asked: Text, *, regression: bool = False) -> Tokens:
        """Learn from the given rows, which are training rows only.

        Raises:
            DataError: at "data.text", there is no token in any of them.
        """
        counts: Counter[str] = Counter()
        longest = 0
        for text in prose.texts:
            found = split(text, asked.tokens)
            counts.update(found)
            longest = max(longest, len(found))
        if not counts:
            message = f"no text of the training part has any of the {asked.tokens}"
            raise DataError("data.text", f"{message} to learn from")
        # By name among equals: the order of rows has no say.
        frequent = sorted(counts, key=lambda token: (-counts[token], token))
        known = tuple(frequent[: asked.vocabulary])
        mean, std = moments_of(prose, regression=regression)
        length = min(longest, asked.length)
        vocabulary = FIRST + len(known)
        kind = asked.tokens
        return cls(prose.column, kind, known, vocabulary, length, len(counts), mean, std)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return (self.length,)

    def widened(self, vocabulary: int, length: int) -> Tokens:
        """The same with numbers that no token has, and more padding."""
        return replace(self, vocabulary=vocabulary, length=length)

    def transform(self, X: Any) -> Array:
        """Int64 [N, L] of Prose, a Table, a DataFrame, a dict of columns, or a list of texts.

        Raises:
            DataError: the column is missing, or it holds no texts.
        """
        found = self._texts(X)
        numbers = np.full((len(found), self.length), PADDING, np.int64)
        for row, text in zip(numbers, found, strict=True):
            places = [self._places.get(token, UNKNOWN) for token in split(text, self.tokens)]
            places = places[: self.length] or [EMPTY]
            row[: len(places)] = places
        return numbers

    def longer(self, prose: Prose) -> int:
        """How many texts have more than L tokens."""
        return sum(len(split(text, self.tokens)) > self.length for text in prose.texts)

    def to_json(self) -> str:
        return json.dumps({"form": "text", **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Tokens:
        state = json.loads(text)
        state.pop("form")
        return cls(**{**state, "known": tuple(state["known"])})

    @cached_property
    def _places(self) -> dict[str, int]:
        return {token: place for place, token in enumerate(self.known, FIRST)}

    def _texts(self, X: Any) -> list[str | None]:
        if isinstance(X, Prose):
            return list(X.texts)
        if isinstance(X, Table):
            X = X.categories
        if hasattr(X, "columns") or isinstance(X, Mapping):
            return list(texts(column_of(named_columns(X), self.column)))
        rows = [] if isinstance(X, str) else list(X)
        if isinstance(X, str) or any(not (row is None or isinstance(row, str)) for row in rows):
            raise DataError("X", "the model takes a list of texts, or a DataFrame with them")
        return rows


def split(text: str | None, tokens: str) -> list[str]:
    """The tokens of a text; none of a missing one."""
    return SPLIT[tokens](unicodedata.normalize("NFC", text)) if text else []


def words(text: str) -> list[str]:
    """Words in lower case, with an apostrophe or hyphen inside of them; each other mark alone."""
    return _word().findall(text.lower())


def characters(text: str) -> list[str]:
    """The characters without space around them."""
    return list(text.strip())


SPLIT: dict[str, Callable[[str], list[str]]] = {"words": words, "characters": characters}


@cache
def _word() -> re.Pattern[str]:
    # For Python no letter: the marks on letters, such as the vowels of Devanagari.
    marks = "".join(f"{chr(a)}-{chr(b)}" for a, b in _ranges(_marks()))
    letter = rf"[\w{marks}]"
    return re.compile(rf"{letter}+(?:['’-]{letter}+)*|[^\w\s]")


def _marks() -> Iterable[int]:
    every = range(sys.maxunicode + 1)
    return (code for code in every if unicodedata.category(chr(code))[0] == "M")


def _ranges(codes: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of numbers, first and last."""
    found: list[tuple[int, int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found
