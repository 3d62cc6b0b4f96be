"""What a person sees while a command works: progress on standard error, from data to report."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from lanewise.search.store.home import Home

if TYPE_CHECKING:
    from lanewise.dashboards.console import PlainConsole


def waiting(what: str, *, shown: bool, plain: bool = False) -> AbstractContextManager[object]:
    """Says ``what`` goes on inside, once it takes longer than a moment; plainly in one line."""
    if not shown:
        return nullcontext()
    from lanewise.dashboards.progress import Waiting

    return Waiting(what, _console("inline" if plain else None))


def progress(
    home: Home, sweep: str, executor: str, *, shown: bool
) -> AbstractContextManager[object]:
    """Shows a sweep inside, until MLflow has it and the report is written."""
    if not shown:
        return nullcontext()
    from lanewise.dashboards.progress import Progress

    return Progress(home, sweep, _console(executor))


def _console(executor: str | None) -> PlainConsole:
    from lanewise.dashboards.console import PlainConsole

    # Plain lines beside `inline`, where a person may be in a debugger on the same terminal.
    return PlainConsole(stderr=True, force_terminal=False if executor == "inline" else None)
