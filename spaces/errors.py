"""The one error of this package, and the words that errors share."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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
    near = difflib.get_close_matches(str(key), allowed, n=1)
    meant = f", did you mean {near[0]!r}?" if near else ""
    names = ", ".join(allowed) if allowed else "nothing"
    return SpaceError(f"unknown key {show(key)}{meant} (allowed: {names}{hint})")
