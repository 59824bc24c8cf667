"""Foreign tables become a log as the map says; what cannot is set aside by row; twice changes nothing."""

from __future__ import annotations

import csv
import json
import re
import tempfile
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput
from engagement.importing import ImportReport, import_sources
from engagement.log import open_log
from engagement.map_sql import snake_case
from engagement.mapping import mapping_from, read_mapping
from engagement.sqlite import SqliteLog
from engagement.times import parse_time

ROOT = Path(__file__).parents[2]
SHARED = Path(__file__).parents[3] / "shared" / "data"

BASIC = """
[[table]]
source = "*"
contact_id = "{who}"
occurred_at = "{at}"
[[table.events]]
type = "{what}"
"""


def run(folder: Path, files: dict[str, str | bytes], toml: str, log: str | None = None) -> ImportReport:
    paths = []
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return import_sources(paths, mapping_from(tomllib.loads(toml)), log or str(folder / "log"))


def rows(log: Path | str, *columns: str) -> list[tuple[object, ...]]:
    table = open_log(str(log)).events()
    cells = [[str(c) if hasattr(c, "tzinfo") else c for c in table[name].to_pylist()] for name in columns]
    return sorted(zip(*cells, strict=True), key=str)


def rejected(report: ImportReport) -> list[tuple[str, str]]:
    assert report.rejected_file is not None
    with Path(report.rejected_file).open(newline="", encoding="utf-8") as file:
        return [(row["row"], row["reason"]) for row in csv.DictReader(file)]


def test_text_is_text_and_braces_are_cells(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        {"deals.csv": "id,firm,closed,stage,amount,note\n7,acme,2026-01-02 03:04:05,Closed Won,12.5,big\n"},
        """
        [[table]]
        source = "deals.csv"
        contact_id = "c-{id}"
        account_id = "{firm}"
        occurred_at = "{closed}"
        [[table.events]]
        type = "{stage}"
        event_id = "{id}/{#row}/{#file}"
        value = "{amount}"
        detail = "{{{note}}}"
        properties = ["note", "firm"]
        [[table.events]]
        type = "touched"
        value = 1
        """,
    )
    assert report.accepted == 2
    columns = ("event_id", "contact_id", "account_id", "type", "occurred_at", "value", "detail", "properties")
    won = next(row for row in rows(tmp_path / "log", *columns) if row[3] == "closed_won")
    at = "2026-01-02 03:04:05+00:00"
    assert won == (
        "7/1/deals.csv", "c-7", "acme", "closed_won", at, 12.5, "{big}", '{"note":"big","firm":"acme"}'
    )  # fmt: skip
    assert rows(tmp_path / "log", "type", "value") == [("closed_won", 12.5), ("touched", 1.0)]


def test_conditions_choose_the_rows_and_add_up(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        {
            "a.csv": "who,at,what,stage\n"
            "1,2026-01-01,x,won\n"
            "2,2026-01-01,x,lost\n"
            "3,2026-01-01,,won\n"
            "4,2026-01-01,y,won\n"
        },
        """
        [[table]]
        source = "a.csv"
        contact_id = "{who}"
        occurred_at = "{at}"
        when = { stage = ["won", "signed"] }
        [[table.events]]
        type = "deal_won"
        when = { what = true }
        unless = { what = "y" }
        [[table.events]]
        type = "unnamed"
        when = { what = false }
        """,
    )
    assert rows(tmp_path / "log", "contact_id", "type") == [("1", "deal_won"), ("3", "unnamed")]
    assert report.sources[0].skipped == 2 and report.rejected == 0


def test_a_bad_row_is_set_aside_with_its_number_and_reason(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        {
            "a.csv": b"who,at,what,amount\n"
            b"ann,2026-01-01,call,1\n"
            b",2026-01-01,call,2\n"
            b"ann,yesterday,call,3\n"
            b"ann,2026-01-01,call\n"
            b"ann,1066-10-14,call,5\n"
            b"ann,2026-01-01,call,six\n"
            b"ann,2026-01-01,call,nan\n"
            b"\n"
            b"ann,2026-01-01,--,9\n"
            b"an\xff,2026-01-01,call,10\n"
            b"bob,2026-01-01,call,11\n"
        },
        BASIC + 'value = "{amount}"\n',
    )
    assert sorted(rejected(report), key=lambda r: int(r[0])) == [
        ("2", "contact_id is empty"),
        ("3", "occurred_at is not a time: yesterday"),
        ("4", "3 cells instead of 4"),
        ("5", "occurred_at is not in 1900 to 2200: 1066-10-14"),
        ("6", "value is not a number up to 1e+09: six"),
        ("7", "value is not a number up to 1e+09: nan"),
        ("9", "type is empty"),
        ("10", "bytes that are not UTF-8: name the encoding in the map"),
    ]
    assert (report.accepted, report.rejected) == (2, 8)
    assert rows(tmp_path / "log", "contact_id", "value") == [("ann", 1.0), ("bob", 11.0)]


