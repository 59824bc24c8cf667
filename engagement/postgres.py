"""The log in PostgreSQL: several hosts read and write it at once; what is acknowledged is on the server's disk."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv
from msgspec import msgpack
from msgspec.structs import astuple

from engagement.appended import ACCEPTED, Appended, Row, appended, in_all, refuse_infinite, status_again
from engagement.errors import BadInput, EmptyLog
from engagement.events import Attribute, Event, Told, told
from engagement.postgres_connection import Connection, Connections
from engagement.postgres_sql import (
    ADD_ATTRIBUTES,
    ADD_EVENTS,
    ALL_ATTRIBUTES,
    ALL_EVENTS,
    ATTRIBUTES_OF_MANY,
    EVENTS_BY_ID,
    EVENTS_OF_MANY,
    MARK,
    SCHEMA,
    VERSION,
)
from engagement.rows import clustered, rows_of, storage
from engagement.schema import ATTRIBUTES, EVENTS

#: Rows in one transaction of a bulk append; bytes of a chunk that is read.
PORTION, CHUNK = 5_000, 16 << 20
#: Locked while the tables are made, so that of several processes one makes them.
_MAKING = 0x6D716D


class PostgresLog:
    """A log in a PostgreSQL database. Safe to share between threads.

    Its tables stand in the first schema of the connection's search path.

    Args:
        url: `postgresql://user@host:port/database?…`, as libpq understands it.
        create: make the tables where there are none.

    Raises:
        Unavailable: the server cannot be reached. BadInput: no log there, or not one of this version.
    """

    def __init__(self, url: str, create: bool) -> None:
        self._connections = Connections(url)
        self._connections.run(lambda connection: _prepare(connection, create, self.location))

    @property
    def location(self) -> str:
        """The URL of this log, without a password."""
        return self._connections.name

    def close(self) -> None:
        """Closes every connection, of other threads too. The log cannot be used afterwards."""
        self._connections.close()

    # -- writing ---------------------------------------------------------------------------------------------

    def append(self, events: Sequence[Event | Told], attributes: Sequence[Attribute] = ()) -> Appended:
        """Stores events and attributes in one durable transaction, as `SqliteLog.append` does.

        Raises:
            BadInput: a value that cannot be kept. Unavailable: no server. Nothing was stored, as far as anyone knows:
                where the connection was lost in the middle it may have been, and the same again is a duplicate.
        """
        rows = [astuple(event.event if isinstance(event, Told) else event) for event in events]
        return self._store(rows, [astuple(one) for one in attributes], events)

    def append_tables(
        self, events: pa.Table, attributes: pa.Table, progress: Callable[[int, int], None] | None = None
    ) -> Appended:
        """Stores tables with the columns of `engagement.schema`, a durable transaction for each `PORTION` rows.

        `progress(done, total)` is called after each. What is interrupted can be run again.
        """
        parts: list[Appended] = []
        done, total = 0, len(events) + len(attributes)
        ordered, owned = clustered(events, attributes)
        for of_events, table in ((True, ordered), (False, owned)):
            for rows in rows_of(table, PORTION):
                part = self._store(rows, []) if of_events else self._store([], rows)
                parts.append(part)
                done += len(rows)
                if progress:
                    progress(done, total)
        return in_all(parts)

    def _store(self, rows: Sequence[Row], facts: Sequence[Row], events: Sequence[Event | Told] = ()) -> Appended:
        refuse_infinite(rows)

        def store(connection: Connection) -> Appended:
            with connection.transaction():
                statuses = _add_events(connection, rows)
                beside = [astuple(one) for one in told(events, statuses)] if events else []
                new = _add_attributes(connection, [*facts, *beside])
            return appended(rows, statuses, new)

        return self._connections.run(store)

    # -- reading ---------------------------------------------------------------------------------------------

    def history(self, contact_id: str) -> tuple[list[Event], list[Attribute]]:
        """All that is known of a contact and of every account the contact was ever seen with, as of one instant.

        The contact's events come first, in order of time; then those of the accounts. Empty when unknown.
        """

        events, facts = self.histories([contact_id])
        return sorted(events, key=lambda event: event.contact_id != contact_id), facts

    def histories(self, contact_ids: Sequence[str]) -> tuple[list[Event], list[Attribute]]:
        """The union of the contacts' histories, each row once, in no order."""

        wanted = {"wanted": list(contact_ids)}

        def read(connection: Connection) -> tuple[list[Row], list[Row]]:
            with connection.pipeline():  # one way there and back
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                events = connection.execute(EVENTS_OF_MANY, wanted, binary=True)
                facts = connection.execute(ATTRIBUTES_OF_MANY, wanted, binary=True)
                connection.execute("COMMIT")
            return events.fetchall(), facts.fetchall()

        events, facts = self._connections.run(read)
        return [Event(*row) for row in events], [Attribute(*row) for row in facts]

    def event(self, event_id: str) -> Event | None:
        """The event of that id."""
        rows = self._connections.run(lambda connection: connection.execute(EVENTS_BY_ID, ([event_id],)).fetchall())
        return Event(*rows[0]) if rows else None  # type: ignore[arg-type]

    def events(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All events (or of some contacts and their accounts), as a table with the columns of `EVENTS`.

        Raises:
            EmptyLog: not a single event in the log.
        """
        table = self._table(EVENTS, ALL_EVENTS, EVENTS_OF_MANY, contacts)
        if len(table) == 0:
            found = self._connections.run(
                lambda connection: connection.execute("SELECT 1 FROM events LIMIT 1").fetchone()
            )
            if found is None:
                raise EmptyLog("the log holds no events", self.location, "Import some with mqm import.")
        return table

    def attributes(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All attributes (or of some contacts and their accounts), as a table with the columns of `ATTRIBUTES`."""
        return self._table(ATTRIBUTES, ALL_ATTRIBUTES, ATTRIBUTES_OF_MANY, contacts)

    def about_rows(self, table: str) -> int:
        """How many rows "events" or "attributes" has, about: as the server's planner thinks."""
        plan = f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {'events' if table == 'events' else 'attributes'}"
        found: Any = self._connections.run(lambda connection: connection.execute(plan).fetchone())
        return int(found[0][0]["Plan"]["Plan Rows"])

    def batches(self, table: str) -> Iterator[pa.Table]:
        """All rows of "events" or "attributes" as of one instant, in tables of some ten thousand."""
        schema, statement = {"events": (EVENTS, ALL_EVENTS), "attributes": (ATTRIBUTES, ALL_ATTRIBUTES)}[table]
        yield from self._copied(schema, statement, {})

    def _table(self, schema: pa.Schema, whole: str, some: str, contacts: Sequence[str] | None) -> pa.Table:
        statement, values = (whole, {}) if contacts is None else (some, {"wanted": list(contacts)})
        return pa.concat_tables([schema.empty_table(), *self._copied(schema, statement, values)])

    def _copied(self, schema: pa.Schema, statement: str, values: dict[str, Any]) -> Iterator[pa.Table]:
        """The rows of a statement, over a connection of their own: what reads them may ask for others meanwhile."""
        with self._connections.alone() as connection, connection.cursor() as cursor:
            parts: list[bytes] = []
            with cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)", values or None) as copy:
                size = 0
                for part in copy:
                    parts.append(bytes(part))
                    size += len(part)
                    if size >= CHUNK:
                        yield _parsed(b"".join(parts), schema)
                        parts, size = [], 0
            if parts:
                yield _parsed(b"".join(parts), schema)


def _prepare(connection: Connection, create: bool, name: str) -> None:
    """Makes the tables where they are to be made, and refuses a database that is not a log of this version."""
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


def _add_events(connection: Connection, rows: Sequence[Row]) -> list[str]:
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


def _add_attributes(connection: Connection, rows: Sequence[Row]) -> int:
    if not rows:
        return 0
    facts = {_fact(row): row for row in reversed(rows)}  # of the same fact the first row is kept
    columns = [list(facts), *(list(column) for column in zip(*facts.values(), strict=True))]
    return connection.execute(ADD_ATTRIBUTES, columns).rowcount


def _fact(row: Row) -> bytes:
    """What makes an attribute the same fact: all but when we received it."""
    return hashlib.blake2b(msgpack.encode(row[:-1]), digest_size=16).digest()


def _parsed(data: bytes, schema: pa.Schema) -> pa.Table:
    """A table from the server's CSV, where an empty text is quoted and a missing one is not."""
    table = pyarrow.csv.read_csv(
        io.BytesIO(data),
        pyarrow.csv.ReadOptions(column_names=schema.names, block_size=len(data) + 1),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types={field.name: storage(field) for field in schema},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return table.cast(schema)
