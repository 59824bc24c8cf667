"""A log as arrays is the same log however it comes: in any order, in pieces, as dictionaries, events, by threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from histories import CONTACTS, CUTOFF, MIXED, SETS, History, a_history, same_bits, tables
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput
from engagement.events import Attribute, Event
from engagement.schema import ATTRIBUTES, EVENTS
from features.arrays import EVENT_COLUMNS, MISSING, LogArrays, Timeline
from features.trust import by_machine

THOROUGH = settings(max_examples=300, deadline=None, derandomize=True)
ROWS = [*CONTACTS, "only-facts", "nobody"]
NOTHING = ATTRIBUTES.empty_table()
TEXTS = ("contact_id", "account_id", "type", "detail", "properties", "name", "value")


def matrix(arrays: LogArrays) -> npt.NDArray[np.float64]:
    """All kinds of features, also those in which machines' events count."""
    return np.hstack([some.compute(arrays, ROWS, [CUTOFF] * len(ROWS)) for some in (MIXED, *SETS[-2:])])


def ways(history: History, order: list[int], cut: int) -> Iterator[tuple[str, LogArrays]]:
    """The same history as arrays, in many ways."""
    events, attributes = tables(history.events, history.attributes)
    shuffled = events.take(pa.array(order, pa.int64()))
    facts = attributes.take(pa.array(np.arange(len(attributes))[::-1]))
    in_order = events.sort_by([("contact_id", "ascending"), ("occurred_at", "ascending")])
    pieces = pa.concat_tables([in_order.slice(0, cut), in_order.slice(0, 0), in_order.slice(cut)])
    yield "events", LogArrays.from_events([history.events[place] for place in order], history.attributes[::-1])
    yield "shuffled", LogArrays.from_tables(shuffled, facts)
    yield "in pieces", LogArrays.from_tables(pa.concat_tables([shuffled.slice(0, cut), shuffled.slice(cut)]), facts)
    yield "threads", LogArrays.from_tables(shuffled, facts, threads=3)
    yield "dictionaries", LogArrays.from_tables(dictionaries(shuffled), dictionaries(facts))
    yield "sorted", LogArrays.from_tables(in_order, attributes)
    yield "sorted pieces", LogArrays.from_tables(dictionaries(pieces), attributes, threads=2)
    yield "fewer columns", LogArrays.from_tables(filled(shuffled), facts)


def dictionaries(table: pa.Table) -> pa.Table:
    """The same table with dictionaries for texts, a different one for each chunk."""
    for place, name in enumerate(table.column_names):
        if name in TEXTS and pa.types.is_string(table[name].type):
            chunks = [chunk.dictionary_encode() for chunk in table[name].chunks]
            kind = pa.dictionary(pa.int32(), pa.string())
            table = table.set_column(place, name, pa.chunked_array(chunks, kind))
    return table


def filled(events: pa.Table) -> pa.Table:
    """The columns that features come from, without those that are empty."""
    wanted = [name for name in EVENT_COLUMNS if len(events) == 0 or events[name].null_count < len(events)]
    return events.select(wanted)


@THOROUGH
@given(a_history, st.randoms(use_true_random=False), st.integers(0, 14))
def test_features_are_the_same_however_a_log_comes(history: History, random: Any, cut: int) -> None:
    wanted = matrix(LogArrays.from_tables(*tables(history.events, history.attributes)))
    order = list(range(len(history.events)))
    random.shuffle(order)
    for way, arrays in ways(history, order, min(cut, len(order))):
        assert same_bits(matrix(arrays), wanted), way


@THOROUGH
@given(a_history, st.integers(0, 14))
def test_arrays_hold_the_rows_of_the_log_in_order(history: History, cut: int) -> None:
    """Every row once, by contact and time; those of a contact at the same time stay in their order."""
    wanted = sorted(history.events, key=lambda e: (e.contact_id, e.occurred_at))
    at_once = [e for e in wanted if e.account_id is not None]
    at_once.sort(key=lambda e: (e.account_id or "", e.occurred_at))
    for way, arrays in ways(history, list(range(len(history.events))), min(cut, len(history.events))):
        assert rows(arrays, arrays.events) == [row(e) for e in wanted], way
        assert rows(arrays, arrays.by_account) == [row(e) for e in at_once], way
        assert arrays.pairs == sorted(arrays.pairs, key=lambda pair: (pair[0], pair[1] is not None, pair[1] or ""))


