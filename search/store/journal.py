"""The journal: every sweep's events, durable and in order, in one SQLAlchemy Core table.

SQLite in WAL mode with full synchronisation: an appended group of events survives SIGKILL and
power loss, and readers never wait for the writer. (sweep, seq) is the primary key, so a second
writer cannot interleave unnoticed. Each record carries a checksum of all its columns; one that is
broken costs its own sweep alone.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import sqlalchemy as sa

from lanewise.search.core.events import Event, Launched, decode, encode, is_sweep_id
from lanewise.search.errors import JournalError
from lanewise.search.selection.evaluated import Evaluated
from lanewise.search.store import evaluations
from lanewise.search.store.evaluations import Keys, StoredStream

# Of the tables and records; a newer journal is refused, older ones always open. 2: notes; 3: how
# ties of the objective are decided, and a checksum that covers the time; 4: pauses, exploits,
# rungs with each trial, several objectives; 5: estimates, evaluations beside the events, uses of
# the test part.
# An older journal stays as it is while it is read; the first append raises its format.
FORMAT = 5
PATIENCE = 30.0  # seconds for others that write

CHUNK = 50  # rows that are fetched and decoded at once
_NUMBER = (float, int)

_encoded = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decoded = json.JSONDecoder().decode

_META = sa.MetaData()
_ABOUT = sa.Table(
    "about",
    _META,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)
_FORMAT = _ABOUT.c.key == "format"
_EVENTS = sa.Table(
    "events",
    _META,
    sa.Column("sweep", sa.String(40), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float(53), nullable=False),  # seconds since 1970
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("crc", sa.BigInteger, nullable=False),
)
# What people ask of a running controller; it reads them, they are no part of the history.
_REQUESTS = sa.Table(
    "requests",
    _META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sweep", sa.String(40), nullable=False, index=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("at", sa.Float(53), nullable=False),
)


class Record(NamedTuple):
    """An event with its place in the sweep's order and the time of its writing."""

    seq: int
    at: float
    event: Event


