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
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import pyarrow as pa
from msgspec.structs import astuple

from engagement.errors import BadInput, EmptyLog
from engagement.events import Attribute, Event, Told, told
from engagement.schema import ATTRIBUTES, EVENTS
from engagement.sqlite_file import open_file, refuse_unsafe_sqlite
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

#: Rows in one transaction of a bulk append, and in one chunk of a table that is read.
CHUNK = 50_000

_RECEIVED = EVENTS.get_field_index("received_at")


@dataclass(frozen=True)
class Appended:
    """What became of one append.

    Attributes:
        accepted: events that are new and now on disk.
        duplicates: events that were there already, with the same body.
        conflicts: ids of events that were there already with another body; nothing was changed for them.
        attributes: attribute rows that are new.
        statuses: "accepted", "duplicate" or "conflict" for each event, in order; empty for a bulk append.
    """

    accepted: int = 0
    duplicates: int = 0
    conflicts: tuple[str, ...] = ()
    attributes: int = 0
    statuses: tuple[str, ...] = ()


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
            BadInput: a value that is not finite, or the file stays locked; nothing was stored.
        """
        rows = [astuple(e.event if isinstance(e, Told) else e) for e in events]
        with self._transaction() as connection:
            statuses = [_add(connection, row) for row in rows]
            new = _add_attributes(connection, [astuple(a) for a in (*attributes, *told(events, statuses))])
        conflicts = tuple(row[0] for row, status in zip(rows, statuses, strict=True) if status == "conflict")
        return Appended(statuses.count("accepted"), statuses.count("duplicate"), conflicts, new, tuple(statuses))

    def append_tables(
        self, events: pa.Table, attributes: pa.Table, progress: Callable[[int, int], None] | None = None
    ) -> Appended:
        """Stores tables with the columns of `engagement.schema`, a durable transaction for each `CHUNK` rows.

        `progress(done, total)` is called after each. What is interrupted can be run again: rows that are there
        already count as duplicates.
        """
        accepted = duplicates = new = done = 0
        conflicts: list[str] = []
        total = len(events) + len(attributes)
        # In the order of the clustering each page is written once.
        order = [("contact_id", "ascending"), ("occurred_at", "ascending"), ("event_id", "ascending")]
        for rows in _rows(events.sort_by(order)):
            with self._transaction() as connection:
                statuses = [_add(connection, row) for row in rows]
            accepted += statuses.count("accepted")
            duplicates += statuses.count("duplicate")
            conflicts += [row[0] for row, status in zip(rows, statuses, strict=True) if status == "conflict"]
            done += len(rows)
            if progress:
                progress(done, total)
        for rows in _rows(attributes.sort_by([("contact_id", "ascending"), ("account_id", "ascending")])):
            with self._transaction() as connection:
                new += _add_attributes(connection, rows)
            done += len(rows)
            if progress:
                progress(done, total)
        return Appended(accepted, duplicates, tuple(conflicts), new)

    # -- reading ---------------------------------------------------------------------------------------------

    def history(self, contact_id: str) -> tuple[list[Event], list[Attribute]]:
        """All that is known of a contact and of every account the contact was ever seen with, as of one instant.

        The contact's events come first, in order of time; then those of the accounts. Empty when unknown.
        """
        connection = self._reader()
        with connection:  # one snapshot for all the statements
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
        with connection:
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

    def batches(self, table: str) -> Iterator[pa.Table]:
        """All rows of "events" or "attributes" in tables of some ten thousand, for what is too large for memory."""
        schema, statement = {"events": (EVENTS, ALL_EVENTS), "attributes": (ATTRIBUTES, ALL_ATTRIBUTES)}[table]
        yield from (pa.Table.from_batches([batch], schema) for batch in self._batches(schema, statement))

    def _table(self, schema: pa.Schema, whole: str, some: str, contacts: Sequence[str] | None) -> pa.Table:
        bindings = () if contacts is None else (json.dumps(list(contacts)),)
        batches = list(self._batches(schema, whole if contacts is None else some, bindings))
        return pa.Table.from_batches(batches, schema)

    def _batches(self, schema: pa.Schema, statement: str, bindings: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        cursor = self._reader().execute(statement, bindings)
        while rows := list(islice(cursor, CHUNK)):  # python objects of one chunk at a time
            columns = [
                pa.array(column, _storage(f)) for column, f in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(
                [c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
            )

    def _reader(self) -> apsw.Connection:
        self._refuse_closed()
        reader: apsw.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._open(create=False)
            reader.execute("PRAGMA query_only = 1")
        return reader

    def _refuse_closed(self) -> None:
        if self._closed:
            raise BadInput("the log was closed", str(self.path), "Open it again.")

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
            try:
                connection.execute("BEGIN IMMEDIATE")
            except apsw.BusyError:
                cure = "Another program holds it for long: end that one, or try again."
                raise BadInput("the log is locked", str(self.path), cure) from None
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _add(connection: apsw.Connection, row: tuple[Any, ...]) -> str:
    """Inserts one event: "accepted", or what the one that was there before makes of it."""
    value = row[6]
    if value is not None and value - value != 0:  # SQLite would silently store NaN as NULL
        raise BadInput(f"event {row[0]}: value is not allowed", value, "Values are finite.")
    connection.execute(ADD_EVENT, row)
    if connection.changes():
        return "accepted"
    stored = connection.execute(EVENT_BY_ID, (row[0],)).get
    return "duplicate" if _body(stored) == _body(row) else "conflict"


def _body(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """What makes an event the same event: all but when we received it."""
    return row[:_RECEIVED] + row[_RECEIVED + 1 :]


def _add_attributes(connection: apsw.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    before = connection.total_changes()
    connection.executemany(ADD_ATTRIBUTE, rows)
    return connection.total_changes() - before


def _storage(field: pa.Field) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(field.type) else field.type


def _rows(table: pa.Table) -> Iterator[list[tuple[Any, ...]]]:
    """The table's rows as tuples with integer times, a chunk at a time."""
    for start in range(0, len(table), CHUNK):
        part = table.slice(start, CHUNK)
        columns = [part[f.name].cast(_storage(f)).to_pylist() for f in table.schema]
        yield list(zip(*columns, strict=True))