def rows(arrays: LogArrays, at: Timeline) -> list[tuple[Any, ...]]:
    """A timeline's rows with their texts."""
    accounts = [str(account) for account in arrays.accounts] + [None]
    owners = np.repeat(np.arange(len(at.start) - 1), np.diff(at.start))
    assert owners.tolist() == (at.contact if at is arrays.events else at.account).tolist()
    return [
        (str(arrays.contacts[contact]), accounts[account], *arrays.pairs[pair], bool(arrays.machine[pair]), *times)
        for contact, account, pair, *times in zip(
            at.contact.tolist(),
            at.account.tolist(),
            at.pair.tolist(),
            at.occurred.tolist(),
            at.received.tolist(),
            at.value.tolist(),
            strict=True,
        )
    ]


def row(event: Event) -> tuple[Any, ...]:
    """The same of an event."""
    machine, times = by_machine(event.properties), (event.occurred_at, event.received_at)
    value = MISSING if event.value is None else round(event.value * 1e6)
    return event.contact_id, event.account_id, event.type, event.detail, machine, *times, value


def a_long_log(size: int) -> pa.Table:
    """Rows in no order; some contacts with many of them, some received late, some with values."""
    draw = np.random.default_rng(size)
    occurred = CUTOFF + draw.integers(0, 10_000, size)
    contact = (draw.random(size) ** 3 * 2_000).astype(int)
    columns = {
        "event_id": pa.array(np.arange(size)).cast(pa.string()),
        "contact_id": pa.array([f"c-{n}" for n in contact]),
        "account_id": pa.array([None if n % 7 == 0 else f"a-{n % 90}" for n in contact]),
        "type": pa.array([f"type {n}" for n in draw.integers(0, 5, size)]),
        "occurred_at": pa.array(occurred).cast(EVENTS.field("occurred_at").type),
        "received_at": pa.array(occurred + draw.integers(0, 2, size)).cast(EVENTS.field("received_at").type),
        "value": pa.array(draw.random(size), mask=draw.random(size) < 0.8),
        "detail": pa.array([None if n == 0 else f"d-{n}" for n in draw.integers(0, 30, size)]),
        "properties": pa.array([(None, '{"bot": true}', "{}")[n] for n in draw.integers(0, 3, size)], pa.string()),
    }
    return pa.table(columns, schema=EVENTS)


def test_a_long_log_is_read_by_threads_as_by_one() -> None:
    events = a_long_log(150_000)
    one = LogArrays.from_tables(events, NOTHING, threads=1)
    in_order = [("contact_id", "ascending"), ("occurred_at", "ascending")]
    others = {
        "as many threads as there are": LogArrays.from_tables(events, NOTHING),
        "three threads": LogArrays.from_tables(dictionaries(events), NOTHING, threads=3),
        "pieces": LogArrays.from_tables(pa.concat_tables([events.slice(0, 70_001), events.slice(70_001)]), NOTHING),
    }
    for way, arrays in others.items():
        assert (arrays.contacts, arrays.accounts, arrays.pairs) == (one.contacts, one.accounts, one.pairs), way
        assert arrays.machine.tolist() == one.machine.tolist()
        for mine, theirs in ((arrays.events, one.events), (arrays.by_account, one.by_account)):
            for column, wanted in vars(theirs).items():
                assert np.array_equal(getattr(mine, column), wanted), (way, column)
    plain = events.append_column("row", pa.array(np.arange(len(events)))).sort_by([*in_order, ("row", "ascending")])
    assert one.events.occurred.tolist() == plain["occurred_at"].cast(pa.int64()).to_pylist()
    assert one.contacts.take(pa.array(one.events.contact)).to_pylist() == plain["contact_id"].to_pylist()
    details = [one.pairs[pair][1] for pair in one.events.pair.tolist()]
    assert details == plain["detail"].to_pylist()


