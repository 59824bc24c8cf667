"""Label times from the few events that tell them are those from the whole log."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "features"))

from histories import CUTOFF, History, a_history, tables

from engagement.errors import NotEnoughData
from engagement.events import Event
from engagement.funnel import Conversion
from engagement.times import DAY, HOUR
from features.arrays import LogArrays
from features.levels import accounts_of, label_arrays, label_events
from training.label_times import label_times

conversions = st.builds(
    lambda start, goal, landmarks, level, each, ends: Conversion(
        "c", "s", "g", start, goal, 2 * DAY, landmarks, level, each or start == goal, ends
    ),
    st.sampled_from(["mql", "page_view"]),
    st.sampled_from(["purchase", "page_view"]),
    st.sampled_from([(0,), (0, HOUR, 12 * HOUR), (DAY, 7 * DAY)]),
    st.sampled_from(["contact", "account"]),
    st.booleans(),
    st.sampled_from([(), ("mql",), ("page_view",)]),
)


def told(arrays: LogArrays, conversion: Conversion, as_of: int) -> object:
    """The rows as a person reads them, or why there are none."""
    try:
        rows = label_times(arrays, conversion, as_of)
    except NotEnoughData as error:
        return str(error)
    contacts, accounts = (texts.to_pylist() for texts in (arrays.contacts, arrays.accounts))
    whose = [(contacts[c], accounts[a] if a >= 0 else None) for c, a in zip(rows.contact, rows.account, strict=True)]
    return whose, rows.cutoff.tolist(), rows.converted.tolist(), rows.immature


def in_parts(events: pa.Table, parts: int, types: set[str]) -> LogArrays:
    """The reduced log, reduced in so many parts with whole contacts."""
    number = np.array([(len(contact) + ord(contact[-1])) % parts for contact in events["contact_id"].to_pylist()])
    nothing = tables([], [])[1]
    some = [LogArrays.from_tables(events.filter(pa.array(number == part)), nothing) for part in range(parts)]
    return label_arrays([label_events(arrays, types) for arrays in some])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(a_history, st.lists(a_history, max_size=3), conversions, st.sampled_from([0, HOUR, 3 * DAY, 20 * DAY]))
def test_label_times_of_the_reduced_log(
    history: History, more: list[History], conversion: Conversion, later: int
) -> None:
    events, attributes = tables([e for one in (history, *more) for e in one.events], [])
    types = {conversion.start_type, conversion.goal_type, *conversion.ends}
    whole = told(LogArrays.from_tables(events, attributes), conversion, CUTOFF + later)
    for parts in (1, 2):
        assert told(in_parts(events, parts, types), conversion, CUTOFF + later) == whole


@settings(max_examples=200, deadline=None, derandomize=True)
@given(a_history, st.lists(a_history, max_size=2), st.sampled_from([set(), {"mql"}]))
def test_accounts_at_any_time_from_the_reduced_log(history: History, more: list[History], types: set[str]) -> None:
    events = [e for one in (history, *more) for e in one.events]
    whole = LogArrays.from_tables(*tables(events, []))
    edges = sorted({t + step for e in events for t in (e.occurred_at, e.received_at) for step in (0, 1)})
    asked = [(e.contact_id, moment) for e in events for moment in edges]
    assert accounts(in_parts(tables(events, [])[0], 1, types), asked) == accounts(whole, asked)


def accounts(arrays: LogArrays, asked: list[tuple[str, int]]) -> list[str | None]:
    ids = pa.array([contact for contact, _ in asked], pa.string())
    found: list[str | None] = accounts_of(arrays, ids, np.array([at for _, at in asked], np.int64)).to_pylist()
    return found


@pytest.mark.parametrize(
    ("happened", "kept"),
    [
        ([(1, 1, "a", "view"), (2, 2, "a", "view"), (3, 3, "a", "view")], [1]),
        ([(1, 1, "a", "view"), (2, 2, "b", "view"), (3, 3, "a", "view")], [1, 2, 3]),
        ([(1, 9, "a", "view"), (2, 2, "a", "view")], [1, 2]),  # the first was learnt of later
        ([(1, 1, "a", "view"), (2, 2, None, "view"), (3, 3, "a", "view")], [1]),
        ([(1, 1, "a", "mql"), (2, 2, "a", "view"), (3, 3, None, "mql")], [1, 3]),
    ],
)
def test_an_event_that_tells_nothing_new_is_left_out(
    happened: list[tuple[int, int, str | None, str]], kept: list[int]
) -> None:
    events = [Event(str(at), "c", account, kind, at, received) for at, received, account, kind in happened]
    found = label_events(LogArrays.from_tables(*tables(events, [])), {"mql"})
    assert found["occurred_at"].cast(pa.int64()).to_pylist() == kept
    assert set(found["type"].to_pylist()) <= {"mql", ""}
