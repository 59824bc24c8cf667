"""Label times: tables to be checked by eye, and a naive recomputation that has to agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import NotEnoughData
from engagement.events import Event
from engagement.funnel import Conversion
from engagement.schema import ATTRIBUTES, EVENTS
from engagement.times import days, parse_time
from features.arrays import LogArrays
from training.label_times import LabelTimes, label_times

T0 = parse_time("2026-01-01T00:00:00Z")
FAR = T0 + days(1_000)
US = 1 / 86_400_000_000
ONCE = Conversion("mql_to_meeting", "mql", "meeting", "mql", "meeting_held", days(30), (0, days(3), days(7)))
EACH = Conversion("meeting_to_win", "meeting", "win", "meeting_held", "deal_won", days(60), (0, days(7)), each=True)
ENDS = replace(EACH, ends=("deal_lost", "cancelled"))
ACCOUNT = replace(ENDS, level="account")
AGAIN = Conversion("again", "purchase", "purchase", "purchase", "purchase", days(30), (0, days(5)), each=True)

#: (who, type, day, days late); who "x@a" belongs to the account a.
Happened = tuple[str, str, float] | tuple[str, str, float, float]


def log(happened: Sequence[Happened]) -> list[Event]:
    events = []
    for number, (who, kind, day, *late) in enumerate(happened):
        at = T0 + days(day)
        account = who.partition("@")[2] or None
        events.append(Event(f"e-{number}", who, account, kind, at, at + days(late[0] if late else 0)))
    return events


def told(rows: LabelTimes, arrays: LogArrays) -> list[tuple[str, float, bool]]:
    """(who, day of the cutoff less the microsecond that the clock starts late, converted)."""
    ids = [arrays.contacts[code] for code in rows.contact]
    day = [(cutoff - 1 - T0) / days(1) for cutoff in rows.cutoff.tolist()]
    return list(zip(ids, day, rows.converted.tolist(), strict=True))


Rows = list[tuple[str, float, bool]]
TABLE: list[tuple[str, Conversion, list[Happened], Rows]] = [
    ("never converts", ONCE, [("c", "mql", 0)], [("c", 0, False), ("c", 3, False), ("c", 7, False)]),
    ("converts on day 5", ONCE, [("c", "mql", 0), ("c", "meeting_held", 5)], [("c", 0, True), ("c", 3, True)]),
    ("the clock starts when it is known", ONCE, [("c", "mql", 0, 2)],
     [("c", 2, False), ("c", 5, False), ("c", 9, False)]),
    ("known only after the goal", ONCE, [("c", "mql", 0, 2), ("c", "meeting_held", 1), ("d", "mql", 0)],
     [("d", 0, False), ("d", 3, False), ("d", 7, False)]),
    ("the goal at the cutoff counts", ONCE, [("c", "mql", 0), ("c", "meeting_held", 7 + US)],
     [("c", 0, True), ("c", 3, True), ("c", 7, True)]),
    ("the goal a microsecond before it ends the row", ONCE, [("c", "mql", 0), ("c", "meeting_held", 7)],
     [("c", 0, True), ("c", 3, True)]),
    ("the goal at the end of the horizon is too late", ONCE, [("c", "mql", 0), ("c", "meeting_held", 30 + US)],
     [("c", 0, False), ("c", 3, True), ("c", 7, True)]),
    ("a microsecond before it counts", ONCE, [("c", "mql", 0), ("c", "meeting_held", 30)],
     [("c", 0, True), ("c", 3, True), ("c", 7, True)]),
    ("a goal before the entry is another matter", ONCE, [("c", "meeting_held", 0), ("c", "mql", 1)],
     [("c", 1, False), ("c", 4, False), ("c", 8, False)]),
    ("a goal at the entry leaves nothing open", ONCE, [("c", "meeting_held", 0), ("c", "mql", 0), ("d", "mql", 90)],
     [("d", 90, False), ("d", 93, False), ("d", 97, False)]),
    ("a goal received late still counts", ONCE, [("c", "mql", 0), ("c", "meeting_held", 5, 200)],
     [("c", 0, True), ("c", 3, True)]),
    ("once: only the first entry", ONCE, [("c", "mql", 0), ("c", "mql", 50)],
     [("c", 0, False), ("c", 3, False), ("c", 7, False)]),
    ("once: the first to happen, however late that is known", ONCE, [("c", "mql", 0, 10), ("c", "mql", 5)],
     [("c", 10, False), ("c", 13, False), ("c", 17, False)]),
    ("two contacts, by cutoff and contact", ONCE, [("d", "mql", 0), ("c", "mql", 0), ("c", "meeting_held", 1)],
     [("c", 0, True), ("d", 0, False), ("d", 3, False), ("d", 7, False)]),
    ("each: until the next", EACH, [("c", "meeting_held", 0), ("c", "meeting_held", 5), ("c", "deal_won", 40)],
     [("c", 0, True), ("c", 5, True), ("c", 12, True)]),
    ("each: right at the cutoff the next is not known", EACH,
     [("c", "meeting_held", 0), ("c", "meeting_held", 7 + US)],
     [("c", 0, False), ("c", 7, False), ("c", 7 + US, False), ("c", 14 + US, False)]),
    ("each: two at one time are one row", EACH, [("c", "meeting_held", 0), ("c", "meeting_held", 0)],
     [("c", 0, False), ("c", 7, False)]),
    ("an end closes", ENDS, [("c", "meeting_held", 0), ("c", "deal_lost", 5), ("c", "deal_won", 20)],
     [("c", 0, True)]),
    ("an end before the entry does not", ENDS, [("c", "deal_lost", 0), ("c", "meeting_held", 1)],
     [("c", 1, False), ("c", 8, False)]),
    ("either end closes", ENDS, [("c", "meeting_held", 0), ("c", "cancelled", 6), ("c", "deal_lost", 9)],
     [("c", 0, False)]),
    ("a colleague's win counts", ACCOUNT,
     [("c@a", "meeting_held", 0), ("d@a", "deal_won", 5), ("e@b", "deal_won", 1)],
     [("c@a", 0, True)]),
    ("a colleague's end closes", ACCOUNT, [("c@a", "meeting_held", 0), ("d@a", "deal_lost", 5)], [("c@a", 0, False)]),
    ("a colleague's meeting opens nothing for me", ACCOUNT, [("c@a", "meeting_held", 0), ("d@a", "meeting_held", 2)],
     [("c@a", 0, False), ("d@a", 2, False), ("c@a", 7, False), ("d@a", 9, False)]),
    ("contact level: a colleague's win does not", ENDS, [("c@a", "meeting_held", 0), ("d@a", "deal_won", 5)],
     [("c@a", 0, False), ("c@a", 7, False)]),
    ("repeat purchases", AGAIN, [("c", "purchase", 0), ("c", "purchase", 10), ("c", "purchase", 41)],
     [("c", 0, True), ("c", 5, True), ("c", 10, False), ("c", 15, True), ("c", 41, False), ("c", 46, False)]),
    ("a repeat before the landmark", AGAIN, [("c", "purchase", 0), ("c", "purchase", 4)],
     [("c", 0, True), ("c", 4, False), ("c", 9, False)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("conversion", "happened", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_label_times(conversion: Conversion, happened: list[Happened], wanted: Rows) -> None:
    arrays = LogArrays.from_events(log(happened))
    rows = label_times(arrays, conversion, FAR)
    assert [(who, pytest.approx(day, abs=US / 4), yes) for who, day, yes in wanted] == told(rows, arrays)
    assert rows.immature == 0


def test_immature_rows_are_dropped_positives_too() -> None:
    arrays = LogArrays.from_events(log([("c", "mql", 0), ("d", "mql", 0), ("c", "meeting_held", 8)]))
    for as_of, mature, immature in (
        (T0 + 1 + days(30), [("c", 0, True), ("d", 0, False)], 4),
        (T0 + 1 + days(33) - 1, [("c", 0, True), ("d", 0, False)], 4),
        (T0 + 1 + days(33), [("c", 0, True), ("d", 0, False), ("c", 3, True), ("d", 3, False)], 2),
    ):
        rows = label_times(arrays, ONCE, as_of)
        assert told(rows, arrays) == mature
        assert rows.immature == immature
    with pytest.raises(NotEnoughData, match=r"no label time is mature .* '6 rows wait for their horizon of 30 days"):
        label_times(arrays, ONCE, T0 + days(30))


def test_what_is_received_after_as_of_is_not_known() -> None:
    happened: list[Happened] = [("c", "mql", 0), ("c", "meeting_held", 8, 100), ("d", "mql", 1, 500)]
    arrays = LogArrays.from_events(log(happened))
    before, after = (label_times(arrays, ONCE, T0 + days(day)) for day in (107, 108))
    assert [yes for _, _, yes in told(before, arrays)] == [False] * 3
    assert [yes for _, _, yes in told(after, arrays)] == [True] * 3


def test_since_leaves_out_earlier_cutoffs() -> None:
    arrays = LogArrays.from_events(log([("c", "mql", 0)]))
    assert len(label_times(arrays, ONCE, FAR, since=T0 + 1 + days(3))) == 2
    assert len(label_times(arrays, ONCE, FAR, since=T0 + 2 + days(3))) == 1


def test_nobody_entered() -> None:
    for happened in ([], [("c", "page_view", 0)], [("c", "mql", 1_000)], [("c", "mql", 1, 1_000)]):
        with pytest.raises(NotEnoughData, match="nobody entered the stage 'mql'"):
            label_times(LogArrays.from_events(log(happened)), ONCE, FAR)  # type: ignore[arg-type]


def test_the_account_is_that_of_the_cutoff() -> None:
    events = log([("c", "mql", 0)])
    moved = [("a", -1, 0), ("b", 2, 0), ("z", 6, 9)]  # the last is known too late for any row
    for account, day, late in moved:
        at = T0 + days(day)
        events.append(Event(f"m-{account}", "c", account, "page_view", at, at + days(late)))
    arrays = LogArrays.from_events(events)
    rows = label_times(arrays, ONCE, FAR)
    assert [arrays.accounts[code] for code in rows.account] == ["a", "b", "b"]
    alone = LogArrays.from_events(log([("c", "mql", 0)]))
    assert label_times(alone, ONCE, FAR).account.tolist() == [-1, -1, -1]


def test_take() -> None:
    arrays = LogArrays.from_events(log([("c", "mql", 0)]))
    rows = label_times(arrays, ONCE, FAR)
    assert rows.take(rows.cutoff > rows.cutoff[0]).cutoff.tolist() == rows.cutoff[1:].tolist()
    assert rows.take(np.array([2, 0])).cutoff.tolist() == rows.cutoff[[2, 0]].tolist()


# The naive recomputation: one contact, one entry, one landmark at a time, by reading the whole log.


def naive(events: list[Event], conversion: Conversion, as_of: int) -> tuple[list[tuple[int, str, bool]], int]:
    known = [e for e in events if e.received_at <= as_of]
    found: dict[tuple[int, str], bool] = {}
    waiting = 0
    for who in {e.contact_id for e in events}:
        entries = [
            e for e in known if e.contact_id == who and e.type == conversion.start_type and e.occurred_at < as_of
        ]
        entries.sort(key=lambda e: (e.occurred_at, max(e.occurred_at, e.received_at)))
        for entry in entries if conversion.each else entries[:1]:
            for delay in conversion.landmarks:
                cutoff = max(entry.occurred_at, entry.received_at) + 1 + delay
                own = account_at(events, who, cutoff)
                mine = [
                    e for e in known
                    if e.contact_id == who or (conversion.level == "account" and own and e.account_id == own)
                ]  # fmt: skip
                later = entry.occurred_at + (conversion.start_type == conversion.goal_type)
                closed = any(e.type == conversion.goal_type and later <= e.occurred_at < cutoff for e in mine)
                closed |= any(e.type in conversion.ends and entry.occurred_at <= e.occurred_at < cutoff for e in mine)
                closed |= conversion.each and any(entry.occurred_at < e.occurred_at < cutoff for e in entries)
                if closed:
                    continue
                if cutoff + conversion.horizon > as_of:
                    waiting += 1
                    continue
                ahead = range(cutoff, cutoff + conversion.horizon)
                found[cutoff, who] = any(e.type == conversion.goal_type and e.occurred_at in ahead for e in mine)
    return [(cutoff, who, yes) for (cutoff, who), yes in sorted(found.items())], waiting


def account_at(events: list[Event], who: str, cutoff: int) -> str | None:
    seen = [
        (e.occurred_at, e.account_id) for e in events
        if e.contact_id == who and e.account_id and e.occurred_at < cutoff and e.received_at <= cutoff
    ]  # fmt: skip
    return max(seen)[1] if seen else None


an_event = st.builds(
    lambda who, account, kind, day, step, late: Event(
        f"{who}{kind}{day}{step}{late}", who, account, kind, T0 + days(day) + step, T0 + days(day) + step + days(late)
    ),
    st.sampled_from("cde"),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(["mql", "meeting_held", "meeting_held", "deal_won", "deal_lost", "cancelled", "purchase"]),
    st.sampled_from([0, 1, 3, 5, 7, 10, 30, 35, 37, 60, 67]),
    st.sampled_from([-1, 0, 1, 2]),
    st.sampled_from([0, 0, 0, 2, 40]),
)


@settings(max_examples=1_500, deadline=None, derandomize=True)
@given(
    st.lists(an_event, min_size=1, max_size=12),
    st.sampled_from([0, 1, 2, 3, 4]),
    st.sampled_from([30, 60, 67, 90, 200]),
    st.integers(-1, 1),
)
def test_equal_to_the_naive_recomputation(events: list[Event], which: int, day: int, step: int) -> None:
    conversion = (ONCE, EACH, ENDS, ACCOUNT, AGAIN)[which]
    as_of = T0 + days(day) + step
    wanted, waiting = naive(events, conversion, as_of)
    for arrays in (LogArrays.from_events(events), LogArrays.from_tables(*_tables(events))):
        if not wanted:
            with pytest.raises(NotEnoughData):
                label_times(arrays, conversion, as_of)
            continue
        rows = label_times(arrays, conversion, as_of)
        ids = [str(arrays.contacts[int(code)]) for code in rows.contact]
        assert list(zip(rows.cutoff.tolist(), ids, rows.converted.tolist(), strict=True)) == wanted
        accounts = [None if code < 0 else str(arrays.accounts[int(code)]) for code in rows.account]
        assert accounts == [account_at(events, who, cutoff) for cutoff, who, _ in wanted]
        assert rows.immature == waiting


def _tables(events: list[Event]) -> tuple[pa.Table, pa.Table]:
    columns = []
    for field in EVENTS:
        column = [getattr(event, field.name) for event in events]
        is_time = pa.types.is_timestamp(field.type)
        columns.append(pa.array(column, pa.int64()).cast(field.type) if is_time else pa.array(column, field.type))
    return pa.table(columns, schema=EVENTS), ATTRIBUTES.empty_table()