@pytest.mark.parametrize("kind", ["folder", "sqlite"])
def test_twice_gives_duplicates_only_and_another_body_is_rejected(tmp_path: Path, kind: str) -> None:
    log = str(tmp_path / "log") if kind == "folder" else f"sqlite:///{tmp_path / 'deep' / 'log.db'}"
    toml = BASIC + 'event_id = "{id}"\n[[table.attributes]]\ncolumns = ["colour"]\n'
    head = "id,who,at,what,colour\n"
    files = {"a.csv": head + "1,ann,2026-01-01,call,red\n2,ann,2026-01-02,call,red\n1,ann,2026-01-01,call,red\n"}
    first = run(tmp_path, files, toml, log)
    assert (first.accepted, first.duplicates, first.attributes, first.rejected) == (2, 1, 2, 0)
    again = run(tmp_path, files, toml, log)
    assert (again.accepted, again.duplicates, again.attributes, again.rejected) == (0, 3, 0, 0)

    changed = run(
        tmp_path,
        {"b.csv": head + "3,bob,2026-01-03,call,\n2,ann,2026-01-02,mail,\n3,bob,2026-01-03,mail,\n"},
        toml,
        log,
    )
    assert (changed.accepted, changed.duplicates, changed.attributes) == (1, 0, 0)
    reason = "its event_id is in the log with another body"
    assert sorted(rejected(changed)) == [("2", reason), ("3", reason)]
    assert rows(log, "event_id", "type") == [("1", "call"), ("2", "call"), ("3", "call")]


def test_an_id_is_made_from_the_row_where_none_is_mapped(tmp_path: Path) -> None:
    files = {"a.csv": "who,at,what,page\nann,2026-01-01,view,a\nann,2026-01-01,view,b\nann,2026-01-01,view,a\n"}
    report = run(tmp_path, files, BASIC)
    assert (report.accepted, report.duplicates) == (2, 1)
    assert all(re.fullmatch("[0-9a-f]{32}", str(row[0])) for row in rows(tmp_path / "log", "event_id"))


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 6))
def test_any_order_and_any_partition_of_the_rows_gives_the_same_files(order: list[int], cut: int) -> None:
    lines = [f"{'ab'[i % 2]},2026-01-0{i + 1},call,{i}\n" for i in range(6)]
    shuffled = [lines[i] for i in order]

    def build(folder: Path, parts: list[list[str]]) -> list[pa.Table]:
        for part in parts:
            run(folder, {"a.csv": "who,at,what,n\n" + "".join(part)}, BASIC + '[[table.attributes]]\ncolumns = "*"\n')
        return [pq.read_table(folder / "log" / f"{name}.parquet") for name in ("events", "attributes")]

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        assert build(Path(one), [lines]) == build(Path(two), [shuffled[:cut], shuffled[cut:]])


