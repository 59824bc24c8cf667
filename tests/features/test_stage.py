"""Where a contact stands in a conversion, in histories small enough to check by eye. Times are in days."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from histories import CUTOFF, tables

from engagement.events import Attribute, Event
from engagement.funnel import Conversion
from engagement.times import days
from features.arrays import LogArrays
from features.stage import CONVERTED, ENDED, IN_STAGE, LONG_AGO, NOT_ENTERED, UNKNOWN, standing

ONCE = Conversion("mql_to_meeting", "mql", "meeting", "mql", "meeting_held", days(30), (0, days(14)))
EACH = Conversion("meeting_to_win", "meeting", "win", "meeting_held", "deal_won", days(180), each=True)
ENDS = replace(EACH, ends=("deal_lost", "cancelled"))
ACCOUNT = replace(ENDS, level="account")
AGAIN = Conversion("again", "purchase", "purchase", "purchase", "purchase", days(90), each=True)

#: (who, type, days before the cutoff, days late)
Happened = tuple[str, str, float] | tuple[str, str, float, float]


def log(happened: list[Happened]) -> list[Event]:
    events = []
    for number, (who, kind, before, *late) in enumerate(happened):
        at = CUTOFF - days(before)
        account = None if who == "alone" else "a-1"
        events.append(Event(f"e-{number}", who, account, kind, at, at + days(late[0] if late else 0)))
    return events


US = 1 / 86_400_000_000
TABLE: list[tuple[str, Conversion, list[Happened], int]] = [
    ("nobody", ONCE, [], UNKNOWN),
    ("of another", ONCE, [("other", "mql", 1)], UNKNOWN),
    ("not yet", ONCE, [("me", "mql", 0)], UNKNOWN),
    ("not yet received", ONCE, [("me", "mql", 5, 6)], UNKNOWN),
    ("received right at the cutoff", ONCE, [("me", "mql", 5, 5)], IN_STAGE),
    ("other things only", ONCE, [("me", "page_view", 1)], NOT_ENTERED),
    ("a goal without an entry", ONCE, [("me", "meeting_held", 1)], NOT_ENTERED),
    ("entered a microsecond ago", ONCE, [("me", "mql", US)], IN_STAGE),
    ("entered", ONCE, [("me", "mql", 10)], IN_STAGE),
    ("the goal before the entry", ONCE, [("me", "meeting_held", 11), ("me", "mql", 10)], IN_STAGE),
    ("the goal at the entry", ONCE, [("me", "meeting_held", 10), ("me", "mql", 10)], CONVERTED),
    ("the goal after", ONCE, [("me", "mql", 10), ("me", "meeting_held", 9)], CONVERTED),
    ("the goal at the cutoff", ONCE, [("me", "mql", 10), ("me", "meeting_held", 0)], IN_STAGE),
    ("the goal not yet received", ONCE, [("me", "mql", 10), ("me", "meeting_held", 9, 10)], IN_STAGE),
    ("once, the first counts", ONCE, [("me", "mql", 10), ("me", "meeting_held", 9), ("me", "mql", 8)], CONVERTED),
    (
        "each opens anew",
        EACH,
        [("me", "meeting_held", 10), ("me", "deal_won", 9), ("me", "meeting_held", 8)],
        IN_STAGE,
    ),
    ("each, won after the last", EACH, [("me", "meeting_held", 8), ("me", "deal_won", 7)], CONVERTED),
    ("as long ago as was learnt from", ONCE, [("me", "mql", 44)], IN_STAGE),
    ("longer ago", ONCE, [("me", "mql", 44 + US)], LONG_AGO),
    ("converted long ago", ONCE, [("me", "mql", 99), ("me", "meeting_held", 98)], CONVERTED),
    ("once, entered long ago and again", ONCE, [("me", "mql", 99), ("me", "mql", 1)], LONG_AGO),
    ("each, entered long ago and again", EACH, [("me", "meeting_held", 400), ("me", "meeting_held", 1)], IN_STAGE),
    ("ended", ENDS, [("me", "meeting_held", 8), ("me", "deal_lost", 7)], ENDED),
    ("ended the other way", ENDS, [("me", "meeting_held", 8), ("me", "cancelled", 8)], ENDED),
    ("ended before", ENDS, [("me", "deal_lost", 9), ("me", "meeting_held", 8)], IN_STAGE),
    ("ended without saying so", EACH, [("me", "meeting_held", 8), ("me", "deal_lost", 7)], IN_STAGE),
    ("won and lost", ENDS, [("me", "meeting_held", 8), ("me", "deal_won", 7), ("me", "deal_lost", 6)], CONVERTED),
    ("a colleague won", ACCOUNT, [("me", "meeting_held", 8), ("colleague", "deal_won", 7)], CONVERTED),
    ("a colleague won before", ACCOUNT, [("me", "meeting_held", 8), ("colleague", "deal_won", 9)], IN_STAGE),
    ("a colleague lost", ACCOUNT, [("me", "meeting_held", 8), ("colleague", "deal_lost", 7)], ENDED),
    ("a colleague entered", ACCOUNT, [("me", "page_view", 8), ("colleague", "meeting_held", 7)], NOT_ENTERED),
    ("somebody else won", ACCOUNT, [("me", "meeting_held", 8), ("alone", "deal_won", 7)], IN_STAGE),
    ("a colleague's does not count", ENDS, [("me", "meeting_held", 8), ("colleague", "deal_won", 7)], IN_STAGE),
    ("bought once", AGAIN, [("me", "purchase", 8)], IN_STAGE),
    ("bought again", AGAIN, [("me", "purchase", 8), ("me", "purchase", 2)], IN_STAGE),
    ("bought long ago", AGAIN, [("me", "purchase", 91)], LONG_AGO),
]


@pytest.mark.parametrize(
    ("conversion", "happened", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_standing(conversion: Conversion, happened: list[Happened], wanted: int) -> None:
    events = log(happened)
    for arrays in (LogArrays.from_events(events), LogArrays.from_tables(*tables(events, []))):
        assert standing(arrays, conversion, ["me"], [CUTOFF]).tolist() == [wanted]


def test_alone_without_an_account_goals_are_ones_own() -> None:
    arrays = LogArrays.from_events(log([("alone", "meeting_held", 8), ("alone", "deal_won", 7), ("me", "mql", 1)]))
    assert standing(arrays, ACCOUNT, ["alone"], [CUTOFF]).tolist() == [CONVERTED]


@pytest.mark.parametrize(("before", "late", "wanted"), [(1, 0, NOT_ENTERED), (0, 0, UNKNOWN), (1, 2, UNKNOWN)])
def test_who_has_attributes_only_is_known(before: int, late: int, wanted: int) -> None:
    at = CUTOFF - days(before)
    arrays = LogArrays.from_events([], [Attribute("me", None, "country", "DE", at, at + days(late))])
    assert standing(arrays, ONCE, ["me", "nobody"], [CUTOFF, CUTOFF]).tolist() == [wanted, UNKNOWN]


def test_rows_keep_their_order_and_time() -> None:
    events = log([("me", "mql", 10), ("me", "meeting_held", 5), ("other", "page_view", 7)])
    arrays = LogArrays.from_tables(*tables(events, []))
    ids = ["nobody", "me", "other", "me", "me", "other"]
    moments = [CUTOFF, CUTOFF, CUTOFF, CUTOFF - days(5), CUTOFF - days(10), CUTOFF - days(7)]
    wanted = [UNKNOWN, CONVERTED, NOT_ENTERED, IN_STAGE, UNKNOWN, UNKNOWN]
    assert standing(arrays, ONCE, ids, moments).tolist() == wanted
    assert standing(arrays, ONCE, pa.array(ids), moments).tolist() == wanted
    assert standing(LogArrays.from_events(events), ONCE, pa.array(ids), moments).tolist() == wanted
