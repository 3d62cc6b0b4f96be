"""What a person's code runs in: the folder that the command was given in, and the recipe's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lanewise.search.core.sweep import Run
    from lanewise.trainables.recipe import Recipe


def around(recipe: Recipe, run: Run | None) -> AbstractContextManager[object]:
    """What the code of an attempt runs in; of None, code that runs for several at once."""
    if recipe.around is None:
        return nullcontext()
    return recipe.around(None, {}) if run is None else recipe.around(run.number, run.params)


def enter(folder: str | None) -> str:
    """Goes there, so that relative paths of a person's code mean what they mean in their shell.

    Args:
        folder: None where no code of theirs runs.

    Returns:
        A line for people where this machine has no such folder, else "". The code runs all the
        same: it may need no file, and others of the cluster's machines may have it.
    """
    if folder is None:
        return ""
    try:
        os.chdir(folder)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return (
            f"{folder}, which the command was given in, cannot be used on {socket.gethostname()} "
            f"({reason}): there, relative paths of your code start at {_here() or 'no folder'}"
        )
    return ""


@contextmanager
def kept() -> Iterator[None]:
    """This process is in the same folder afterwards."""
    before = _here()
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError):  # removed meanwhile
                os.chdir(before)


def _here() -> str | None:
    """None where it has been removed under this process."""
    with suppress(FileNotFoundError):
        return os.getcwd()
    return None