def test_times_know_formats_zones_offsets_and_shifts(tmp_path: Path) -> None:
    def at(text: str, *keys: str) -> object:
        with tempfile.TemporaryDirectory() as folder:
            toml = BASIC.replace('source = "*"', "\n".join(('source = "*"', *keys)))
            run(Path(folder), {"a.csv": f'who,at,what\nann,"{text}",call\n'}, toml)
            return rows(Path(folder) / "log", "occurred_at")[0][0]

    assert at("2026-07-01") == "2026-07-01 00:00:00+00:00"
    assert at("2026-07-01T10:00:00.000001+02:00") == "2026-07-01 08:00:00.000001+00:00"
    assert at("2026-07-01 10:00", 'time_zone = "Europe/Berlin"') == "2026-07-01 08:00:00+00:00"
    assert at("2026-07-01T10:00:00Z", 'time_zone = "Europe/Berlin"') == "2026-07-01 10:00:00+00:00"
    assert at("01/07/2026 10:00", 'time_format = "%d/%m/%Y %H:%M"') == "2026-07-01 10:00:00+00:00"
    berlin = 'time_zone = "Europe/Berlin"'
    assert at("01/07/2026 10:00", 'time_format = "%d/%m/%Y %H:%M"', berlin) == "2026-07-01 08:00:00+00:00"
    assert at("1782900000", 'time_format = "epoch_seconds"') == "2026-07-01 10:00:00+00:00"
    assert at("1782900000123", 'time_format = "epoch_milliseconds"') == "2026-07-01 10:00:00.123000+00:00"
    assert at("2026-07-01", "shift_days = -0.5") == "2026-06-30 12:00:00+00:00"
    assert at("90", 'time_format = "minutes since 2026-07-01"') == "2026-07-01 01:30:00+00:00"
    assert at("1.5", 'time_format = "hours since 2026-07-01T08:00+02:00"') == "2026-07-01 07:30:00+00:00"
    assert at("-1", 'time_format = "days since 2026-07-01"') == "2026-06-30 00:00:00+00:00"


def test_attributes_come_from_columns_or_from_name_and_value(tmp_path: Path) -> None:
    run(
        tmp_path,
        {
            "wide.csv": "id,firm,at,Job Title,size,secret\nann,acme,2026-01-01,CEO,,x\n",
            "tall.csv": "id,at,field,new\nann,2026-01-02,Country,FR\nann,2026-01-03,Country,\n",
            "events.csv": "id,at\nann,2026-01-01\n",
        },
        """
        [[table]]
        source = "wide.csv"
        contact_id = "{id}"
        account_id = "{firm}"
        occurred_at = "{at}"
        [[table.attributes]]
        columns = "*"
        exclude = ["secret"]
        [[table.attributes]]
        of = "account"
        columns = { name = "secret" }
        [[table]]
        source = "tall.csv"
        contact_id = "{id}"
        occurred_at = "{at}"
        [[table.attributes]]
        name = "{field}"
        value = "{new}"
        [[table]]
        source = "events.csv"
        contact_id = "{id}"
        occurred_at = "{at}"
        [[table.events]]
        type = "mql"
        """,
    )
    facts = open_log(str(tmp_path / "log")).attributes().to_pylist()
    found = sorted((f["contact_id"] or "", f["account_id"] or "", f["name"], f["value"]) for f in facts)
    assert found == [("", "acme", "name", "x"), ("ann", "", "country", "FR"), ("ann", "", "job_title", "CEO")]


def test_a_wide_table_in_record_order_has_stages_from_its_outcome_and_attributes_from_the_rest(
    tmp_path: Path,
) -> None:
    run(
        tmp_path,
        {"leads.csv": "source,pages,won,,note\nweb,3,yes,,x\nfair,,no,,x\nweb,1,yes,,\n"},
        """
        [[table]]
        source = "leads.csv"
        contact_id = "lead-{#row}"
        occurred_at = "{#row}"
        time_format = "minutes since 2020-01-01"
        [[table.events]]
        type = "lead"
        [[table.events]]
        type = "customer"
        when = { won = "yes" }
        shift_days = 1
        [[table.attributes]]
        columns = "*"
        exclude = ["note"]
        """,
    )
    log = open_log(str(tmp_path / "log"))
    events = sorted((e["contact_id"], e["type"], str(e["occurred_at"])[:16]) for e in log.events().to_pylist())
    assert events == [
        ("lead-1", "customer", "2020-01-02 00:01"),
        ("lead-1", "lead", "2020-01-01 00:01"),
        ("lead-2", "lead", "2020-01-01 00:02"),
        ("lead-3", "customer", "2020-01-02 00:03"),
        ("lead-3", "lead", "2020-01-01 00:03"),
    ]
    facts = sorted((f["contact_id"], f["name"], f["value"]) for f in log.attributes().to_pylist())
    assert facts == [  # "won" is the outcome and no attribute; the column without a name is empty
        ("lead-1", "pages", "3"),
        ("lead-1", "source", "web"),
        ("lead-2", "source", "fair"),
        ("lead-3", "pages", "1"),
        ("lead-3", "source", "web"),
    ]


