"""A folder as a log: Parquet, CSV or parts; what it holds is checked, and refused by row."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement.errors import BadInput, EmptyLog
from engagement.folder import FolderLog, event_columns
from engagement.log import open_log
from engagement.schema import ATTRIBUTES, EVENTS
from engagement.sqlite import SqliteLog

EVENTS_CSV = """event_id,contact_id,account_id,type,occurred_at,value
1,ann,acme,mql,2026-01-01T00:00:00Z,
2,007,acme,page_view,2026-01-02T01:00:00+01:00,2.5
3,bob,,page_view,2026-01-03,
"""
ATTRIBUTES_CSV = """contact_id,account_id,name,value,occurred_at
ann,,title,CEO,2026-01-01
,acme,size,10,2026-01-01
bob,,title,CTO,2026-01-01
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "events.csv").write_text(EVENTS_CSV)
    (tmp_path / "attributes.csv").write_text(ATTRIBUTES_CSV)
    return tmp_path


def test_csv_is_read_with_the_logs_types(folder: Path) -> None:
    log = open_log(str(folder))
    events = log.events()
    assert events.schema == EVENTS and log.attributes().schema == ATTRIBUTES
    assert events["event_id"].to_pylist() == ["1", "2", "3"]
    assert events["contact_id"].to_pylist() == ["ann", "007", "bob"]  # text, also where it looks like a number
    assert [str(t) for t in events["occurred_at"]] == [
        "2026-01-01 00:00:00+00:00",
        "2026-01-02 00:00:00+00:00",
        "2026-01-03 00:00:00+00:00",
    ]
    assert events["received_at"] == events["occurred_at"]
    assert events["value"].to_pylist() == [None, 2.5, None]


def test_csv_parquet_and_parts_say_the_same(folder: Path, tmp_path: Path) -> None:
    events = FolderLog(folder).events()
    one, parts = tmp_path / "one", tmp_path / "parts"
    one.mkdir()
    pq.write_table(events, one / "events.parquet")
    (parts / "events").mkdir(parents=True)
    pq.write_table(events.slice(0, 2), parts / "events" / "part-0.parquet")
    pq.write_table(events.slice(2), parts / "events" / "part-1.parquet")
    assert FolderLog(one).events() == events
    assert FolderLog(parts).events() == events
    assert len(FolderLog(one).attributes()) == 0


def test_contacts_come_with_their_accounts(folder: Path) -> None:
    log = FolderLog(folder)
    assert log.events(["ann"])["event_id"].to_pylist() == ["1", "2"]
    assert log.attributes(["ann"])["name"].to_pylist() == ["title", "size"]
    assert log.events(["bob"])["event_id"].to_pylist() == ["3"]
    assert log.attributes(["bob"])["value"].to_pylist() == ["CTO"]
    assert len(log.events(["nobody"])) == 0


