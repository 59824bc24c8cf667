"""What must hold for any history: nobody looks ahead, nothing unknown matters, nothing overflows in silence."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from histories import ACCOUNTS, CONTACTS, CUTOFF, MIXED, History, a_history, an_attribute, an_event, same_bits, tables
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput
from engagement.events import Attribute, Event
from engagement.times import DAY, days
from features.arrays import LogArrays
from features.declare import ActiveDays, AsOf, Count, FirstSeen, LastDetail, LastValue, Recency, Sum
from features.feature_set import FeatureSet

QUICK = settings(max_examples=500, deadline=None, derandomize=True)
ROWS = [*CONTACTS, "only-facts", "nobody"]


def matrix(
    events: list[Event], attributes: list[Attribute], cutoff: int = CUTOFF, features: FeatureSet = MIXED
) -> npt.NDArray[np.float64]:
    return features.compute(LogArrays.from_events(events, attributes), ROWS, [cutoff] * len(ROWS))


@QUICK
@given(a_history, st.lists(an_event, min_size=1, max_size=5), st.lists(an_attribute, max_size=3))
def test_what_happens_at_the_cutoff_changes_nothing(
    history: History, more: list[Event], facts: list[Attribute]
) -> None:
    events = [msgspec.structs.replace(e, occurred_at=CUTOFF, received_at=CUTOFF) for e in more]
    attributes = [msgspec.structs.replace(a, occurred_at=CUTOFF, received_at=CUTOFF) for a in facts]
    before = matrix(history.events, history.attributes)
    assert same_bits(matrix(history.events + events, history.attributes + attributes), before)


@QUICK
@given(a_history, st.lists(an_event, min_size=1, max_size=5), st.lists(an_attribute, max_size=3), st.integers(1, DAY))
def test_what_is_learnt_after_the_cutoff_changes_nothing(
    history: History, more: list[Event], facts: list[Attribute], late: int
) -> None:
    events = [msgspec.structs.replace(e, received_at=CUTOFF + late) for e in more]
    attributes = [msgspec.structs.replace(a, received_at=CUTOFF + late) for a in facts]
    before = matrix(history.events, history.attributes)
    assert same_bits(matrix(history.events + events, history.attributes + attributes), before)


@QUICK
@given(a_history, st.lists(an_event, min_size=1, max_size=5), st.integers(0, days(400)))
def test_the_future_changes_nothing(history: History, more: list[Event], ahead: int) -> None:
    events = [msgspec.structs.replace(e, occurred_at=CUTOFF + ahead, received_at=0) for e in more]
    before = matrix(history.events, history.attributes)
    assert same_bits(matrix(history.events + events, history.attributes), before)


@QUICK
@given(a_history, an_event)
def test_what_just_happened_is_counted(history: History, one: Event) -> None:
    """The last microsecond before the cutoff is seen, and what is received right at it."""
    event = msgspec.structs.replace(one, occurred_at=CUTOFF - 1, received_at=CUTOFF, properties=None)
    before, after = (matrix(e, history.attributes) for e in (history.events, [*history.events, event]))
    column = MIXED.names.index("any_event_count_ever")
    gained = after[:, column] - before[:, column]
    assert gained.tolist() == [float(contact == event.contact_id) for contact in ROWS]


@QUICK
@given(a_history)
def test_moving_everything_in_time_changes_nothing(history: History) -> None:
    move = days(203)  # over a clock change and a new year; whole weeks, for hours and weekdays stay what they are
    events = [
        msgspec.structs.replace(e, occurred_at=e.occurred_at + move, received_at=e.received_at + move)
        for e in history.events
    ]
    attributes = [
        msgspec.structs.replace(a, occurred_at=a.occurred_at + move, received_at=a.received_at + move)
        for a in history.attributes
    ]
    before = matrix(history.events, history.attributes)
    assert same_bits(matrix(events, attributes, CUTOFF + move), before)


@QUICK
@given(a_history)
def test_strangers_change_nothing(history: History) -> None:
    """Who is neither the contact nor a colleague plays no part, and new texts shift no code."""
    times = (CUTOFF - DAY, CUTOFF - DAY)
    events = [Event(f"x-{i}", f"{i}x", f"{i}a", f"{i}t", *times, 3.0, f"{i}d") for i in ("", "b", "zz")]
    before = matrix(history.events, history.attributes)
    assert same_bits(matrix(history.events + events, history.attributes), before)


def test_an_unknown_contact_has_an_empty_history() -> None:
    known = [Event("e", "c-1", "a-1", "page_view", CUTOFF - 5, CUTOFF - 5, 2.0, "demo")]
    stranger = matrix(known, [])[ROWS.index("nobody")]
    assert same_bits(stranger, matrix([], [])[0])
    zero = [f.op in ("count", "sum", "days", "distinct", "colleagues") for f in MIXED.features]
    assert np.array_equal(np.where(zero, 0.0, np.nan), stranger, equal_nan=True)


def test_no_rows_and_no_columns() -> None:
    arrays = LogArrays.from_events([])
    assert MIXED.compute(arrays, [], []).shape == (0, len(MIXED.features))
    assert FeatureSet(()).compute(arrays, ["c-1"], [CUTOFF]).shape == (1, 0)


def _purchases(values: list[float]) -> list[Event]:
    return [
        Event(f"e-{i}", "c-1", "a-1", "purchase", CUTOFF - 1 - i, CUTOFF, value) for i, value in enumerate(values)
    ]


@pytest.mark.parametrize("level", ["contact", "account"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_that_does_not_fit_is_refused_by_name(level: str, sign: int) -> None:
    total = FeatureSet((Sum("purchase", level=level),))
    fits, too_many = (_purchases([sign * 1e9] * n) for n in (4_611, 4_612))
    found = total.compute(LogArrays.from_events(fits), ["c-1"], [CUTOFF])
    assert found[0, 0] == sign * 4_611e9
    with pytest.raises(BadInput, match="too large to add up"):
        total.compute(LogArrays.from_events(too_many), ["c-1"], [CUTOFF])


def test_a_sum_is_refused_when_only_all_windows_together_do_not_fit() -> None:
    events = _purchases([1e9] * 4_000) + [
        msgspec.structs.replace(e, event_id="x" + e.event_id, occurred_at=e.occurred_at - DAY)
        for e in _purchases([1e9] * 4_000)
    ]
    total = FeatureSet(tuple(Sum("purchase").over(DAY, None)))
    with pytest.raises(BadInput, match="too large to add up"):
        total.compute(LogArrays.from_events(events), ["c-1"], [CUTOFF])


def test_values_at_the_limit_and_beyond() -> None:
    last = FeatureSet((LastValue("purchase"),))
    for value in (1e9, -1e9, 0.0):
        assert last.compute(LogArrays.from_events(_purchases([value])), ["c-1"], [CUTOFF])[0, 0] == value
    for value in (1e9 + 1e-6, -1e9 - 1e-6, np.inf, -np.inf):
        for make in (LogArrays.from_events, lambda events: LogArrays.from_tables(*tables(events, []))):
            with pytest.raises(BadInput, match="too large to add up"):
                make(_purchases([1.0, value]))


def test_values_are_rounded_half_to_even() -> None:
    total = FeatureSet((Sum("purchase"),))
    for value, millionths in ((0.0000005, 0), (0.0000015, 2), (2.5e-6, 2), (-0.0000015, -2), (-0.0000005, 0)):
        found = total.compute(LogArrays.from_events(_purchases([value])), ["c-1"], [CUTOFF])[0, 0]
        assert found == millionths / 1e6
        assert not np.signbit(found) or millionths < 0


TIED = [
    Event(f"e-{account}-{detail}-{value}", "c-1", account, "purchase", CUTOFF - 5, CUTOFF - 5, value, detail)
    for account, detail, value in (
        ("a-2", "demo", 1.0),
        ("ä-3", "zz", -7.0),
        ("a-1", None, None),
        (None, "Größe", 3.0),
    )
]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.permutations(TIED), st.permutations(["9", "10", None]))
def test_of_several_at_one_time_the_largest_counts(events: list[Event], texts: list[str | None]) -> None:
    facts = [Attribute("c-1", None, "size", text, CUTOFF - 5, CUTOFF - 5) for text in texts]
    facts += [Attribute(None, account, "name", account, CUTOFF - 5, CUTOFF - 5) for account in ("a-1", "a-2", "ä-3")]
    features = FeatureSet(
        (
            LastDetail("purchase", categories=("demo", "zz", "Größe")),
            LastValue("purchase"),
            AsOf("size"),
            AsOf("name", level="account", categories=("a-1", "a-2", "ä-3")),
            LastDetail("purchase", level="account", categories=("demo", "zz", "Größe")),
        )
    )
    for arrays in (LogArrays.from_events(events, facts), LogArrays.from_tables(*tables(events, facts))):
        assert features.compute(arrays, ["c-1"], [CUTOFF])[0].tolist() == [1, 3.0, 9.0, 2, 1]


def test_by_hand() -> None:
    """A history small enough to check by eye."""
    at = {"c-1": [(3 * DAY, "demo"), (DAY, None), (1, "zz")], "c-2": [(DAY + 1, "demo"), (2 * DAY, "zz")]}
    events = [
        Event(f"{who}-{age}", who, ACCOUNTS[1], "page_view", CUTOFF - age, CUTOFF, float(age == 1), detail)
        for who, happened in at.items()
        for age, detail in happened
    ]
    features = FeatureSet(
        (
            *Count("page_view").over(DAY - 1, DAY, 3 * DAY - 1, 3 * DAY),
            ActiveDays("page_view", window=3 * DAY),
            Recency("page_view", "demo"),
            FirstSeen("page_view", window=2 * DAY),
            LastDetail("page_view", categories=("demo",)),
            Count("page_view", window=DAY, level="account"),
        )
    )
    found = features.compute(LogArrays.from_events(events), ["c-1", "c-2"], [CUTOFF, CUTOFF])
    assert found.tolist() == [
        [1, 2, 2, 3, 2, 3.0, 2.0, 1, 2],
        [0, 0, 2, 2, 1, (DAY + 1) / DAY, 2.0, 0, 2],
    ]