def test_a_join_brings_columns_and_may_make_several_events_of_a_row(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        {
            "meetings.csv": "meeting,ended,who\nm1,2026-01-01,host\nm2,2026-01-02,host\n",
            "guests.csv": "meeting,guest,who\nm1,ann,x\nm1,bob,x\n",
        },
        """
        [[table]]
        source = "meetings.csv"
        join = [{ source = "guests.csv", on = "meeting" }]
        contact_id = "{guest}"
        occurred_at = "{ended}"
        [[table.events]]
        type = "meeting_held"
        detail = "{who}"
        """,
    )
    assert rows(tmp_path / "log", "contact_id", "detail") == [("ann", "host"), ("bob", "host")]
    assert rejected(report) == [("2", "contact_id is empty")]


def test_parquet_and_json_lines_are_read_too(tmp_path: Path) -> None:
    table = pa.table({"who": [7], "at": pa.array([1_782_900_000_000_000], pa.timestamp("us")), "what": ["call"]})
    pq.write_table(table, tmp_path / "a.parquet")
    lines = [json.dumps({"who": "ann", "at": "2026-07-01T10:00:00Z", "what": "mail"}), "{broken", "[1]", ""]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    report = import_sources(
        [tmp_path / "a.parquet", tmp_path / "b.jsonl"], mapping_from(tomllib.loads(BASIC)), str(tmp_path / "log")
    )
    at = "2026-07-01 10:00:00+00:00"
    assert rows(tmp_path / "log", "contact_id", "type", "occurred_at") == [("7", "call", at), ("ann", "mail", at)]
    assert [row for row, _ in rejected(report)] == ["2", "3"]


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        (b"who;at;what\nann;2026-01-01;'a,b'\n", ""),
        (b"\xef\xbb\xbfwho\tat\twhat\nann\t2026-01-01\t'a,b'\n", ""),
        (b"who|at|what\r\nann|2026-01-01|'a,b'\r\n", ""),
        ("who,at,what\nann,2026-01-01,'a,b é'\n".replace(",b", " b").encode("latin-1"), 'encoding = "latin-1"'),
        ("who,at,what\nann,2026-01-01,a b\n".encode("utf-16"), ""),
        (b"  who at   what\n ann  2026-01-01 a_b \n", 'separator = "whitespace"'),
        (b"ann,2026-01-01,a b\n", 'columns = ["who", "at", "what"]'),
    ],
)
def test_separators_marks_and_encodings(tmp_path: Path, content: bytes, keys: str) -> None:
    report = run(tmp_path, {"a.csv": content}, BASIC.replace('source = "*"', f'source = "*"\n{keys}'))
    assert report.accepted == 1 and report.rejected == 0
    assert rows(tmp_path / "log", "contact_id", "type")[0] in [("ann", "a_b"), ("ann", "a_b_é")]


