"""Tiny logs, drawn so that their edges meet: the cutoff, the cutoff less a window, ties, late news, nulls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import strategies as st

from engagement.events import Attribute, Event
from engagement.schema import ATTRIBUTES, EVENTS
from engagement.times import DAY, HOUR, days, parse_time
from features.declare import (
    ActiveDays,
    AsOf,
    Colleagues,
    Count,
    Distinct,
    Feature,
    FirstSeen,
    GapLast,
    GapMean,
    GapSpread,
    HourShare,
    LastDetail,
    LastValue,
    Max,
    Min,
    Ratio,
    Recency,
    StageAge,
    Sum,
    Trend,
    WeekdayShare,
)
from features.feature_set import FeatureSet

CUTOFF = parse_time("2026-03-29T12:00:00Z")
WINDOWS = (1, 12 * HOUR, days(1), days(7), None)
CONTACTS = ("c-1", "c-2", "ç-3")
ACCOUNTS = (None, "a-1", "a-2", "ä-3")
TYPES = ("page_view", "purchase", "mql")
DETAILS = (None, "", "demo", "pricing", "Größe", "日本", "zz")
NAMES = ("country", "size")
TEXTS = (None, "", "DE", "é", "10", "-0", " 1e3 ", "1.0000000000000002", "1_0", "nan", "inf", "1e301", "9")
PROPERTIES = (
    None,
    None,
    '{"machine": true}',
    '{"bot":true, "x": [1]}',
    '{"trust": 0.4}',
    '{"machine": 1}',
    "machine",
)
VALUES = (None, 0.0, -0.0, 1.0, -2.5, 0.0000005, 0.0000015, 2.5e-6, 0.1, 12.345678, 1e9, -1e9, 123456789.1234565)

#: How far before the cutoff things happen: on edges, one microsecond to each side of them, and a clock change.
OFFSETS = sorted(
    {w + step for w in (0, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 36 * HOUR, 400 * DAY) for step in (-1, 0, 1)}
    | {3 * HOUR}
)


#: Whose events: any, of a type, of a type with a detail, of any type with a detail.
SUBJECTS = ((None, None), ("page_view", None), ("page_view", "pricing"), ("purchase", None), (None, "demo"))


def windowed(level: str, kind: str | None, detail: str | None) -> list[Feature]:
    """The kinds whose name tells their window, over each kind of window."""
    kinds = (Count, Sum, ActiveDays, Distinct, Colleagues, Min, Max, GapLast, GapMean)
    found: list[Feature] = [one(kind, detail, window, level) for one in kinds for window in WINDOWS]
    for window in WINDOWS:
        found += [
            GapSpread(kind, detail, window or days(3650), level),
            Ratio(kind, detail, window, level, per="page_view"),
            Ratio(kind, detail, window, level),
            HourShare(kind, detail, window, level, hours=(0, 12)),
            HourShare(kind, detail, window, level, hours=(12, 24)),
            WeekdayShare(kind, detail, window, level, weekdays=(0, 5, 6)),
        ]
    return found + [Trend(kind, detail, w, level, against=days(7)) for w in WINDOWS if w is not None and w < days(7)]


def unwindowed(level: str, window: int | None) -> list[Feature]:
    """The kinds whose name does not tell their window, over one window."""
    found: list[Feature] = [AsOf("country", level=level, categories=("", "DE", "é")), AsOf("size", level=level)]
    for kind, detail in SUBJECTS:
        found += [
            Recency(kind, detail, window, level),
            FirstSeen(kind, detail, window, level),
            LastValue(kind, detail, window, level),
            LastDetail(kind, detail, window, level, categories=("demo", "Größe", "")),
            StageAge(kind, detail, None, level, each=level == "account"),
        ]
    return found


#: Every kind at each level, for each subject, over each kind of window, in sets small enough to be quick in SQL.
SETS = [FeatureSet(tuple(windowed(level, *of))) for level in ("contact", "account") for of in SUBJECTS]
SETS += [FeatureSet(tuple(unwindowed(level, window))) for level in ("contact", "account") for window in WINDOWS]
#: Machines' events count, beside the same features in which they don't.
SETS += [
    FeatureSet((*some, *(replace(feature, machines=True) for feature in some)))
    for some in (windowed("contact", None, None), windowed("account", "page_view", "pricing"))
]
#: All that can stand beside each other.
MIXED = FeatureSet(
    (
        *(f for level in ("contact", "account") for of in SUBJECTS for f in windowed(level, *of)),
        *(f for level, window in (("contact", None), ("account", DAY)) for f in unwindowed(level, window)),
    )
)


@dataclass(frozen=True)
class History:
    """A tiny log and the rows asked of it."""

    events: list[Event]
    attributes: list[Attribute]
    contacts: list[str]
    cutoffs: list[int]


_times = st.builds(
    lambda offset, late: (CUTOFF - offset, CUTOFF - offset + late),
    st.sampled_from(OFFSETS),
    st.sampled_from([0, 0, 0, 1, HOUR, DAY, 10 * DAY]),
)
_number = count()


def _event(
    times: tuple[int, int],
    contact: str,
    account: str | None,
    kind: str,
    value: float | None,
    detail: str | None,
    properties: str | None,
) -> Event:
    return Event(f"e-{next(_number)}", contact, account, kind, times[0], times[1], value, detail, properties)


def _attribute(
    times: tuple[int, int], whose: tuple[str | None, str | None], name: str, value: str | None
) -> Attribute:
    return Attribute(whose[0], whose[1], name, value, *times)


an_event = st.builds(
    _event,
    _times,
    st.sampled_from(CONTACTS),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(TYPES),
    st.sampled_from(VALUES) | st.floats(-1e9, 1e9),
    st.sampled_from(DETAILS),
    st.sampled_from(PROPERTIES),
)
an_attribute = st.builds(
    _attribute,
    _times,
    st.sampled_from(
        [("c-1", None), ("c-1", "a-1"), ("c-2", None), (None, "a-1"), (None, "a-2"), ("only-facts", None)]
    ),
    st.sampled_from(NAMES),
    st.sampled_from(TEXTS),
)
cutoffs = st.sampled_from([CUTOFF, CUTOFF + 1, CUTOFF - DAY, CUTOFF + 3 * DAY])
a_history = st.builds(
    lambda events, attributes, rows: History(events, attributes, [c for c, _ in rows], [t for _, t in rows]),
    st.lists(an_event, max_size=14),
    st.lists(an_attribute, max_size=8),
    st.lists(st.tuples(st.sampled_from([*CONTACTS, "only-facts", "nobody"]), cutoffs), min_size=1, max_size=5),
)


def tables(events: Sequence[Event], attributes: Sequence[Attribute]) -> tuple[pa.Table, pa.Table]:
    """The log's two tables of these events and attributes."""
    two = []
    for rows, schema in ((events, EVENTS), (attributes, ATTRIBUTES)):
        columns = []
        for field in schema:
            column = [getattr(row, field.name) for row in rows]
            micros = pa.types.is_timestamp(field.type)
            columns.append(pa.array(column, pa.int64()).cast(field.type) if micros else pa.array(column, field.type))
        two.append(pa.table(columns, schema=schema))
    return two[0], two[1]


def same_bits(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Equal to the last bit, the sign of zero too; any NaN equals any NaN."""
    nan = np.isnan(one)
    return bool(
        one.shape == other.shape
        and np.array_equal(nan, np.isnan(other))
        and np.array_equal(one[~nan].view(np.int64), other[~nan].view(np.int64))
    )
