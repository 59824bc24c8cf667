"""The SQLite log's tables and statements. Rows come and go in the column order of `engagement.schema`."""

from __future__ import annotations

from engagement.schema import ATTRIBUTES, EVENTS

#: "mqm" and a zero: marks the file as ours, so that a foreign database is never written to.
APPLICATION_ID = 0x6D716D00
VERSION = 2

#: An attribute is the same fact whenever it is received: the unique index leaves `received_at` out. NULLs differ
#: from each other in a unique index, hence the expressions (a missing value stays apart from an empty text).
SCHEMA = f"""
CREATE TABLE events (
    event_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    account_id TEXT,
    type TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    value REAL,
    detail TEXT,
    properties TEXT,
    PRIMARY KEY (contact_id, occurred_at, event_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_id ON events (event_id);
CREATE INDEX events_of_account ON events (account_id, occurred_at) WHERE account_id IS NOT NULL;
CREATE TABLE attributes (
    contact_id TEXT,
    account_id TEXT,
    name TEXT NOT NULL,
    value TEXT,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX attributes_once ON attributes
    (ifnull(contact_id, ''), ifnull(account_id, ''), name, occurred_at, ifnull(value, x''));
CREATE INDEX attributes_of_account ON attributes (account_id) WHERE account_id IS NOT NULL;
CREATE TABLE erased (contact BLOB PRIMARY KEY, erased_at INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
"""

_EVENT = ", ".join(EVENTS.names)
_ATTRIBUTE = ", ".join(ATTRIBUTES.names)
_WANTED = "SELECT value FROM json_each(?1)"
_ACCOUNTS = f"SELECT account_id FROM events WHERE contact_id IN ({_WANTED}) AND account_id IS NOT NULL"

ADD_EVENT = f"INSERT INTO events ({_EVENT}) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
ADD_ATTRIBUTE = f"INSERT INTO attributes ({_ATTRIBUTE}) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING"

EVENT_BY_ID = f"SELECT {_EVENT} FROM events WHERE event_id = ?"
EVENTS_OF_CONTACT = f"SELECT {_EVENT} FROM events WHERE contact_id = ? ORDER BY occurred_at, event_id"
EVENTS_OF_ACCOUNT = f"SELECT {_EVENT} FROM events WHERE account_id = ? AND contact_id <> ?"
EVENTS_OF_MANY = f"""
    SELECT {_EVENT} FROM events WHERE contact_id IN ({_WANTED})
    UNION ALL
    SELECT {_EVENT} FROM events WHERE account_id IN ({_ACCOUNTS}) AND contact_id NOT IN ({_WANTED})"""
ALL_EVENTS = f"SELECT {_EVENT} FROM events ORDER BY contact_id, occurred_at, event_id"

ATTRIBUTES_OF_CONTACT = f"SELECT {_ATTRIBUTE} FROM attributes WHERE ifnull(contact_id, '') = ?"
ATTRIBUTES_OF_ACCOUNT = f"SELECT {_ATTRIBUTE} FROM attributes WHERE account_id = ? AND contact_id IS NOT ?"
ATTRIBUTES_OF_MANY = f"""
    SELECT {_ATTRIBUTE} FROM attributes WHERE ifnull(contact_id, '') IN ({_WANTED})
    UNION ALL
    SELECT {_ATTRIBUTE} FROM attributes
    WHERE account_id IN ({_ACCOUNTS}) AND ifnull(contact_id, '') NOT IN ({_WANTED})"""
ALL_ATTRIBUTES = f"SELECT {_ATTRIBUTE} FROM attributes ORDER BY contact_id, account_id"

ANY_TOMBSTONE = "SELECT 1 FROM erased LIMIT 1"
TOMBSTONE = "SELECT erased_at FROM erased WHERE contact = ?"
TOMBSTONES = "SELECT contact, erased_at FROM erased"
ADD_TOMBSTONE = """INSERT INTO erased (contact, erased_at) VALUES (?, ?)
    ON CONFLICT DO UPDATE SET erased_at = max(erased_at, excluded.erased_at)"""
ERASE = ("DELETE FROM events WHERE contact_id = ?", "DELETE FROM attributes WHERE ifnull(contact_id, '') = ?")
