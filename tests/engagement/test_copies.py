"""Copies of a log that others write to, and the erasure of a person from all of them: proven byte by byte."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from postgres import new_schema

from engagement.copies import backup_log, export_log, remember, remembered, restore_log
from engagement.erased import add_tombstone, digest, read_tombstones
from engagement.erasing import erase_from_database, erase_from_folder
from engagement.errors import BadInput
from engagement.events import Attribute, Event, Told
from engagement.folder import FolderLog
from engagement.log import Database, open_database
from engagement.sqlite import SqliteLog

PERSON = "ann.example@mail.test"


def quiet(text: str, share: float) -> None:
    assert 0 <= share <= 1, text


def event(event_id: str, contact: str, at: int = 1) -> Event:
    return Event(event_id, contact, "acme", "mql", at, at, 0.5, "x", '{"a":1}')


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/log.db"
    else:
        with new_schema() as made:
            yield made


@pytest.fixture
def log(url: str) -> Iterator[Database]:
    made = open_database(url, create=True)
    made.append([event(f"e{n}", f"c-{n % 5}", n) for n in range(20)])
    made.append([event(f"p{n}", PERSON, n) for n in range(300)])
    made.append([], [Attribute("c-1", None, "title", "CEO", 1, 1), Attribute(PERSON, None, "title", "VP", 1, 1)])
    made.append([], [Attribute(None, "acme", "size", "9", 1, 1)])
    yield made
    made.close()


def test_an_export_is_the_log_contact_by_contact(log: Database, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export_log(log, out, quiet) == {"attributes": 3, "events": 320}
    copy = FolderLog(out)
    assert copy.events() == log.events()
    assert copy.attributes() == log.attributes()
    ids = copy.events()["contact_id"].to_pylist()
    assert ids == sorted(ids)
    assert sorted(path.name for path in out.iterdir()) == ["attributes.parquet", "events.parquet"]
    row_group = pq.ParquetFile(out / "events.parquet").metadata.row_group(0)
    times = [c for c in map(row_group.column, range(9)) if c.path_in_schema in ("occurred_at", "received_at")]
    assert [c.encodings for c in times] == [("RLE", "DELTA_BINARY_PACKED")] * 2  # as differences
    log.append([event("late", "zz")])
    assert export_log(log, out, quiet)["events"] == 321


def test_a_backup_is_restored_beside_what_came_since(log: Database, url: str, tmp_path: Path) -> None:
    before = log.events()
    assert backup_log(log, tmp_path / "b.db", quiet) == {"events": 320, "attributes": 3}
    with pytest.raises(BadInput, match="exists already"):
        backup_log(log, tmp_path / "b.db", quiet)
    copy = SqliteLog(tmp_path / "b.db", create=False)
    assert copy.events() == before
    copy.close()

    log.append([event("since", "c-1", 99)])
    done = restore_log(tmp_path / "b.db", log, {}, quiet)
    assert (done.accepted, done.duplicates, done.attributes, len(log.events())) == (0, 320, 0, 321)
    fresh = SqliteLog(tmp_path / "fresh.db", create=True)
    done = restore_log(tmp_path / "b.db", fresh, {}, quiet)
    assert (done.accepted, done.attributes) == (320, 3)
    assert fresh.events() == before
    fresh.close()


def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", create=True)
    stop, told = threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            log.append([event(f"w{told[0]}", "w", told[0])])
            told[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(5):
            least = told[0]
            found = backup_log(log, tmp_path / f"{n}.db", quiet)["events"]
            assert least <= found <= told[0] + 1
    finally:
        stop.set()
        writer.join()
    log.close()


def test_a_restore_under_load_takes_turns_with_those_who_write(tmp_path: Path) -> None:
    source = SqliteLog(tmp_path / "source.db", create=True)
    source.append([event(f"s{n}", f"c{n % 50}", n) for n in range(30_000)])
    backup_log(source, tmp_path / "b.db", quiet)
    source.close()
    log = SqliteLog(tmp_path / "log.db", create=True)
    done = threading.Event()
    told: list[str] = []

    def write() -> None:
        while not done.is_set():
            name = f"w{len(told)}"
            assert log.append([event(name, "w", len(told))]).accepted == 1
            told.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert restore_log(tmp_path / "b.db", log, {}, quiet).accepted == 30_000
        meanwhile = len(told)
    finally:
        done.set()
        writer.join()
    assert meanwhile >= 3  # between two portions of the restore there was room
    assert set(log.events()["event_id"].to_pylist()) == {*told, *(f"s{n}" for n in range(30_000))}
    log.close()


def raw(folder: Path, text: str) -> int:
    """How often the text's bytes stand in the folder's files."""
    return sum(path.read_bytes().count(text.encode()) for path in folder.rglob("*") if path.is_file())


def test_an_erased_person_is_gone_to_the_last_byte(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "home" / "log.db"
    log = SqliteLog(path, create=True)
    for n in range(600):  # many commits, so that pages are split with the person's rows in them
        log.append([event(f"{n}-{PERSON}", PERSON, n * 2), event(f"o{n}", f"b{n % 9}" * 20, n)])
    log.append([], [Attribute(PERSON, None, "title", "VP", 1, 1)])
    assert raw(home, PERSON) > 600
    backup_log(log, home / "b.db", quiet)
    removed = erase_from_database(f"sqlite:///{path}", PERSON, 10_000)  # while the service has it open
    assert (removed.events, removed.attributes, removed.bytes_left) == (600, 1, 0)
    again = erase_from_database(f"sqlite:///{home}/b.db", PERSON, 10_000)
    assert (again.events, again.attributes, again.bytes_left) == (600, 1, 0)
    assert raw(home, PERSON) == 0
    assert len(log.events()) == 600
    log.close()
    assert raw(home, PERSON) == 0


def test_rows_of_others_that_mention_the_person_stay_and_are_told(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", create=True)
    log.append([event("1", "c-1"), event("2", "c-10")])
    removed = erase_from_database(log.location, "c-1", 9)
    assert removed.events == 1
    assert removed.bytes_left
    assert log.events()["contact_id"].to_pylist() == ["c-10"]
    log.close()


def test_what_an_erased_person_did_stays_out_and_what_is_done_later_comes_in(log: Database, url: str) -> None:
    assert log.erase(PERSON, 1000) == (300, 1)
    assert log.erase(PERSON, 1000) == (0, 0)
    facts = [Attribute(PERSON, None, "title", "VP", 1000, 1), Attribute(PERSON, None, "title", "CEO", 1001, 1)]
    later = Told(event("later", PERSON, 1001), (Attribute(PERSON, None, "city", "Rome", 1001, 1),))
    old = Told(event("p1", PERSON, 1000), (Attribute(PERSON, None, "city", "Ulm", 1, 1),))
    done = log.append([event("e1", "c-1", 1), old, later, event("e99", "c-2", 5)], facts)
    assert done.statuses == ("duplicate", "erased", "accepted", "accepted")
    assert (done.erased, done.attributes) == (1, 2)
    events, kept = log.history(PERSON)
    assert [e.event_id for e in events if e.contact_id == PERSON] == ["later"]
    assert sorted(a.value for a in kept if a.contact_id == PERSON) == ["CEO", "Rome"]
    assert log.tombstones() == {digest(PERSON): 1000}


def test_a_restored_backup_brings_nobody_back(log: Database, tmp_path: Path) -> None:
    backup_log(log, tmp_path / "before.db", quiet)
    log.erase(PERSON, 1000)
    add_tombstone(tmp_path, PERSON, 1000)
    done = restore_log(tmp_path / "before.db", log, {}, quiet)
    assert (done.accepted, done.duplicates, done.erased) == (0, 20, 300)
    assert log.history(PERSON) == ([], [])

    lost = SqliteLog(tmp_path / "new.db", create=True)  # the log was lost, and its own tombstones with it
    done = restore_log(tmp_path / "before.db", lost, read_tombstones(tmp_path), quiet)
    assert (done.accepted, done.erased, done.attributes) == (20, 300, 2)
    assert PERSON.encode() not in (tmp_path / "new.db").read_bytes()
    lost.close()


def test_an_export_loses_the_person_too(log: Database, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_log(log, out, quiet)
    removed = erase_from_folder(out, PERSON)
    assert (removed.events, removed.attributes, removed.bytes_left) == (300, 1, None)
    assert PERSON not in FolderLog(out).events()["contact_id"].to_pylist()
    assert PERSON not in FolderLog(out).attributes()["contact_id"].to_pylist()
    assert erase_from_folder(out, PERSON).events == 0


def test_who_is_erased_while_a_copy_is_made_is_not_in_it(log: Database, tmp_path: Path) -> None:
    def erase_in_the_middle(text: str, share: float) -> None:
        log.erase(PERSON, 1000)

    out, backup = tmp_path / "out", tmp_path / "b.db"
    (out / ".mqm-copy-killed").mkdir(parents=True)
    assert export_log(log, out, erase_in_the_middle)["events"] == 20
    log.add_tombstones({digest("somebody"): 1})
    log.append([event("again", PERSON, 2000)])
    assert backup_log(log, backup, lambda text, share: log.erase(PERSON, 3000) and None)["events"] == 20
    assert PERSON.encode() not in backup.read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["attributes.parquet", "events.parquet"]


def test_copies_are_remembered_while_they_are_there(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for name in ("here", "gone", "here"):
        remember(tmp_path, tmp_path / name)
    assert remembered(tmp_path) == [tmp_path / "here"]


def test_a_list_of_the_erased_that_was_spoilt_is_named(tmp_path: Path) -> None:
    add_tombstone(tmp_path, PERSON, 7)
    add_tombstone(tmp_path, PERSON, 5)
    assert read_tombstones(tmp_path) == {digest(PERSON): 7}
    (tmp_path / "mqm-erased.txt").write_text("what is this\n")
    with pytest.raises(BadInput, match="holds something else"):
        read_tombstones(tmp_path)