@given(st.text(st.sampled_from("aZ09 _-éÉß.(Ж"), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_snake_case_is_the_same_in_sql(text: str) -> None:
    import duckdb

    from engagement.map_sql import literal, snake_sql

    found = duckdb.sql(f"SELECT {snake_sql(literal(text))}").fetchall()
    assert (found[0][0] or "") == snake_case(text)


def test_snake_case() -> None:
    names = ["A_Create Application", "O_Sent (mail and online)", "pageView", "CALL", " --x-- "]
    assert [snake_case(n) for n in names] == [
        "a_create_application", "o_sent_mail_and_online", "page_view", "call", "x"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[[table.events]]", "[[table.event]]"), "unknown key"),
        (('contact_id = "{who}"', 'contact_id = "who"'), "the same for every row"),
        (('contact_id = "{who}"\n', ""), "no contact_id"),
        (('type = "{what}"', ""), "no type"),
        (("{what}", "{what"), "lone brace"),
        (("{what}", "{wat}"), "Did you mean 'what'"),
        (("{at}", '{at}"\ntime_zone = "Mars/Olympus'), "unknown time zone"),
        (("{at}", '{at}"\ntime_format = "%Q'), "time_format"),
        (("{at}", '{at}"\ntime_format = "minutes since noon'), "time_format"),
        (("{at}", '{at}"\ntime_format = "fortnights since 2026-01-01'), "time_format"),
        (("{at}", '{at}"\nencoding = "klingon'), "unknown encoding"),
        (('source = "*"', 'source = "z.csv"'), "no table of the map"),
        (('source = "*"', ""), "names no source"),
        (('type = "{what}"', 'type = "x"\nwhen = {}'), "when"),
        (("[[table.events]]", "[[table.attributes]]"), "unknown key"),
    ],
)
def test_what_is_wrong_with_a_map_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in BASIC
    with pytest.raises(BadInput, match=re.escape(message)):
        run(tmp_path, {"a.csv": "who,at,what\nann,2026-01-01,call\n"}, BASIC.replace(*change))
    assert not (tmp_path / "log").exists()


def test_what_cannot_be_a_source_is_named(tmp_path: Path) -> None:
    mapping = mapping_from(tomllib.loads(BASIC))
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    for source, message in (
        (tmp_path / "none.csv", "no such source"),
        (tmp_path / "a.xlsx", "unknown kind"),
        (Path("postgresql://host/db"), "SQL databases cannot be imported yet"),
    ):
        with pytest.raises(BadInput, match=message):
            import_sources([source], mapping, str(tmp_path / "log"))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(BadInput, match="cannot be read"):
        import_sources([tmp_path / "b.parquet"], mapping, str(tmp_path / "log"))


def test_received_at_is_mapped_or_given_or_the_time_itself(tmp_path: Path) -> None:
    content = {"a.csv": "who,at,what,got\nann,2026-01-01,call,2026-01-05\n"}
    run(tmp_path, content, BASIC.replace('"{at}"', '"{at}"\nreceived_at = "{got}"'))
    assert rows(tmp_path / "log", "received_at") == [("2026-01-05 00:00:00+00:00",)]
    import_sources(
        [tmp_path / "a.csv"], mapping_from(tomllib.loads(BASIC)), str(tmp_path / "given"), 1_800_000_000_000_000
    )
    assert rows(tmp_path / "given", "received_at") == [("2027-01-15 08:00:00+00:00",)]


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is absent: real data are not in the repository")
@pytest.mark.parametrize(
    ("example", "source", "events", "types"),
    [
        ("olist", "olist", 8842, {"mql": 8000, "deal_won": 842}),
        (
            "loan_applications",
            "bpic2017",
            23941,
            {"a_create_application": 1878, "a_pending": 576, "a_cancelled": 1302},
        ),
        ("hubspot", "exports/hubspot", 152, {"mql": 28, "email_open": 90, "form_submission": 5}),
        ("olist_wide", "olist", 8842, {"mql": 8000, "deal_won": 842}),
        ("xeducation", "xeducation/Leads.csv", 12801, {"lead_created": 9240, "converted": 3561}),
        (
            "bank_marketing",
            "bank_marketing/bank-additional-full.csv",
            45828,
            {"call": 41188, "deposit": 4640},
        ),
    ],
)
def test_the_example_maps_read_the_real_data(
    tmp_path: Path, example: str, source: str, events: int, types: dict[str, int]
) -> None:
    mapping = read_mapping(ROOT / "examples" / example / "map.toml")
    report = import_sources([SHARED / source], mapping, str(tmp_path))
    assert (report.accepted, report.duplicates, report.rejected, report.unused) == (events, 0, 0, ())
    found = {v["values"]: v["counts"] for v in open_log(str(tmp_path)).events()["type"].value_counts().to_pylist()}
    assert {kind: found[kind] for kind in types} == types
    assert import_sources([SHARED / source], mapping, str(tmp_path)).duplicates == events


def test_events_of_an_erased_contact_are_left_out_and_counted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    files = {"a.csv": "who,at,what\nann,2026-01-01,call\nbob,2026-01-01,call\n"}
    assert run(tmp_path, files, BASIC, url).accepted == 2
    log = SqliteLog(tmp_path / "log.db", create=False)
    assert log.erase("ann", parse_time("2026-02-01T00:00:00Z")) == (1, 0)
    log.close()
    files["a.csv"] += "ann,2026-03-01,call\n"
    again = run(tmp_path, files, BASIC, url)
    assert (again.accepted, again.duplicates, again.erased, again.rejected) == (1, 1, 1, 0)
    assert "1 events of contacts that were erased were left out." in again.lines()
