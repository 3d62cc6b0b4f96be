"""The one error of this package, and the words that errors share, here and in `search`."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from lanewise.spaces.synonyms import SYNONYMS

ROOT = "space"


class SpaceError(ValueError):
    """A space, or a configuration of one, is not valid.

    Attributes:
        path: where, as in "space.optimizer.sgd.momentum".
        message: what is wrong and what is allowed. `str(error)` is "path: message", one line.
    """

    def __init__(self, message: str, path: str = ROOT) -> None:
        super().__init__(message, path)  # both, so that the error survives pickling
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"

    def under(self, key: str) -> "SpaceError":
        """Return the same error one level further in: space.momentum -> space.<key>.momentum."""
        return SpaceError(self.message, f"{ROOT}.{key}{self.path.removeprefix(ROOT)}")


@contextmanager
def at(key: str) -> Iterator[None]:
    """Put `key` into the path of a SpaceError raised inside, so that no function carries paths."""
    try:
        yield
    except SpaceError as error:
        raise error.under(key) from None


def show(value: object, limit: int = 80) -> str:
    """Return a value as one line of text, cut at `limit` characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def unknown_key(key: object, allowed: Sequence[str], hint: str = "") -> SpaceError:
    """Return the error for a key that is not in `allowed`, with the nearest name that is."""
    names = ", ".join(allowed) if allowed else "nothing"
    return SpaceError(f"unknown key {show(key)}{nearest(key, allowed)} (allowed: {names}{hint})")


def nearest(word: object, names: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" for what `meant` finds, or nothing."""
    return did_you_mean(meant(word, names))


def did_you_mean(meanings: Sequence[str]) -> str:
    """Return ", did you mean 'x' or 'y'?", or nothing; forms have braces and need no quotes."""
    words = " or ".join(word if "{" in word else repr(word) for word in meanings)
    return f", did you mean {words}?" if words else ""


def meant(word: object, names: Iterable[str]) -> list[str]:
    """Return the name, the path or the form that is meant where `names` are allowed, if any.

    What differs in capitals, separators and such an ending as "Sampler" comes first, then what
    others call it, then what is spelt alike. There are several where a person has to choose.
    """
    names = list(names)
    folded = {fold(name): name for name in reversed(names)}
    for key in _keys(word):
        if key in folded:
            return [folded[key]]
        if found := [m for meaning in SYNONYMS.get(key, ()) if (m := _among(meaning, names))]:
            return found
    return [folded[key] for key in difflib.get_close_matches(fold(word), folded, n=1)]


def fold(word: object) -> str:
    """Return a word without what people write in many ways: capitals and separators."""
    return re.sub(r"[\W_]+", "", str(word).casefold())


def _keys(word: object) -> list[str]:
    key = fold(word)
    bare = fold(str(word).rpartition(".")[2])  # without its module
    return [key, bare, re.sub("(scheduler|sampler|pruner|searcher|search|distribution)$", "", bare)]


def _among(meaning: str, names: Sequence[str]) -> str:
    """The part of a meaning that can be written where `names` are allowed, or nothing."""
    first, last = re.findall(r"\w+", meaning)[0], meaning.rpartition(".")[2]
    if "{" in meaning:
        return meaning if first in names else ""
    return last if last in names else meaning if first in names else ""
