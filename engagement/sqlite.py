"""The online log: one SQLite file that many processes read and write; what is acknowledged is on disk.

Events lie clustered by (contact, time, id), so the history of one contact is one short walk. Times are integers:
microseconds UTC. WAL with `synchronous=FULL`: a commit that returned survives a power cut.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import apsw
import pyarrow as pa
from msgspec.structs import astuple

from engagement.appended import Appended, appended, in_all, refuse_infinite
from engagement.erased import Tombstones, digest, sifted
from engagement.errors import BadInput, EmptyLog
from engagement.events import Attribute, Event, Told, told
from engagement.rows import batches_of, clustered, rows_of
from engagement.schema import ATTRIBUTES, EVENTS
from engagement.sqlite_connections import SqliteConnections
from engagement.sqlite_file import named_errors, open_file, refuse_unsafe_sqlite
from engagement.sqlite_sql import (
    ADD_TOMBSTONE,
    ALL_ATTRIBUTES,
    ALL_EVENTS,
    ATTRIBUTES_OF_ACCOUNT,
    ATTRIBUTES_OF_CONTACT,
    ATTRIBUTES_OF_MANY,
    ERASE,
    EVENT_BY_ID,
    EVENTS_OF_ACCOUNT,
    EVENTS_OF_CONTACT,
    EVENTS_OF_MANY,
    TOMBSTONES,
)
from engagement.sqlite_writing import add_all, add_attributes, sieve

#: Rows in one transaction of a bulk append: others get their turn between two. And rows in a chunk that is read.
PORTION, CHUNK = 5_000, 50_000
#: What an event takes with its indexes, about.
_BYTES_A_ROW = 250


class SqliteLog:
    """A log in an SQLite file. Safe to share between threads; each thread reads over a connection of its own.

    Args:
        path: the file.
        create: make the file (and its folder) where there is none.

    Raises:
        BadInput: no such file, not a log, or an SQLite that is known to lose data.
    """

    def __init__(self, path: Path, create: bool) -> None:
        refuse_unsafe_sqlite(apsw.sqlite_lib_version())
        self.path = path
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.is_file():
            raise BadInput("no engagement log", str(path), "Make one with mqm import, or check the path.")
        self._connections = SqliteConnections(path, create)

    @property
    def location(self) -> str:
        """The URL of this log."""
        return f"sqlite:///{self.path}"

    # -- writing ---------------------------------------------------------------------------------------------

    def append(self, events: Sequence[Event | Told], attributes: Sequence[Attribute] = ()) -> Appended:
        """Stores events and attributes in one durable transaction: when this returns they are on disk.

        An event id that is there already with the same body is a duplicate (the first `received_at` stays), with
        another body a conflict; the others are stored all the same. An attribute that is there already (whenever
        it was received) is not stored again.

        Raises:
            BadInput: a value that is not finite. Unavailable: locked, or no space left. Nothing was stored.
        """
        rows = [astuple(e.event if isinstance(e, Told) else e) for e in events]
        refuse_infinite(rows)
        facts = [astuple(one) for one in attributes]
        with self._connections.transaction() as connection:
            known = sieve(connection, rows, facts)
            statuses = sifted(rows, known, partial(add_all, connection))
            beside = [astuple(one) for one in told(events, statuses)]
            new = add_attributes(connection, [fact for fact in (*facts, *beside) if not known.fact(fact)])
        return appended(rows, statuses, new)

    def append_tables(
        self, events: pa.Table, attributes: pa.Table, progress: Callable[[int, int], None] | None = None
    ) -> Appended:
        """Stores tables with the columns of `engagement.schema`, a durable transaction for each `PORTION` rows.

        `progress(done, total)` is called after each. What is interrupted can be run again: rows that are there
        already count as duplicates.
        """
        ordered, owned = clustered(events, attributes)
        parts: list[Appended] = []
        done, total = 0, len(events) + len(attributes)
        for rows in rows_of(ordered, PORTION):
            refuse_infinite(rows)
            with self._connections.transaction() as connection:
                known = sieve(connection, rows, [])
                statuses = sifted(rows, known, partial(add_all, connection))
            parts.append(appended(rows, statuses, 0))
            done += len(rows)
            if progress:
                progress(done, total)
        for rows in rows_of(owned, PORTION):
            with self._connections.transaction() as connection:
                known = sieve(connection, [], rows)
                new = add_attributes(connection, [fact for fact in rows if not known.fact(fact)])
            parts.append(Appended(attributes=new))
            done += len(rows)
            if progress:
                progress(done, total)
        return in_all(parts)

    def erase(self, contact_id: str, at: int) -> tuple[int, int]:
        """Removes a contact: its events, its attributes, and their bytes from the file and its write-ahead log.

        What occurred up to `at` (microseconds UTC) is not stored again. Returns how many events and attributes.

        Raises:
            Unavailable: another program holds the file for long.
        """
        with self._connections.transaction() as connection:
            connection.execute(ADD_TOMBSTONE, (digest(contact_id), at))
            gone = []
            for statement in ERASE:
                connection.execute(statement, (contact_id,))
                gone.append(connection.changes())
        return gone[0], gone[1]

    def tombstones(self) -> dict[bytes, int]:
        """The contacts that were erased."""
        return dict(self._connections.reader().execute(TOMBSTONES))

    def add_tombstones(self, more: Tombstones) -> None:
        """Erased contacts of other places: what they did before stays out of here too."""
        with self._connections.transaction() as connection:
            connection.executemany(ADD_TOMBSTONE, more.items())

    def backup(self, path: Path) -> None:
        """Writes the log as of one instant into a new file; others read and write meanwhile.

        Raises:
            Unavailable: no space, or not allowed there.
        """
        connection = open_file(self.path, create=False)  # of its own: a reader's may write nowhere
        try:
            with named_errors(path):
                connection.execute("VACUUM INTO ?", (str(path),))
        finally:
            connection.close()
        with path.open("rb") as file:
            os.fsync(file.fileno())

    # -- reading ---------------------------------------------------------------------------------------------

    def history(self, contact_id: str) -> tuple[list[Event], list[Attribute]]:
        """All that is known of a contact and of every account the contact was ever seen with, as of one instant.

        The contact's events come first, in order of time; then those of the accounts. Empty when unknown.
        """
        connection = self._connections.reader()
        with named_errors(self.path), connection:  # one snapshot for all the statements
            events = [Event(*row) for row in connection.execute(EVENTS_OF_CONTACT, (contact_id,))]
            facts = [Attribute(*row) for row in connection.execute(ATTRIBUTES_OF_CONTACT, (contact_id,))]
            accounts = sorted({event.account_id for event in events if event.account_id is not None})
            for account in accounts:
                others = connection.execute(EVENTS_OF_ACCOUNT, (account, contact_id))
                events += [Event(*row) for row in others]
                named = connection.execute(ATTRIBUTES_OF_ACCOUNT, (account, contact_id))
                facts += [Attribute(*row) for row in named]
        return events, facts

    def event(self, event_id: str) -> Event | None:
        """The event of that id."""
        row = self._connections.reader().execute(EVENT_BY_ID, (event_id,)).fetchone()
        return None if row is None else Event(*row)

    def histories(self, contact_ids: Sequence[str]) -> tuple[list[Event], list[Attribute]]:
        """The union of the contacts' histories, each row once, in no order."""
        wanted = (json.dumps(list(contact_ids)),)
        connection = self._connections.reader()
        with named_errors(self.path), connection:
            events = [Event(*row) for row in connection.execute(EVENTS_OF_MANY, wanted)]
            facts = [Attribute(*row) for row in connection.execute(ATTRIBUTES_OF_MANY, wanted)]
        return events, facts

    def events(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All events (or of some contacts and their accounts), as a table with the columns of `EVENTS`.

        Raises:
            EmptyLog: not a single event in the log.
        """
        table = self._table(EVENTS, ALL_EVENTS, EVENTS_OF_MANY, contacts)
        if len(table) == 0 and not self._connections.reader().execute("SELECT 1 FROM events LIMIT 1").get:
            raise EmptyLog("the log holds no events", str(self.path), "Import some with mqm import.")
        return table

    def attributes(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All attributes (or of some contacts and their accounts), as a table with the columns of `ATTRIBUTES`."""
        return self._table(ATTRIBUTES, ALL_ATTRIBUTES, ATTRIBUTES_OF_MANY, contacts)

    def close(self) -> None:
        """Closes every connection, of other threads too. The log cannot be used afterwards."""
        self._connections.close()

    # -- connections -----------------------------------------------------------------------------------------

    def about_rows(self, table: str) -> int:
        """How many rows "events" or "attributes" has, about: by the size of the files."""
        return (self.path.stat().st_size + self.wal_bytes()) // _BYTES_A_ROW

    def count(self, table: str) -> int:
        """How many rows "events" or "attributes" has."""
        statement = f"SELECT count(*) FROM {'events' if table == 'events' else 'attributes'}"
        return int(self._connections.reader().execute(statement).get)

    def wal_bytes(self) -> int:
        """The size of the write-ahead log."""
        return self._connections.wal_bytes()

    def batches(self, table: str) -> Iterator[pa.Table]:
        """All rows of "events" or "attributes" in tables of some ten thousand, for what is too large for memory."""
        schema, statement = {"events": (EVENTS, ALL_EVENTS), "attributes": (ATTRIBUTES, ALL_ATTRIBUTES)}[table]
        yield from (pa.Table.from_batches([batch], schema) for batch in self._batches(schema, statement))

    def _table(self, schema: pa.Schema, whole: str, some: str, contacts: Sequence[str] | None) -> pa.Table:
        bindings = () if contacts is None else (json.dumps(list(contacts)),)
        batches = list(self._batches(schema, whole if contacts is None else some, bindings))
        return pa.Table.from_batches(batches, schema)

    def _batches(self, schema: pa.Schema, statement: str, bindings: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        yield from batches_of(self._connections.reader().execute(statement, bindings), schema, CHUNK)
