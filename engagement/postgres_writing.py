"""What an append does in its transaction: rows in, statuses out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from msgspec import msgpack

from engagement.appended import ACCEPTED, Row, status_again
from engagement.erased import Sieve, digests
from engagement.errors import BadInput
from engagement.postgres_connection import Connection
from engagement.postgres_sql import (
    ADD_ATTRIBUTES,
    ADD_EVENTS,
    EVENTS_BY_ID,
    MARK,
    SCHEMA,
    TOMBSTONES_OF,
    VERSION,
    WRITING,
)

#: Locked while the tables are made, so that of several processes one makes them.
_MAKING = 0x6D716D


def prepare(connection: Connection, create: bool, name: str) -> None:
    """Makes the tables where they are to be made.

    Raises:
        BadInput: the database is not a log of this version.
    """
    with connection.transaction():
        connection.execute(f"SELECT pg_advisory_xact_lock({_MAKING})")
        ours, foreign = (_exists(connection, table) for table in (MARK, "events"))
        if not ours and foreign:
            raise BadInput("a database, but not a log", name, "Name another one, or another search_path.")
        if not ours and not create:
            raise BadInput("no engagement log", name, "Make one with mqm import, or check the URL.")
        if not ours:
            connection.execute(SCHEMA)
        version = connection.execute(f"SELECT version FROM {MARK}").fetchone()
        if version != (VERSION,):
            raise BadInput("a log of another version", version and version[0], f"This mqm reads version {VERSION}.")


def _exists(connection: Connection, table: str) -> bool:
    found = connection.execute("SELECT to_regclass(quote_ident(current_schema()) || %s) IS NOT NULL", (f".{table}",))
    return found.fetchone() == (True,)


def sieve(connection: Connection, rows: Sequence[Row], facts: Sequence[Row]) -> Sieve:
    """The tombstones of the rows' contacts; from here to the commit no contact is erased."""
    with connection.pipeline():
        connection.execute(WRITING)
        found: Any = connection.execute(TOMBSTONES_OF, (digests(rows, facts),))
    return Sieve(dict(found.fetchall()))


def add_events(connection: Connection, rows: Sequence[Row]) -> list[str]:
    """Inserts events: "accepted", or what the one that was there before makes of it, for each in order."""
    known: dict[str, Row] = {}
    for row in rows:
        known.setdefault(row[0], row)
    if not known:
        return []
    columns = [list(column) for column in zip(*known.values(), strict=True)]
    new = {event_id for (event_id,) in connection.execute(ADD_EVENTS, columns)}
    if old := [event_id for event_id in known if event_id not in new]:
        known |= {str(row[0]): row for row in connection.execute(EVENTS_BY_ID, (old,))}
    statuses = []
    for row in rows:
        first = row[0] in new
        new.discard(row[0])
        statuses.append(ACCEPTED if first else status_again(row, known[row[0]]))
    return statuses


def add_attributes(connection: Connection, rows: Sequence[Row]) -> int:
    """Inserts attributes that are new; how many."""
    if not rows:
        return 0
    facts = {_fact(row): row for row in reversed(rows)}  # of the same fact the first row is kept
    columns = [list(facts), *(list(column) for column in zip(*facts.values(), strict=True))]
    return connection.execute(ADD_ATTRIBUTES, columns).rowcount


def _fact(row: Row) -> bytes:
    """What makes an attribute the same fact: all but when we received it."""
    return hashlib.blake2b(msgpack.encode(row[:-1]), digest_size=16).digest()
