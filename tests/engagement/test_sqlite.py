"""What is particular to the SQLite log: its file, its versions, what a commit means."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import apsw
import pytest

from engagement.errors import BadInput
from engagement.events import Event
from engagement.log import open_log
from engagement.sqlite import SqliteLog
from engagement.sqlite_file import refuse_unsafe_sqlite


def event(event_id: str, contact: str, account: str | None = None, at: int = 0, **more: object) -> Event:
    return Event(event_id, contact, account, **{"type": "page_view", "occurred_at": at, "received_at": at} | more)


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "log.db", create=True)


def test_what_is_not_a_log_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no engagement log"):
        SqliteLog(tmp_path / "absent.db", create=False)
    (tmp_path / "text.db").write_text("not a database " * 100)
    with pytest.raises(BadInput, match="not an SQLite database"):
        SqliteLog(tmp_path / "text.db", create=False)
    with sqlite3.connect(tmp_path / "foreign.db") as foreign:
        foreign.execute("CREATE TABLE invoices (id)")
    for create in (False, True):
        with pytest.raises(BadInput, match="not a log"):
            SqliteLog(tmp_path / "foreign.db", create=create)
    with pytest.raises(BadInput):
        SqliteLog(tmp_path, create=True)


def test_a_log_of_another_version_is_refused(log: SqliteLog) -> None:
    log.close()
    with sqlite3.connect(log.path) as connection:
        connection.execute("PRAGMA user_version = 7")
    with pytest.raises(BadInput, match="another version"):
        SqliteLog(log.path, create=True)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("3.40.1", False),
        ("3.44.5", False),
        ("3.44.6", True),
        ("3.45.0", False),
        ("3.50.7", True),
        ("3.51.2", False),
        ("3.51.3", True),
        ("3.54.1", True),
    ],
)
def test_an_sqlite_with_the_wal_reset_bug_is_refused(version: str, safe: bool) -> None:
    if safe:
        refuse_unsafe_sqlite(version)
    else:
        with pytest.raises(BadInput, match="lose data"):
            refuse_unsafe_sqlite(version)


def test_commits_are_durable(log: SqliteLog) -> None:
    assert log._connections._writer.pragma("journal_mode") == "wal"
    assert log._connections._writer.pragma("synchronous") == 2  # FULL


def test_another_connection_sees_it_at_once_and_readers_cannot_write(log: SqliteLog) -> None:
    log.append([event("e1", "ann")])
    other = open_log(log.location)
    assert isinstance(other, SqliteLog)
    assert other.history("ann")[0] == [event("e1", "ann")]
    with pytest.raises(apsw.ReadOnlyError):
        other._connections.reader().execute("DELETE FROM events")
