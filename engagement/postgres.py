"""The log in PostgreSQL: several hosts read and write it at once; what is acknowledged is on the server's disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from msgspec.structs import astuple

from engagement.appended import Appended, Row, appended, in_all, refuse_infinite
from engagement.erased import Tombstones, digest, sifted
from engagement.errors import EmptyLog
from engagement.events import Attribute, Event, Told, told
from engagement.postgres_connection import Connection, Connections
from engagement.postgres_copy import copied
from engagement.postgres_sql import (
    ADD_TOMBSTONE,
    ALL_ATTRIBUTES,
    ALL_EVENTS,
    ATTRIBUTES_OF_MANY,
    ERASE,
    ERASING,
    EVENTS_BY_ID,
    EVENTS_OF_MANY,
    TOMBSTONES,
)
from engagement.postgres_writing import add_attributes, add_events, prepare, sieve
from engagement.rows import clustered, rows_of
from engagement.schema import ATTRIBUTES, EVENTS

#: Rows in one transaction of a bulk append: others get their turn between two.
PORTION = 5_000


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
        self._connections.run(lambda connection: prepare(connection, create, self.location))

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
                known = sieve(connection, rows, facts)
                statuses = sifted(rows, known, lambda some: add_events(connection, some))
                beside = [astuple(one) for one in told(events, statuses)] if events else []
                new = add_attributes(connection, [fact for fact in (*facts, *beside) if not known.fact(fact)])
            return appended(rows, statuses, new)

        return self._connections.run(store)

    def erase(self, contact_id: str, at: int) -> tuple[int, int]:
        """Removes a contact's events and attributes and says how many; what occurred up to `at` is not stored again.

        The server's own files (its write-ahead log, pages not yet reused) are its administrator's to look after.
        """

        def remove(connection: Connection) -> tuple[int, int]:
            with connection.transaction():
                connection.execute(ERASING)
                connection.execute(ADD_TOMBSTONE, (digest(contact_id), at))
                events, facts = (connection.execute(statement, (contact_id,)).rowcount for statement in ERASE)
            return events, facts

        return self._connections.run(remove)

    def tombstones(self) -> dict[bytes, int]:
        """The contacts that were erased."""
        rows: Any = self._connections.run(lambda connection: connection.execute(TOMBSTONES).fetchall())
        return dict(rows)

    def add_tombstones(self, more: Tombstones) -> None:
        """Erased contacts of other places: what they did before stays out of here too."""

        def add(connection: Connection) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(ADD_TOMBSTONE, list(more.items()))

        self._connections.run(add)

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
        yield from copied(self._connections, schema, statement, {})

    def _table(self, schema: pa.Schema, whole: str, some: str, contacts: Sequence[str] | None) -> pa.Table:
        statement, values = (whole, {}) if contacts is None else (some, {"wanted": list(contacts)})
        return pa.concat_tables([schema.empty_table(), *copied(self._connections, schema, statement, values)])
