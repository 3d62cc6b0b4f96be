"""What can go wrong in the core, and whose mistake it is.

SearchError                 a person asked for something that cannot be
├── UnknownSweepError       no sweep of that name or id in this home
├── JournalError            storage: broken, newer than this release, or not a journal
└── LockedError             another process holds what was asked for
"""

from __future__ import annotations


class SearchError(ValueError):
    """A user's mistake that concerns samplers, schedulers, budgets or the journal."""


class UnknownSweepError(SearchError):
    """No sweep of that name or id is in this home."""


def no_sweeps(home: object) -> UnknownSweepError:
    """What every command says of a home in which nothing was run yet."""
    return UnknownSweepError(
        f"there are no sweeps in {home} yet: begin one with 'lanewise run FILE', or name another "
        "home with --home or LANEWISE_HOME"
    )


class JournalError(SearchError):
    """The journal cannot be read or written as it is."""


class LockedError(SearchError):
    """Another process holds the lock that was asked for."""