def test_a_folder_without_a_log_and_an_empty_log_are_two_errors(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no engagement log"):
        open_log(str(tmp_path)).events()
    pq.write_table(EVENTS.empty_table(), tmp_path / "events.parquet")
    with pytest.raises(EmptyLog):
        open_log(str(tmp_path)).events()


@pytest.mark.parametrize(
    ("found", "broken", "message"),
    [
        ("event_id,", "id,", "lacks the column 'event_id'"),
        ("2026-01-03", "soon", "row 3: occurred_at"),
        ("2026-01-03", "1026-01-03", "1900 to 2200"),
        ("2.5", "much", "cannot be read"),
        ("2.5", "nan", "row 2: value"),
        ("2.5", "1e10", "row 2: value"),
        ("bob,,page_view", ",,page_view", "row 3: contact_id"),
    ],
)
def test_what_cannot_be_read_is_refused_by_row(folder: Path, found: str, broken: str, message: str) -> None:
    assert found in EVENTS_CSV
    (folder / "events.csv").write_text(EVENTS_CSV.replace(found, broken))
    with pytest.raises(BadInput, match=message):
        FolderLog(folder).events()


def test_only_an_empty_cell_is_missing(folder: Path) -> None:
    (folder / "attributes.csv").write_text(ATTRIBUTES_CSV.replace("CEO", "NA").replace("CTO", ""))
    assert FolderLog(folder).attributes()["value"].to_pylist() == ["NA", "10", None]


def test_attributes_need_an_owner(folder: Path) -> None:
    (folder / "attributes.csv").write_text(ATTRIBUTES_CSV.replace(",acme,size", ",,size"))
    with pytest.raises(BadInput, match="row 2: name"):
        FolderLog(folder).attributes()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(BadInput, match="cannot be read"):
        FolderLog(tmp_path).events()


def test_dictionary_columns_and_naive_times_are_read(tmp_path: Path) -> None:
    table = pa.table(
        {
            "event_id": ["1"],
            "contact_id": pa.array(["ann"]).dictionary_encode(),
            "type": pa.array(["mql"]).dictionary_encode(),
            "occurred_at": pa.array([1_767_225_600_000], pa.timestamp("ms")),
        }
    )
    pq.write_table(table, tmp_path / "events.parquet")
    event = FolderLog(tmp_path).events().to_pylist()[0]
    assert (event["contact_id"], event["type"], str(event["occurred_at"])) == (
        "ann",
        "mql",
        "2026-01-01 00:00:00+00:00",
    )


NAMES = ["contact_id", "account_id", "type", "occurred_at", "received_at", "value", "detail", "properties"]


@pytest.mark.parametrize("parts", [False, True])
def test_some_columns_are_those_of_the_whole_table(folder: Path, tmp_path: Path, parts: bool) -> None:
    events, files = FolderLog(folder).events(), tmp_path / "files"
    files.mkdir()
    if parts:
        (files / "events").mkdir()
        pq.write_table(events.slice(0, 2), files / "events" / "part-0.parquet")
        pq.write_table(events.slice(2), files / "events" / "part-1.parquet")
    else:
        pq.write_table(events, files / "events.parquet")
    for log in (FolderLog(folder), FolderLog(files)):
        found = log.event_columns(NAMES)
        assert found.column_names == NAMES[:6]  # nobody filled detail and properties
        assert found.to_pylist() == events.select(NAMES[:6]).to_pylist()


def test_short_texts_come_as_dictionaries_and_long_ones_do_not(tmp_path: Path) -> None:
    rows = 2_000
    table = pa.table(
        {
            "event_id": [f"event {i}" for i in range(rows)],
            "contact_id": [f"a contact's long identifier {i}" for i in range(rows)],
            "type": ["mql" if i % 3 else "page_view" for i in range(rows)],
            "occurred_at": pa.array(range(rows), pa.timestamp("us")),
        }
    )
    pq.write_table(table, tmp_path / "events.parquet")
    log = FolderLog(tmp_path)
    found = log.event_columns(NAMES)
    assert [pa.types.is_dictionary(found[name].type) for name in ("contact_id", "type")] == [False, True]
    assert found["type"].to_pylist() == log.events()["type"].to_pylist()
    assert found["received_at"] == found["occurred_at"]
    assert log.events().schema == EVENTS


def test_columns_are_read_of_a_whole_log_only(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"contact_id": ["a"], "type": ["mql"], "occurred_at": ["2026-01-01"]}), tmp_path / "events.parquet"
    )
    with pytest.raises(BadInput, match="lacks the column 'event_id'"):
        FolderLog(tmp_path).event_columns(NAMES)
    pq.write_table(EVENTS.empty_table(), tmp_path / "events.parquet")
    with pytest.raises(EmptyLog):
        FolderLog(tmp_path).event_columns(NAMES)
    with pytest.raises(BadInput, match="no engagement log"):
        FolderLog(tmp_path / "elsewhere").event_columns(NAMES)


def test_an_empty_contact_is_refused_in_some_columns_too(tmp_path: Path) -> None:
    for contacts in (["ann", None], [None, None]):
        table = pa.table(
            {
                "event_id": ["1", "2"],
                "contact_id": pa.array(contacts, pa.string()),
                "type": ["mql", "mql"],
                "occurred_at": ["2026-01-01", "2026-01-01"],
            }
        )
        pq.write_table(table, tmp_path / "events.parquet")
        with pytest.raises(BadInput, match=f"row {contacts.index(None) + 1}: contact_id"):
            FolderLog(tmp_path).event_columns(NAMES)


def test_columns_of_another_log_are_selected(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(EVENTS_CSV)
    events = FolderLog(tmp_path).events()
    store = SqliteLog(tmp_path / "log.db", create=True)
    store.append_tables(events, ATTRIBUTES.empty_table())
    found, folders = (event_columns(log, NAMES[:4]).sort_by("occurred_at") for log in (store, FolderLog(tmp_path)))
    assert found.to_pylist() == folders.to_pylist()
    store.close()