class Journal:
    """The journal of one home.

    Args:
        path: the SQLite file; made if missing, with ``create``.

    Raises:
        JournalError: it is missing, newer than this release, or no journal at all.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        if not create and not path.exists():
            raise JournalError(f"{path}: there is no journal here")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror or error}") from error
        self._engine = _engine(path)
        # In the driver's own words, made once: most of what a row costs otherwise.
        self._insert = str(_EVENTS.insert().compile(dialect=self._engine.dialect))
        with self._explained():
            self._older = self._prepare()

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def append(
        self,
        sweep: str,
        after: int,
        events: Sequence[Event],
        evaluated: Sequence[Evaluated] = (),
    ) -> int:
        """Writes events behind record ``after``, and evaluations that they report, in one
        transaction; returns the last seq.

        Raises:
            JournalError: another controller has written meanwhile, or the storage failed.
        """
        if not events:
            return after
        rows = [_row(sweep, seq, time.time(), event) for seq, event in enumerate(events, after + 1)]
        with self._explained(), self._engine.begin() as connection:
            connection.exec_driver_sql(self._insert, rows)
            if evaluated:
                evaluations.write(connection, sweep, evaluated)
            if self._older:
                connection.execute(_ABOUT.update().where(_FORMAT).values(value=str(FORMAT)))
        self._older = False
        return after + len(rows)

    def read(self, sweep: str, after: int = -1) -> list[Record]:
        """The records behind ``after``. A broken newest record is left out, as if never written.

        Raises:
            JournalError: one before the newest is broken or missing.
        """
        return list(self.stream(sweep, after))

    def stream(self, sweep: str, after: int = -1) -> Iterator[Record]:
        """What ``read`` returns, one by one, for whoever keeps none of them."""
        query = (
            sa.select(_EVENTS)
            .where(_EVENTS.c.sweep == sweep, _EVENTS.c.seq > after)
            .order_by(_EVENTS.c.seq)
        )
        broken: int | None = None
        with self._explained(), self._engine.connect() as connection:
            expected = after
            for rows in connection.execute(query).partitions(CHUNK):
                for row, record in zip(rows, _records(rows), strict=True):
                    if broken is not None:
                        raise self._damaged(sweep, broken, "broken")
                    expected += 1
                    if row[1] != expected:
                        raise self._damaged(sweep, expected, "missing")
                    if record is None:
                        broken = expected
                    else:
                        yield record

    def _damaged(self, sweep: str, seq: int, how: str) -> JournalError:
        return JournalError(f"{self.path}: record {seq} of sweep {sweep} is {how}")

    def truncate(self, sweep: str, after: int) -> int:
        """Removes the records behind ``after`` (a broken newest one); returns how many."""
        where = (_EVENTS.c.sweep == sweep) & (_EVENTS.c.seq > after)
        with self._explained(), self._engine.begin() as connection:
            return connection.execute(_EVENTS.delete().where(where)).rowcount

    def evaluations(self, sweep: str, *, folded: bool) -> list[Evaluated]:
        """See ``evaluations.read``."""
        with self._explained(), self._engine.connect() as connection:
            return evaluations.read(connection, sweep, folded=folded)

    def stored_stream(self, sweep: str) -> StoredStream | None:
        """See ``evaluations.read_stream``."""
        with self._explained(), self._engine.connect() as connection:
            return evaluations.read_stream(connection, sweep)

    def fold(self, sweep: str, stream: StoredStream, keep: Keys, drop: Keys) -> None:
        """See ``evaluations.fold``; all of it in one transaction."""
        with self._explained(), self._engine.begin() as connection:
            evaluations.fold(connection, sweep, stream, keep, drop)

    def last(self, sweep: str) -> int:
        """The newest seq of a sweep, -1 if it has no record."""
        query = sa.select(sa.func.max(_EVENTS.c.seq)).where(_EVENTS.c.sweep == sweep)
        with self._explained(), self._engine.connect() as connection:
            newest = connection.execute(query).scalar()
        return -1 if newest is None else int(newest)

    def launches(self) -> list[tuple[Launched, float]]:
        """The first record of every sweep with its time, in the order of their launch.

        Sweeps of which it is broken are left out; ``unreadable`` has them.
        """
        # The order of writing: a clock may be set back, and differs between machines.
        query = sa.select(_EVENTS).where(_EVENTS.c.seq == 0).order_by(sa.literal_column("rowid"))
        with self._explained(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        found = []
        for row, record in zip(rows, _records(rows), strict=True):
            if record and _is_launch(record.event, row.sweep):
                found.append((record.event, record.at))
        return found

    def unreadable(self) -> dict[str, str]:
        """Sweeps whose first record is broken or missing: id -> what is wrong, in one line."""
        query = sa.select(_EVENTS.c.sweep).group_by(_EVENTS.c.sweep)
        query = query.order_by(sa.func.min(sa.literal_column("rowid")))
        with self._explained(), self._engine.connect() as connection:
            sweeps = [str(row.sweep) for row in connection.execute(query)]
        readable = {launch.sweep for launch, _ in self.launches()}
        return {
            sweep: f"{self.path}: record 0 of sweep {sweep} is broken"
            for sweep in sweeps
            if sweep not in readable
        }

    def request(self, sweep: str, kind: str) -> None:
        """Asks something of the sweep's controller."""
        with self._explained(), self._engine.begin() as connection:
            row = {"sweep": sweep, "kind": kind, "at": time.time()}
            connection.execute(_REQUESTS.insert(), row)

    def take_requests(self, sweep: str) -> list[str]:
        """What has been asked since the last call, in order; each request is handed out once."""
        mine = _REQUESTS.c.sweep == sweep
        query = sa.select(_REQUESTS.c.id, _REQUESTS.c.kind).where(mine).order_by(_REQUESTS.c.id)
        with self._explained():
            with self._engine.connect() as connection:
                rows = connection.execute(query).all()
            if rows:
                taken = _REQUESTS.c.id.in_([row.id for row in rows])
                with self._engine.begin() as connection:
                    connection.execute(_REQUESTS.delete().where(taken))
        return [row.kind for row in rows]

    def _prepare(self) -> bool:
        """Makes what is missing; whether the journal is of an older format."""
        # Several processes may begin a journal at once: what is there already is no error.
        with self._engine.begin() as connection:
            for table in (*_META.sorted_tables, *evaluations.META.sorted_tables):
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
            query = sa.select(_ABOUT.c.value).where(_FORMAT)
            found = connection.execute(query).scalar()
            if found is None:
                insert = "INSERT INTO about VALUES ('format', :format) ON CONFLICT DO NOTHING"
                connection.execute(sa.text(insert), {"format": str(FORMAT)})
        written = FORMAT if found is None else _format(found)
        if written is None:
            raise JournalError(
                f"{self.path}: damaged: its format is {found!r}, not a number from 1 to {FORMAT}"
            )
        if written > FORMAT:
            raise JournalError(
                f"{self.path}: written by a newer release (format {found}, this one reads "
                f"{FORMAT}); upgrade lanewise"
            )
        return written < FORMAT

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns storage errors into one line."""
        try:
            yield
        except sa.exc.IntegrityError as error:
            raise JournalError(
                f"{self.path}: another controller has written to this sweep"
            ) from error
        except sa.exc.DBAPIError as error:
            raise JournalError(f"{self.path}: {error.orig}") from error


def _engine(path: Path) -> sa.Engine:
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"timeout": PATIENCE})

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # A damaged text must not end a query that is about other sweeps' records, too.
        connection.text_factory = _text
        cursor = connection.cursor()
        _write_ahead(cursor)
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    return engine


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Where several open a new file at once, SQLite lets one change the mode and does not wait."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _row(sweep: str, seq: int, at: float, event: Event) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    body = _encoded(encode(event))
    return sweep, seq, at, event.kind, body, _checksum(sweep, seq, event.kind, body, at)


def _records(rows: Sequence[Sequence[Any]]) -> list[Record | None]:
    """The records of rows, None for each broken one."""
    bodies = _bodies([row[4] for row in rows])
    return [_record(row, body) for row, body in zip(rows, bodies, strict=True)]


def _bodies(texts: list[str]) -> list[Any]:
    """What JSON texts hold, None for one that is no JSON.

    All at once takes less time, and equal keys are one string then.
    """
    try:
        bodies: list[Any] = _decoded(f"[{','.join(texts)}]")
        if len(bodies) == len(texts):
            return bodies
    except (TypeError, ValueError):
        pass  # one of them is broken
    return [_body(text) for text in texts]


def _body(text: str) -> Any:
    try:
        return _decoded(text)
    except (TypeError, ValueError):
        return None


def _record(row: Sequence[Any], body: Any) -> Record | None:
    """The record of a row whose text holds ``body``, None for a broken one."""
    sweep, seq, at, kind, text, crc = row
    is_time = isinstance(at, _NUMBER) and math.isfinite(at)
    # Up to format 2 the time was no part of it.
    if not is_time or (
        crc != _checksum(sweep, seq, kind, text, at)
        and crc != _checksum(sweep, seq, kind, text, None)
    ):
        return None
    try:
        return Record(seq, float(at), decode(kind, body))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _checksum(sweep: str, seq: int, kind: str, body: str, at: float | None) -> int:
    text = f"{sweep}\0{seq}\0{kind}\0{body}"
    if at is not None:
        text = f"{text}\0{float(at)!r}"
    return zlib.crc32(text.encode(errors="surrogateescape"))


def _is_launch(event: Event, sweep: str) -> TypeGuard[Launched]:
    """Whether it is the first record of that sweep, whose id is one of ours."""
    if not (isinstance(event, Launched) and event.sweep == sweep and is_sweep_id(sweep)):
        return False
    sections = (event.details.get(name) for name in ("sweep_file", "mlflow"))
    return all(isinstance(section, dict | None) for section in sections)


def _format(value: object) -> int | None:
    """A number from 1 on, None for anything else."""
    text = str(value)
    return int(text) if re.fullmatch("[1-9][0-9]{0,8}", text) else None
