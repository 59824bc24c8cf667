"""The PostgreSQL log's tables and statements. Rows come and go in the column order of `engagement.schema`.

Texts are compared byte by byte (COLLATE "C"), as everywhere else in mqm. A fact is an attribute whenever it is
received: its key is a digest of the rest, because an index holds no long texts.
"""

from __future__ import annotations

from engagement.schema import ATTRIBUTES, EVENTS

VERSION = 1
#: The mark of our tables: a table of that name with the version of the others.
MARK = "mqm_log"

_TEXT = 'text COLLATE "C"'
SCHEMA = f"""
CREATE TABLE events (
    event_id {_TEXT} PRIMARY KEY,
    contact_id {_TEXT} NOT NULL,
    account_id {_TEXT},
    type {_TEXT} NOT NULL,
    occurred_at bigint NOT NULL,
    received_at bigint NOT NULL,
    value double precision,
    detail {_TEXT},
    properties {_TEXT}
);
CREATE INDEX events_of_contact ON events (contact_id, occurred_at);
CREATE INDEX events_of_account ON events (account_id, occurred_at) WHERE account_id IS NOT NULL;
CREATE TABLE attributes (
    fact bytea PRIMARY KEY,
    contact_id {_TEXT},
    account_id {_TEXT},
    name {_TEXT} NOT NULL,
    value {_TEXT},
    occurred_at bigint NOT NULL,
    received_at bigint NOT NULL
);
CREATE INDEX attributes_of_contact ON attributes (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX attributes_of_account ON attributes (account_id) WHERE account_id IS NOT NULL;
CREATE TABLE erased (contact bytea PRIMARY KEY, erased_at bigint NOT NULL);
CREATE TABLE {MARK} AS SELECT {VERSION} AS version;
"""

_EVENT, _ATTRIBUTE = ", ".join(EVENTS.names), ", ".join(ATTRIBUTES.names)
_EVENT_TYPES = ("text", "text", "text", "text", "bigint", "bigint", "float8", "text", "text")
_FACT_TYPES = ("bytea", "text", "text", "text", "text", "bigint", "bigint")
_EVENT_COLUMNS, _FACT_COLUMNS = (", ".join(f"%s::{t}[]" for t in types) for types in (_EVENT_TYPES, _FACT_TYPES))

#: In the order of ids, so that two writers of the same events wait for each other and never both for the other.
ADD_EVENTS = f"""INSERT INTO events ({_EVENT}) SELECT * FROM unnest({_EVENT_COLUMNS}) AS new ({_EVENT})
    ORDER BY event_id COLLATE "C" ON CONFLICT DO NOTHING RETURNING event_id"""
ADD_ATTRIBUTES = f"""INSERT INTO attributes (fact, {_ATTRIBUTE})
    SELECT * FROM unnest({_FACT_COLUMNS}) AS new (fact, {_ATTRIBUTE}) ORDER BY fact ON CONFLICT DO NOTHING"""

_ORDER = "ORDER BY contact_id, occurred_at, event_id"
EVENTS_BY_ID = f"SELECT {_EVENT} FROM events WHERE event_id = ANY(%s)"
ALL_EVENTS, ALL_ATTRIBUTES = (
    f"SELECT {_EVENT} FROM events {_ORDER}",
    f"SELECT {_ATTRIBUTE} FROM attributes ORDER BY contact_id, account_id",
)

_ACCOUNTS = "SELECT account_id FROM events WHERE contact_id = ANY(%(wanted)s) AND account_id IS NOT NULL"
#: Two ways to a row, each by its index; no row comes twice.
EVENTS_OF_MANY = f"""
    SELECT {_EVENT} FROM events WHERE contact_id = ANY(%(wanted)s)
    UNION ALL
    SELECT {_EVENT} FROM events WHERE account_id IN ({_ACCOUNTS}) AND contact_id <> ALL(%(wanted)s)
    {_ORDER}"""
ATTRIBUTES_OF_MANY = f"""
    SELECT {_ATTRIBUTE} FROM attributes WHERE contact_id = ANY(%(wanted)s)
    UNION ALL
    SELECT {_ATTRIBUTE} FROM attributes
    WHERE account_id IN ({_ACCOUNTS}) AND (contact_id IS NULL OR contact_id <> ALL(%(wanted)s))"""

#: Writers hold this from before they look for tombstones until their commit; an erasure waits for them.
WRITING, ERASING = "LOCK TABLE events IN ROW EXCLUSIVE MODE", "LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE"
TOMBSTONES_OF = "SELECT contact, erased_at FROM erased WHERE contact = ANY(%s)"
TOMBSTONES = "SELECT contact, erased_at FROM erased"
ADD_TOMBSTONE = """INSERT INTO erased (contact, erased_at) VALUES (%s, %s)
    ON CONFLICT (contact) DO UPDATE SET erased_at = greatest(erased.erased_at, excluded.erased_at)"""
ERASE = ("DELETE FROM events WHERE contact_id = %s", "DELETE FROM attributes WHERE contact_id = %s")
