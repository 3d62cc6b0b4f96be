"""Reading a sweep back from its journal: the way every view sees it, live or long finished."""

from __future__ import annotations

from dataclasses import dataclass, field

from lanewise.search.core.events import (
    Asked,
    Closed,
    Launched,
    Opened,
    Reported,
    Resumed,
    Tested,
)
from lanewise.search.core.history import History
from lanewise.search.core.spec import Spec
from lanewise.search.errors import JournalError, UnknownSweepError, no_sweeps
from lanewise.search.store.home import Home
from lanewise.search.store.journal import Journal, Record
from lanewise.spaces.errors import nearest

DECIDED = (Asked, Resumed, Reported)  # events of a decision
MOST_NAMES = 8  # of sweeps that an error lists


@dataclass
class View:
    """One sweep as its journal tells it. ``refresh`` reads on from where it was."""

    journal: Journal
    launch: Launched
    launched_at: float
    spec: Spec
    history: History
    seq: int = -1
    last_at: float = 0.0
    decided_at: float = 0.0  # the time of the last decision
    sessions: list[tuple[float, float]] = field(default_factory=list)  # (opened, last event)
    uses: list[tuple[float, Tested]] = field(default_factory=list)  # of the test part, and when

    def refresh(self) -> list[Record]:
        """Takes the new records in and returns them."""
        records = self.journal.read(self.launch.sweep, self.seq)
        for record in records:
            self._take(record)
        return records

    def _take(self, record: Record) -> None:
        try:
            self.history.apply(record.event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            where = f"{self.journal.path}: record {record.seq} of sweep {self.launch.sweep}"
            raise JournalError(f"{where} does not fit those before it") from error
        self.seq = record.seq
        if isinstance(record.event, Tested):  # by a person, whenever that was
            self.uses.append((record.at, record.event))
            return
        self.last_at = record.at
        if isinstance(record.event, Opened):
            self.sessions.append((record.at, record.at))
        elif self.sessions and not isinstance(record.event, Closed):
            # A controller ticks before it closes; without one, a person ended the sweep later on.
            self.sessions[-1] = (self.sessions[-1][0], record.at)
        if isinstance(record.event, DECIDED):
            self.decided_at = record.at

    def status(self, home: Home) -> str:
        """running, interrupted, done or failed."""
        if self.history.closed:
            return self.history.closed.status
        if not self.history.interrupted and home.has_controller(self.launch.sweep):
            return "running"
        return "interrupted"


def open_view(journal: Journal, sweep: str) -> View:
    """The view of a sweep by id, up to date.

    Raises:
        UnknownSweepError: there is none.
    """
    view = unread_view(journal, sweep)
    view.refresh()
    return view


def unread_view(journal: Journal, sweep: str) -> View:
    """The view of a sweep before its first ``refresh``, for whoever folds the records too.

    Raises:
        UnknownSweepError: there is none. JournalError: its first record is broken.
    """
    for launch, at in journal.launches():
        if launch.sweep == sweep:
            spec = _spec(journal, launch)
            return View(journal, launch, at, spec, History.of(spec))
    _refuse_unreadable(journal, sweep)
    raise UnknownSweepError(f"there is no sweep '{sweep}' in {journal.path.parent}")


def _spec(journal: Journal, launch: Launched) -> Spec:
    try:
        return Spec.from_json(launch.spec)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JournalError(f"{journal.path}: record 0 of sweep {launch.sweep} is broken") from error


def _refuse_unreadable(journal: Journal, sweep: str | None) -> None:
    wrong = journal.unreadable()
    if sweep is None and wrong:
        raise JournalError(next(reversed(wrong.values())))
    if sweep in wrong:
        raise JournalError(wrong[sweep])


def find(journal: Journal, name: str | None) -> str:
    """The id of a sweep given by id or by name (the newest of that name).

    None: the newest, but for those that train another one's best trials again.

    Raises:
        UnknownSweepError: there is none. JournalError: the first record of the one is broken.
    """
    launches = [launch for launch, _ in journal.launches()]
    own = [launch for launch in launches if "verifies" not in launch.details] or launches
    for launch in reversed(own if name is None else launches):
        if name is None or name in (launch.sweep, launch.name):
            return launch.sweep
    _refuse_unreadable(journal, name)
    if not launches:
        raise no_sweeps(journal.path.parent)
    names = list(dict.fromkeys(launch.name for launch in reversed(launches)))
    hint = nearest(name, [*names, *(launch.sweep for launch in reversed(launches))])
    known = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    raise UnknownSweepError(
        f"there is no sweep '{name}' in {journal.path.parent}{hint} (known: {known})"
    )
