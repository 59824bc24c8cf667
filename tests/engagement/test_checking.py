"""What `mqm check` counts, and what it finds suspicious (and what not)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa
import pytest

from engagement.checking import CheckReport, check_log
from engagement.errors import EmptyLog
from engagement.schema import ATTRIBUTES, attributes_table, events_table
from engagement.settings import settings_from
from engagement.times import DAY, HOUR

SETTINGS = settings_from(
    {
        "stages": {"mql": "mql", "meeting": "meeting_held"},
        "conversions": {"mql_to_meeting": {"start": "mql", "goal": "meeting", "horizon_days": 10}},
    }
)
START = 1_767_225_600_000_000 + HOUR  # 2026-01-01T01:00:00Z

Row = tuple[str, str, float]  # contact, type, day


@dataclass
class TableLog:
    rows: list[Row]
    late: float = 0
    ids: list[str] | None = None
    facts: pa.Table = None

    location = "test"

    def events(self, contacts: object = None) -> pa.Table:
        who, kinds, days = zip(*self.rows, strict=True)
        times = [START + int(day * DAY) for day in days]
        return events_table(
            pa.table(
                {
                    "event_id": self.ids or [str(i) for i in range(len(who))],
                    "contact_id": list(who),
                    "type": list(kinds),
                    "occurred_at": pa.array(times, pa.timestamp("us")),
                    "received_at": pa.array([t + int(self.late * DAY) for t in times], pa.timestamp("us")),
                }
            )
        )

    def attributes(self, contacts: object = None) -> pa.Table:
        return self.facts or ATTRIBUTES.empty_table()


def check(log: TableLog) -> CheckReport:
    return check_log(log, SETTINGS)


def codes(log: TableLog) -> list[str]:
    return [s.code for s in check(log).suspicions]


BASIC: list[Row] = [
    ("ann", "mql", 0),
    ("ann", "meeting_held", 9.9),
    ("bob", "mql", 1),
    ("bob", "meeting_held", 11),  # exactly the horizon: too late
    ("bob", "mql", 5),  # the first one counts
    ("cid", "mql", 15),  # too recent to judge
    ("dee", "meeting_held", 0),
    ("dee", "mql", 3),  # the meeting came before
    ("eve", "page_view", 20),
]


def test_it_counts_what_is_there() -> None:
    facts = attributes_table(
        pa.table(
            {
                "contact_id": ["ann", "ann", "bob"],
                "name": ["title", "title", "title"],
                "value": ["CEO", None, "CTO"],
                "occurred_at": ["2026-01-01"] * 3,
            }
        )
    )
    report = check(TableLog(BASIC, facts=facts))
    assert (report.events, report.contacts, report.accounts, report.attributes) == (9, 5, 0, 3)
    assert (report.first, report.last) == ("2026-01-01T01:00:00Z", "2026-01-21T01:00:00Z")
    assert [(t.type, t.events, t.contacts) for t in report.types] == [
        ("mql", 5, 4),
        ("meeting_held", 3, 3),
        ("page_view", 1, 1),
    ]
    assert [(s.stage, s.contacts) for s in report.stages] == [("mql", 4), ("meeting", 3)]
    found = report.conversions[0]
    assert (found.entered, found.mature, found.converted) == (4, 3, 1)
    title = report.attribute_names[0]
    assert (title.name, title.rows, title.values, title.missing, title.owners) == ("title", 3, 2, 1, 2)
    assert report.suspicions == ()
    assert report.lines()[-1] == "Nothing suspicious."
    assert json.loads(json.dumps(report.to_dict()))["conversions"][0]["rate"] == pytest.approx(1 / 3)


def test_receipts_before_the_fact_and_double_ids_are_told() -> None:
    assert codes(TableLog(BASIC, late=-0.1)) == ["received_before_occurred"]
    report = check(TableLog(BASIC, ids=["x", "x", "y", "y", "y", *"abcd"]))
    assert [s.code for s in report.suspicions] == ["duplicate_event_ids"]
    assert report.suspicions[0].text.startswith("2 event_ids stand more than once (such as 'x')")


def test_types_that_miss_a_stage_or_look_like_one_are_told() -> None:
    renamed: list[Row] = [(who, "meeting_hold" if kind == "meeting_held" else kind, day) for who, kind, day in BASIC]
    report = check(TableLog(renamed))
    assert [s.code for s in report.suspicions] == ["stage_absent"]
    assert "Did you mean 'meeting_hold'?" in report.suspicions[0].text
    assert codes(TableLog([*BASIC, ("ann", "meetings_held", 1)])) == ["type_like_a_stage"]


def test_a_test_account_a_silence_and_a_type_that_stops_are_told() -> None:
    daily: list[Row] = [(f"c{i % 40}", "page_view", i / 4) for i in range(400)]
    base = [*BASIC, *daily]
    assert codes(TableLog(base)) == []
    assert codes(TableLog([*base, *(("test", "page_view", i / 2) for i in range(150))])) == ["dominating_contact"]
    silent = check(TableLog([row for row in base if not 30 < row[2] < 45]))
    assert [s.code for s in silent.suspicions] == ["silence"]
    assert silent.suspicions[0].text.startswith("No events for 14 days from 2026-02-01, where 4 a day")
    assert codes(TableLog([*base, *((f"c{i}", "email_open", i / 2) for i in range(60))])) == ["type_stopped"]


def test_dates_without_a_time_wrong_years_and_missing_goals_are_told() -> None:
    midnight: list[Row] = [(f"c{i}", "signup", i - 1 / 24) for i in range(25)]
    assert codes(TableLog([*BASIC, *midnight])) == ["dates_only"]
    many: list[Row] = [(f"c{i}", "page_view", i / 100) for i in range(2000)]
    log = TableLog([*BASIC, *many, ("zoe", "page_view", 365)])
    assert "far_future" in codes(log)
    late: list[Row] = [("ann", "mql", 0), ("bob", "mql", 30), ("bob", "meeting_held", 31)]
    assert codes(TableLog(late)) == ["goal_starts_late"]


def test_an_empty_log_is_refused() -> None:
    class Nothing(TableLog):
        def events(self, contacts: object = None) -> pa.Table:
            raise EmptyLog("the log holds no events")

    with pytest.raises(EmptyLog):
        check(Nothing([]))