def test_what_is_received_at_once_is_kept_once() -> None:
    events = [Event(str(n), f"c-{n % 3}", None, "mql", n, n) for n in range(9)]
    for some in (events, sorted(events, key=lambda e: e.contact_id)):
        at = LogArrays.from_tables(*tables(some, [])).events
        assert at.received is at.occurred
        late = LogArrays.from_tables(*tables([*some, Event("x", "c-9", None, "mql", 5, 6)], [])).events
        assert (late.received - late.occurred).tolist() == [0] * 9 + [1]


@pytest.mark.parametrize("size", [10, 1_000])
def test_times_may_lie_as_far_apart_as_numbers_go(size: int) -> None:
    draw = np.random.default_rng(size)
    times = draw.choice([-(2**63) + 1, -5, 0, 7, 2**62, 2**63 - 1], size)
    events = pa.table(
        {
            "contact_id": ["c"] * size,
            "type": [f"t{n:04}" for n in range(size)],
            "occurred_at": times,
            "received_at": times,
        }
    )
    at = LogArrays.from_tables(events, NOTHING).events
    assert at.pair.tolist() == np.argsort(times, kind="stable").tolist()
    assert at.occurred.tolist() == np.sort(times).tolist()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("in_order", [False, True])
def test_a_value_that_cannot_be_added_up_is_refused(threads: int, in_order: bool) -> None:
    rows = [
        Event(str(n), f"c-{n % 2}", None, "purchase", n, n, value) for n, value in enumerate((1.0, None, 1e9, 2e9))
    ]
    events, nothing = tables(sorted(rows, key=lambda e: e.contact_id) if in_order else rows, [])
    with pytest.raises(BadInput, match="too large to add up") as error:
        LogArrays.from_tables(events, nothing, threads)
    assert "2000000000" in str(error.value)


def test_nothing_at_all() -> None:
    for arrays in (LogArrays.from_tables(EVENTS.empty_table(), NOTHING), LogArrays.from_events([])):
        assert (len(arrays.contacts), len(arrays.accounts), arrays.pairs, len(arrays.machine)) == (0, 0, [], 0)
        assert arrays.events.start.tolist() == arrays.by_account.start.tolist() == [0]
        assert len(arrays.events.occurred) == len(arrays.by_account.contact) == 0


def test_attributes_alone() -> None:
    facts = [Attribute("c", None, "size", "9", 1, 2), Attribute(None, "a", "size", None, 1, 1)]
    for arrays in (LogArrays.from_tables(*tables([], facts)), LogArrays.from_events([], facts)):
        assert [str(one) for one in arrays.contacts] == ["c"]
        assert [str(one) for one in arrays.accounts] == ["a"]
        assert (arrays.names, arrays.values) == (["size"], ["9"])
        assert (arrays.contact_facts.value.tolist(), arrays.account_facts.value.tolist()) == ([0], [-1])


@given(st.lists(st.text("aé\0z", max_size=4), unique=True), st.lists(st.text("aé\0z", max_size=4)), st.booleans())
def test_a_contact_is_found_in_whatever_order_they_are_asked_for(
    known: list[str], asked: list[str], ascending: bool
) -> None:
    when = pa.array([0] * len(known), pa.timestamp("us", tz="UTC"))
    given_columns = {"event_id": known, "contact_id": known, "type": ["visit"] * len(known)}
    events = pa.table({**given_columns, "occurred_at": when, "received_at": when}) if known else EVENTS.empty_table()
    arrays = LogArrays.from_tables(events, ATTRIBUTES.empty_table())
    wanted = sorted(asked) if ascending else asked
    place = {text: code for code, text in enumerate(sorted(known))}
    assert arrays.contact_codes(pa.array(wanted, pa.string())).tolist() == [place.get(one, -1) for one in wanted]
