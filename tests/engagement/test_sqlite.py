"""The SQLite log: what is appended is there once, whatever the order, and is found by contact and account."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import apsw
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput, EmptyLog
from engagement.events import Attribute, Event
from engagement.log import open_log
from engagement.schema import ATTRIBUTES, EVENTS, attributes_table, events_table
from engagement.sqlite import SqliteLog
from engagement.sqlite_file import refuse_unsafe_sqlite


def event(event_id: str, contact: str, account: str | None = None, at: int = 0, **more: object) -> Event:
    return Event(event_id, contact, account, **{"type": "page_view", "occurred_at": at, "received_at": at} | more)


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "log.db", create=True)


def test_what_is_appended_comes_back_column_by_column(log: SqliteLog) -> None:
    full = Event("e1", "ann", "acme", "meeting_held", 1_000_001, 2_000_002, -0.5, "démo", '{"room": "4"}')
    bare = Event("e2", "ann", None, "page_view", -5, 7)
    log.append([full, bare], [Attribute("ann", None, "title", None, 1, 2)])

    assert log.history("ann") == ([bare, full], [Attribute("ann", None, "title", None, 1, 2)])
    rows = log.events().to_pylist()
    assert log.events().schema == EVENTS and log.attributes().schema == ATTRIBUTES
    assert [r["event_id"] for r in rows] == ["e2", "e1"]
    assert log.events()["occurred_at"].cast(pa.int64()).to_pylist() == [-5, 1_000_001]
    assert log.attributes()["value"].to_pylist() == [None]


def test_the_same_event_again_is_a_duplicate_another_body_is_a_conflict_and_the_rest_is_stored(
    log: SqliteLog,
) -> None:
    log.append([event("e1", "ann", at=1)])
    done = log.append(
        [
            event("e1", "ann", at=1, received_at=99),  # received again later: the first one stays
            event("e1", "bob", at=1),
            event("e2", "ann", at=2),
            event("e2", "ann", at=2, value=1.0),
        ]
    )
    assert done.statuses == ("duplicate", "conflict", "accepted", "conflict")
    assert (done.accepted, done.duplicates, done.conflicts) == (1, 1, ("e1", "e2"))
    assert log.history("ann")[0] == [event("e1", "ann", at=1), event("e2", "ann", at=2)]
    assert log.history("bob") == ([], [])


def test_identical_attributes_are_stored_once_and_a_missing_value_is_not_an_empty_one(log: SqliteLog) -> None:
    rows = [
        Attribute("ann", None, "title", "CEO", 1, 1),
        Attribute("ann", None, "title", "CEO", 1, 9),
        Attribute("ann", None, "title", "CEO", 2, 2),
        Attribute("ann", None, "title", "", 1, 1),
        Attribute("ann", None, "title", None, 1, 1),
        Attribute(None, "ann", "title", "CEO", 1, 1),
    ]
    assert log.append([], rows).attributes == 5
    assert log.append([], rows).attributes == 0
    assert len(log.attributes()) == 5


def test_a_history_holds_every_account_the_contact_was_ever_seen_with(log: SqliteLog) -> None:
    log.append(
        [
            event("1", "ann", "acme", 1),
            event("2", "ann", "bolt", 2),
            event("3", "ann", None, 3),
            event("4", "bob", "acme", 4),
            event("5", "bob", None, 5),  # not of an account of hers
            event("6", "cid", "bolt", 6),
            event("7", "dee", "corp", 7),
        ],
        [
            Attribute("ann", None, "title", "CEO", 0, 0),
            Attribute(None, "acme", "size", "10", 0, 0),
            Attribute("bob", None, "title", "CTO", 0, 0),
            Attribute("cid", "bolt", "seat", "2", 0, 0),
            Attribute(None, "corp", "size", "99", 0, 0),
        ],
    )
    events, facts = log.history("ann")
    assert [e.event_id for e in events] == ["1", "2", "3", "4", "6"]
    assert [(a.contact_id, a.account_id) for a in facts] == [("ann", None), (None, "acme"), ("cid", "bolt")]
    table, named = log.events(["ann"]), log.attributes(["ann"])
    assert sorted(table["event_id"].to_pylist()) == ["1", "2", "3", "4", "6"]
    assert len(named) == 3

    several, several_facts = log.histories(["ann", "bob", "dee"])
    assert sorted(e.event_id for e in several) == ["1", "2", "3", "4", "5", "6", "7"]
    assert len(several_facts) == 5


EVENT_ROWS = st.builds(
    event,
    st.sampled_from(["1", "2", "3", "4", "5"]),
    st.sampled_from(["ann", "bob"]),
    st.sampled_from([None, "acme"]),
    st.integers(0, 2),
)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_and_any_partition_gives_the_same_log(data: st.DataObject) -> None:
    distinct = data.draw(st.lists(EVENT_ROWS, unique_by=lambda e: e.event_id, min_size=1))
    twice = data.draw(st.permutations(distinct + distinct))
    cut = data.draw(st.integers(0, len(twice)))
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteLog(Path(folder) / "log.db", create=True)
        first, second = log.append(twice[:cut]), log.append(twice[cut:])
        stored = log.histories(["ann", "bob"])[0]
        log.close()
    assert sorted(stored, key=lambda e: e.event_id) == sorted(distinct, key=lambda e: e.event_id)
    assert first.accepted + second.accepted == first.duplicates + second.duplicates == len(distinct)


def test_tables_are_appended_like_rows(log: SqliteLog) -> None:
    events = events_table(
        pa.table(
            {
                "event_id": ["2", "1", "1"],
                "contact_id": ["bob", "ann", "ann"],
                "type": ["mql", "mql", "call"],
                "occurred_at": ["2026-01-02", "2026-01-01T12:00:00+01:00", "2026-01-01T11:00:00Z"],
            }
        )
    )
    facts = attributes_table(
        pa.table({"contact_id": ["ann"], "name": ["title"], "value": ["CEO"], "occurred_at": ["2026-01-01"]})
    )
    seen: list[tuple[int, int]] = []
    done = log.append_tables(events, facts, lambda done, total: seen.append((done, total)))
    assert (done.accepted, done.duplicates, done.conflicts, done.attributes) == (2, 0, ("1",), 1)
    assert seen == [(3, 4), (4, 4)]
    again = log.append_tables(events, facts)
    assert (again.accepted, again.duplicates, again.attributes) == (0, 2, 0)
    assert [str(t) for t in log.events()["occurred_at"]] == ["2026-01-01 11:00:00+00:00", "2026-01-02 00:00:00+00:00"]
    assert log.attributes() == facts


def test_a_value_that_is_not_a_number_is_refused_and_nothing_is_stored(log: SqliteLog) -> None:
    with pytest.raises(BadInput, match="event e2: value"):
        log.append([event("e1", "ann"), event("e2", "ann", value=float("nan"))])
    assert log.history("ann") == ([], [])


def test_an_empty_log_says_so(log: SqliteLog) -> None:
    with pytest.raises(EmptyLog):
        log.events()
    with pytest.raises(EmptyLog):
        log.events(["ann"])
    assert len(log.attributes()) == 0
    log.append([event("e1", "ann")])
    assert len(log.events(["nobody"])) == 0


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
    assert log._writer.pragma("journal_mode") == "wal"
    assert log._writer.pragma("synchronous") == 2  # FULL


def test_another_connection_sees_it_at_once_and_readers_cannot_write(log: SqliteLog) -> None:
    log.append([event("e1", "ann")])
    other = open_log(log.location)
    assert isinstance(other, SqliteLog)
    assert other.history("ann")[0] == [event("e1", "ann")]
    with pytest.raises(apsw.ReadOnlyError):
        other._reader().execute("DELETE FROM events")


WRITER = """
import sys
from pathlib import Path
from engagement.events import Event
from engagement.sqlite import SqliteLog
name, path = sys.argv[1:]
log = SqliteLog(Path(path), create=True)
for i in range(40):
    log.append([Event(f"{name}-{i}", "ann", None, "call", i, i), Event(f"shared-{i}", "bob", None, "call", i, i)])
"""


def test_several_processes_make_and_write_one_log(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, f"p{n}", str(path)]) for n in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    log = SqliteLog(path, create=False)
    assert len(log.history("ann")[0]) == 120
    assert len(log.history("bob")[0]) == 40


def test_threads_read_while_one_writes(log: SqliteLog) -> None:
    log.append([event("start", "ann")])
    seen: list[int] = []
    failed: list[BaseException] = []

    def read() -> None:
        try:
            seen.extend(len(log.history("ann")[0]) for _ in range(50))
        except BaseException as error:
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for i in range(50):
        log.append([event(f"e{i}", "ann", at=i)])
    for reader in readers:
        reader.join()
    assert not failed and len(seen) == 200 and min(seen) >= 1
    log.close()
    with pytest.raises(BadInput, match="closed"):
        log.history("ann")
    with pytest.raises(BadInput, match="closed"):
        log.append([event("late", "ann")])
