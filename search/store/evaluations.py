"""What evaluations told of validation rows, beside the events in the journal's database.

They are written with their reports. Those that have been folded into the sweep's stream, and are
no trial's best, go: see `selection`. Raw bytes and JSON, no pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from lanewise.search.selection.evaluated import Evaluated

StoredStream = tuple[Mapping[str, Any], bytes]  # what ``Stream.dump`` gives
Keys = Sequence[tuple[int, int]]  # (trial, epoch)

META = sa.MetaData()
_EVALUATIONS = sa.Table(
    "evaluations",
    META,
    sa.Column("sweep", sa.String(40), primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("is_folded", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
_STREAMS = sa.Table(
    "streams",
    META,
    sa.Column("sweep", sa.String(40), primary_key=True),
    sa.Column("about", sa.Text, nullable=False),  # JSON
    sa.Column("state", sa.LargeBinary, nullable=False),
)


def write(connection: sa.Connection, sweep: str, evaluated: Sequence[Evaluated]) -> None:
    """Adds evaluations that are not folded yet.

    One that is there already is of a report that was dropped, broken as it was: it is done again.
    """
    rows = [
        {
            "sweep": sweep,
            "trial": each.number,
            "epoch": each.epoch,
            "size": each.size,
            "is_folded": False,
            "body": each.body,
        }
        for each in evaluated
    ]
    connection.execute(_EVALUATIONS.insert().prefix_with("OR REPLACE"), rows)


def read(connection: sa.Connection, sweep: str, *, folded: bool) -> list[Evaluated]:
    """The evaluations that are there, in the order of trials: those folded, or those not yet."""
    columns = _EVALUATIONS.c
    query = (
        sa.select(columns.trial, columns.epoch, columns.size, columns.body)
        .where(columns.sweep == sweep, columns.is_folded == folded)
        .order_by(columns.trial, columns.epoch)
    )
    return [Evaluated(*row[:3], bytes(row[3])) for row in connection.execute(query)]


def read_stream(connection: sa.Connection, sweep: str) -> StoredStream | None:
    """The stream into which evaluations are folded, as ``fold`` wrote it last; None for none."""
    query = sa.select(_STREAMS.c.about, _STREAMS.c.state).where(_STREAMS.c.sweep == sweep)
    row = connection.execute(query).first()
    return None if row is None else (json.loads(row[0]), bytes(row[1]))


def fold(
    connection: sa.Connection, sweep: str, stream: StoredStream, keep: Keys, drop: Keys
) -> None:
    """Writes the stream, with what becomes of the evaluations that are in it now.

    Args:
        keep: those that stay; drop: those that go.
    """
    about, state = stream
    connection.execute(_STREAMS.delete().where(_STREAMS.c.sweep == sweep))
    row = {"sweep": sweep, "about": json.dumps(about), "state": state}
    connection.execute(_STREAMS.insert(), row)
    columns = _EVALUATIONS.c
    one = (
        (columns.sweep == sweep)
        & (columns.trial == sa.bindparam("of_trial"))
        & (columns.epoch == sa.bindparam("of_epoch"))
    )
    for change, keys in (
        (_EVALUATIONS.update().where(one).values(is_folded=True), keep),
        (_EVALUATIONS.delete().where(one), drop),
    ):
        if keys:
            bound = [{"of_trial": trial, "of_epoch": epoch} for trial, epoch in keys]
            connection.execute(change, bound)
