"""What every database is as a log, SQLite and PostgreSQL alike: what is appended is there once, whatever the order,
and is found by contact and account."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from postgres import new_schema

from engagement.errors import BadInput, EmptyLog, Unavailable
from engagement.events import Attribute, Event, Told
from engagement.log import Database, open_database, open_log
from engagement.schema import ATTRIBUTES, EVENTS, attributes_table, events_table


def event(event_id: str, contact: str, account: str | None = None, at: int = 0, **more: object) -> Event:
    return Event(event_id, contact, account, **{"type": "page_view", "occurred_at": at, "received_at": at} | more)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a log that is not there yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/log.db"
    else:
        with new_schema() as made:
            yield made


@pytest.fixture
def log(url: str) -> Iterator[Database]:
    made = open_database(url, create=True)
    yield made
    made.close()


def test_what_is_appended_comes_back_column_by_column(log: Database) -> None:
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
    log: Database,
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


def test_identical_attributes_are_stored_once_and_a_missing_value_is_not_an_empty_one(log: Database) -> None:
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


def test_a_history_holds_every_account_the_contact_was_ever_seen_with(log: Database) -> None:
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


RUNS = count()
EVENT_ROWS = st.builds(
    event,
    st.sampled_from(["1", "2", "3", "4", "5"]),
    st.sampled_from(["ann", "bob"]),
    st.none(),
    st.integers(0, 2),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_and_any_partition_gives_the_same_log(log: Database, data: st.DataObject) -> None:
    distinct = data.draw(st.lists(EVENT_ROWS, unique_by=lambda e: e.event_id, min_size=1))
    twice = data.draw(st.permutations(distinct + distinct))
    cut = data.draw(st.integers(0, len(twice)))
    run = next(RUNS)  # one log for all: each example has ids of its own
    twice = [replace(e, event_id=f"{run}-{e.event_id}", contact_id=f"{run}-{e.contact_id}") for e in twice]
    first, second = log.append(twice[:cut]), log.append(twice[cut:])
    stored = log.histories([f"{run}-ann", f"{run}-bob"])[0]
    assert {e.event_id: e for e in stored} == {e.event_id: e for e in twice}
    assert len(stored) == first.accepted + second.accepted == first.duplicates + second.duplicates == len(distinct)


def test_tables_are_appended_like_rows(log: Database) -> None:
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


def test_a_value_that_is_not_a_number_is_refused_and_nothing_is_stored(log: Database) -> None:
    with pytest.raises(BadInput, match="event e2: value"):
        log.append([event("e1", "ann"), event("e2", "ann", value=float("nan"))])
    assert log.history("ann") == ([], [])


def test_an_empty_log_says_so(log: Database) -> None:
    with pytest.raises(EmptyLog):
        log.events()
    with pytest.raises(EmptyLog):
        log.events(["ann"])
    assert len(log.attributes()) == 0
    log.append([event("e1", "ann")])
    assert len(log.events(["nobody"])) == 0


WRITER = """
import sys
from engagement.events import Event
from engagement.log import open_database
name, url = sys.argv[1:]
log = open_database(url, create=True)
for i in range(40):
    log.append([Event(f"{name}-{i}", "ann", None, "call", i, i), Event(f"shared-{i}", "bob", None, "call", i, i)])
"""


def test_several_processes_make_and_write_one_log(url: str) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, f"p{n}", url]) for n in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    log = open_database(url, create=False)
    assert len(log.history("ann")[0]) == 120
    assert len(log.history("bob")[0]) == 40
    log.close()


def test_of_two_bodies_at_once_one_is_stored_and_the_other_a_conflict(log: Database) -> None:
    """Each thread sends all ids in an order of its own, in batches, and half of them with the other body."""
    told: list[tuple[str, float, str]] = []

    def write(number: int) -> None:
        rows = [event(f"e{i}", "ann", at=i, value=float(number % 2)) for i in range(60)]
        random.Random(number).shuffle(rows)
        for start in range(0, 60, 6):
            part = rows[start : start + 6]
            statuses = log.append(part).statuses
            told.extend((e.event_id, e.value, status) for e, status in zip(part, statuses, strict=True))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = {e.event_id: e.value for e in log.history("ann")[0]}
    assert len(told) == 360 and len(stored) == 60
    assert sorted(name for name, _, status in told if status == "accepted") == sorted(stored)
    assert all((status == "conflict") == (value != stored[name]) for name, value, status in told)


def test_threads_read_while_one_writes(log: Database) -> None:
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
    with pytest.raises(Unavailable, match="closed"):
        log.history("ann")
    with pytest.raises(Unavailable, match="closed"):
        log.append([event("late", "ann")])


def test_attributes_that_were_told_with_an_event_are_stored_with_it_or_not_at_all(log: Database) -> None:
    def told(event_id: str, title: str, at: int = 1) -> Told:
        return Told(event(event_id, "ann", at=1, detail=title), (Attribute("ann", None, "title", title, at, at),))

    assert log.append([told("e1", "CEO"), told("e1", "CTO")]).statuses == ("accepted", "conflict")
    assert log.append([told("e1", "CEO", at=9), told("e2", "VP")]).statuses == ("duplicate", "accepted")
    assert sorted(a.value for a in log.history("ann")[1]) == ["CEO", "VP"]


TEXTS = ["", " ", '"', '""', "a,b", "a\nb", "a\r\nb", "\\.", "\\N", "\\", "NULL", "'; DROP TABLE events; --"]
TEXTS += ["Zoë 😀", "é\u2028", "x" * 8192]


def test_texts_and_numbers_come_back_as_they_were(log: Database) -> None:
    values = [0.1, -0.5, 1e-308, 123456789.123456789, 2**53 + 0.0, None]
    rows = [event(f"e{i}", "ann", at=i, detail=text, properties=text or None) for i, text in enumerate(TEXTS)]
    rows += [event(f"v{i}", "ann", at=100 + i, value=value) for i, value in enumerate(values)]
    facts = [Attribute("ann", None, text[:500] or "-", text, i, i) for i, text in enumerate(TEXTS)]
    log.append(rows, facts)
    assert log.history("ann")[0] == rows
    assert sorted(log.history("ann")[1], key=lambda a: a.occurred_at) == facts
    table = log.events()
    assert table["detail"].to_pylist() == [e.detail for e in rows]
    assert [repr(v) for v in table["value"].to_pylist()] == [repr(e.value) for e in rows]
    assert sorted(log.attributes()["value"].to_pylist()) == sorted(TEXTS)


def test_one_event_is_found_by_its_id(log: Database) -> None:
    log.append([event("e1", "ann", value=2.0)])
    assert log.event("e1") == event("e1", "ann", value=2.0)
    assert log.event("e2") is None


def test_what_is_read_bit_by_bit_is_of_one_instant_and_others_are_asked_meanwhile(log: Database) -> None:
    log.append([event(f"e{i}", f"c{i % 70}", at=i) for i in range(60_000)])
    parts = log.batches("events")
    first = next(parts)
    log.append([event("late", "zz")])
    assert len(log.history("c1")[0]) == 858
    rows = pa.concat_tables([first, *parts])
    assert len(rows) == 60_000
    assert 5_000 < log.about_rows("events") < 500_000


def test_a_database_is_read_as_a_log_by_its_url(url: str, log: Database) -> None:
    log.append([event("e1", "ann")])
    assert open_log(url).events()["event_id"].to_pylist() == ["e1"]
