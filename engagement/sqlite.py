"""The online log: one SQLite file that many processes read and write; what is acknowledged is on disk.

Events lie clustered by (contact, time, id), so the history of one contact is one short walk. Times are integers:
microseconds UTC. WAL with `synchronous=FULL`: a commit that returned survives a power cut.
"""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import pyarrow as pa
from msgspec.structs import astuple

from engagement.appended import ACCEPTED, Appended, Row, appended, in_all, refuse_infinite, status_again
from engagement.errors import BadInput, EmptyLog, Unavailable
from engagement.events import Attribute, Event, Told, told
from engagement.rows import batches_of, clustered, rows_of
from engagement.schema import ATTRIBUTES, EVENTS
from engagement.sqlite_file import named_errors, open_file, refuse_unsafe_sqlite
from engagement.sqlite_sql import (
    ADD_ATTRIBUTE,
    ADD_EVENT,
    ALL_ATTRIBUTES,
    ALL_EVENTS,
    ATTRIBUTES_OF_ACCOUNT,
    ATTRIBUTES_OF_CONTACT,
    ATTRIBUTES_OF_MANY,
    EVENT_BY_ID,
    EVENTS_OF_ACCOUNT,
    EVENTS_OF_CONTACT,
    EVENTS_OF_MANY,
)

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
        self._connections: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._local = threading.local()
        self._write_lock = threading.Lock()
        self._closed = False
        self._writer = self._open(create)

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
        with self._transaction() as connection:
            statuses = [_add(connection, row) for row in rows]
            facts = [astuple(a) for a in (*attributes, *told(events, statuses))]
            new = _add_attributes(connection, facts)
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
            with self._transaction() as connection:
                statuses = [_add(connection, row) for row in rows]
            parts.append(appended(rows, statuses, 0))
            done += len(rows)
            if progress:
                progress(done, total)
        for rows in rows_of(owned, PORTION):
            with self._transaction() as connection:
                parts.append(Appended(attributes=_add_attributes(connection, rows)))
            done += len(rows)
            if progress:
                progress(done, total)
        return in_all(parts)

    # -- reading ---------------------------------------------------------------------------------------------

    def history(self, contact_id: str) -> tuple[list[Event], list[Attribute]]:
        """All that is known of a contact and of every account the contact was ever seen with, as of one instant.

        The contact's events come first, in order of time; then those of the accounts. Empty when unknown.
        """
        connection = self._reader()
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
        row = self._reader().execute(EVENT_BY_ID, (event_id,)).fetchone()
        return None if row is None else Event(*row)

    def histories(self, contact_ids: Sequence[str]) -> tuple[list[Event], list[Attribute]]:
        """The union of the contacts' histories, each row once, in no order."""
        wanted = (json.dumps(list(contact_ids)),)
        connection = self._reader()
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
        if len(table) == 0 and not self._reader().execute("SELECT 1 FROM events LIMIT 1").get:
            raise EmptyLog("the log holds no events", str(self.path), "Import some with mqm import.")
        return table

    def attributes(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All attributes (or of some contacts and their accounts), as a table with the columns of `ATTRIBUTES`."""
        return self._table(ATTRIBUTES, ALL_ATTRIBUTES, ATTRIBUTES_OF_MANY, contacts)

    def close(self) -> None:
        """Closes every connection, of other threads too. The log cannot be used afterwards."""
        self._closed = True
        for connection in list(self._connections):
            connection.close()

    # -- connections -----------------------------------------------------------------------------------------

    def about_rows(self, table: str) -> int:
        """How many rows "events" or "attributes" has, about: by the size of the files."""
        return (self.path.stat().st_size + self.wal_bytes()) // _BYTES_A_ROW

    def wal_bytes(self) -> int:
        """The size of the write-ahead log."""
        path = self.path.with_name(self.path.name + "-wal")
        return path.stat().st_size if path.exists() else 0

    def batches(self, table: str) -> Iterator[pa.Table]:
        """All rows of "events" or "attributes" in tables of some ten thousand, for what is too large for memory."""
        schema, statement = {"events": (EVENTS, ALL_EVENTS), "attributes": (ATTRIBUTES, ALL_ATTRIBUTES)}[table]
        yield from (pa.Table.from_batches([batch], schema) for batch in self._batches(schema, statement))

    def _table(self, schema: pa.Schema, whole: str, some: str, contacts: Sequence[str] | None) -> pa.Table:
        bindings = () if contacts is None else (json.dumps(list(contacts)),)
        batches = list(self._batches(schema, whole if contacts is None else some, bindings))
        return pa.Table.from_batches(batches, schema)

    def _batches(self, schema: pa.Schema, statement: str, bindings: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        yield from batches_of(self._reader().execute(statement, bindings), schema, CHUNK)

    def _reader(self) -> apsw.Connection:
        self._refuse_closed()
        reader: apsw.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._open(create=False)
            reader.execute("PRAGMA query_only = 1")
        return reader

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Unavailable("the log was closed", str(self.path), "Open it again.")

    def _open(self, create: bool) -> apsw.Connection:
        connection = open_file(self.path, create)
        self._connections.add(connection)
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """One durable write transaction. The lock is taken at once, so it waits for other writers and never fails
        half way."""
        with self._write_lock:
            self._refuse_closed()
            connection = self._writer
            with named_errors(self.path):
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise


def _add(connection: apsw.Connection, row: Row) -> str:
    """Inserts one event: "accepted", or what the one that was there before makes of it."""
    connection.execute(ADD_EVENT, row)
    if connection.changes():
        return ACCEPTED
    return status_again(row, connection.execute(EVENT_BY_ID, (row[0],)).get)


def _add_attributes(connection: apsw.Connection, rows: Sequence[Row]) -> int:
    before = connection.total_changes()
    connection.executemany(ADD_ATTRIBUTE, rows)
    return connection.total_changes() - before
