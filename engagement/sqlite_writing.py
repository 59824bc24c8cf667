"""What an append does in its transaction: rows in, statuses out."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from engagement.appended import ACCEPTED, Row, status_again
from engagement.erased import Sieve, digests
from engagement.sqlite_sql import ADD_ATTRIBUTE, ADD_EVENT, ANY_TOMBSTONE, EVENT_BY_ID, TOMBSTONE


def sieve(connection: apsw.Connection, rows: Sequence[Row], facts: Sequence[Row]) -> Sieve:
    """The tombstones of the rows' contacts; nothing is asked for each where there is none at all."""
    if connection.execute(ANY_TOMBSTONE).get is None:
        return Sieve({})
    found = {key: connection.execute(TOMBSTONE, (key,)).get for key in digests(rows, facts)}
    return Sieve({key: erased_at for key, erased_at in found.items() if erased_at is not None})


def add_all(connection: apsw.Connection, rows: Sequence[Row]) -> list[str]:
    """Inserts events; the status of each, in order."""
    return [_add(connection, row) for row in rows]


def _add(connection: apsw.Connection, row: Row) -> str:
    """Inserts one event: "accepted", or what the one that was there before makes of it."""
    connection.execute(ADD_EVENT, row)
    if connection.changes():
        return ACCEPTED
    return status_again(row, connection.execute(EVENT_BY_ID, (row[0],)).get)


def add_attributes(connection: apsw.Connection, rows: Sequence[Row]) -> int:
    """Inserts attributes that are new; how many."""
    before = connection.total_changes()
    connection.executemany(ADD_ATTRIBUTE, rows)
    return connection.total_changes() - before
