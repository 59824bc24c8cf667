"""Sentences, born from declarations and the values behind them; nothing here is a table of columns.

A group of columns that say the same thing becomes one sentence: "Viewed the pricing page 3 times in the last
7 days, last 2 hours ago". Absence is worded as absence. Any part of a group may be all there is, since columns
that drift are left out of a model: what is not known is not said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engagement.times import DAY
from features.declare import (
    ActiveDays,
    AsOf,
    Colleagues,
    Count,
    Distinct,
    Feature,
    FirstSeen,
    LastDetail,
    LastValue,
    Max,
    Min,
    Recency,
    Sum,
)
from features.spans import ago, duration, number, within
from features.verbs import deed, is_known, not_done, plural, spoken
from features.wording_pace import pace_sentence

#: Any value of these, zero too, speaks for an event.
_SPEAKING = (LastDetail, LastValue, Min, Max, Recency)


def sentence(features: Sequence[Feature], values: Sequence[float]) -> str:
    """One sentence for the columns of one group and their values (NaN where missing)."""
    lead = features[0]
    if (pace := pace_sentence(features, values)) is not None:
        text = pace
    elif isinstance(lead, AsOf):
        text = _attribute(lead, values[0])
    elif isinstance(lead, Colleagues):
        text = _colleagues(features, values)
    elif lead.type is None and lead.detail is None:
        text = _any_event(lead, _Seen.of(features, values))
    else:
        text = _deed(lead, _Seen.of(features, values)) + _extra(features, values)
    return text[0].upper() + text[1:]


@dataclass(frozen=True)
class _Seen:
    """What a group's columns say together, in words where it is about time.

    Attributes:
        happened: whether any of them speaks for an event.
        counts: (window, number) of the windows that saw any, the smallest first.
        last, since: when the last and the first event were ("2 hours ago", "12 days"), "" where not known.
        silent: the widest window known to be empty.
    """

    happened: bool
    counts: list[tuple[int | None, int]]
    last: str
    since: str
    silent: int | None

    @staticmethod
    def of(features: Sequence[Feature], values: Sequence[float]) -> _Seen:
        counts: list[tuple[int | None, int]] = []
        empty: list[int | None] = []
        unsure: list[int | None] = []  # without a detail or a value, which need not mean without an event
        happened, last, since = False, "", ""
        for feature, value in zip(features, values, strict=True):
            missing, window = math.isnan(value), feature.window
            happened |= not missing and (value != 0 or isinstance(feature, _SPEAKING))
            if isinstance(feature, Count) and value > 0:
                counts.append((window, int(value)))
            elif isinstance(feature, Recency):
                last = ago(value) if not missing else f"more than {duration(window)} ago" if window else ""
            elif isinstance(feature, FirstSeen) and not missing:
                capped = window is not None and value * DAY >= window
                since = f"more than {duration(window or 0)}" if capped else _whole(value)
            if missing or value == 0:
                sure = isinstance(feature, Count | ActiveDays | Recency | FirstSeen)
                (empty if sure else unsure).append(None if isinstance(feature, FirstSeen) else window)
        silent = max(empty or unsure, key=_wide, default=None)
        return _Seen(happened, sorted(counts, key=_width), last, since, silent)


def _wide(window: int | None) -> float:
    return math.inf if window is None else window


def _width(counted: tuple[int | None, int]) -> float:
    return _wide(counted[0])


def _deed(lead: Feature, seen: _Seen) -> str:
    """ "viewed the pricing page 3 times in the last 7 days, last 2 hours ago"."""
    whose = ("the account " if is_known(lead) else "account: ") if lead.level == "account" else ""
    if not seen.happened:
        return f"{whose}{not_done(lead)} {within(seen.silent)}"
    window, times = seen.counts[0] if seen.counts else (None, 0)
    text = whose + deed(lead, times or None)
    inside = "" if window is None else f" {within(window)}"
    if times > 1:
        return text + inside + (f", last {seen.last}" if seen.last else "")
    text += f" {seen.last}" if seen.last else inside
    if times and seen.counts[-1][1] > 1:  # once lately, more often before
        widest, most = seen.counts[-1]
        text += f", {most} times {'in all' if widest is None else within(widest)}"
    elif not times and not seen.last and seen.since:
        text += f", first {seen.since} ago"
    return text


def _any_event(lead: Feature, seen: _Seen) -> str:
    """ "4 activities in the last 7 days, last 2 hours ago, known for 12 days"."""
    whose = "account: " if lead.level == "account" else ""
    if not seen.happened:
        return f"{whose}no activity {within(seen.silent)}"
    parts = []
    if seen.counts:
        window, times = seen.counts[0]
        counted = plural(times, "activity", "activities")
        parts.append(counted if window is None else f"{counted} {within(window)}")
    if seen.last:
        parts.append(f"last {seen.last}" if parts else f"last active {seen.last}")
    if seen.since:
        parts.append(f"known for {seen.since}")
    return whose + (", ".join(parts) or "active")


def _extra(features: Sequence[Feature], values: Sequence[float]) -> str:
    """What the last detail or the values add: " (last: demo)"."""
    parts, last_value, extremes = [], math.nan, dict[str, float]()
    sums = [(f.window, v) for f, v in zip(features, values, strict=True) if isinstance(f, Sum) and abs(v) > 0]
    for feature, value in zip(features, values, strict=True):
        if math.isnan(value):
            continue
        if isinstance(feature, LastDetail):
            parts.append(f"last: {_category(feature.categories, value)}")
        elif isinstance(feature, LastValue):
            parts.append(f"last value {number(value)}")
            last_value = value
        elif isinstance(feature, Min | Max):
            extremes[f"{'smallest' if isinstance(feature, Min) else 'largest'} {number(value)}"] = value
        elif isinstance(feature, Distinct) and value > 1:
            parts.append(f"{int(value)} different ones {within(feature.window)}")
    parts += [text for text, value in extremes.items() if value != last_value]
    window, total = max(sums, key=lambda pair: _wide(pair[0]), default=(None, last_value))
    if sums and total != last_value:
        parts.append(f"{number(total)} {'in all' if window is None else within(window)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _attribute(feature: AsOf, value: float) -> str:
    name = spoken(str(feature.type)) + (" of the account" if feature.level == "account" else "")
    if math.isnan(value):
        return f"{name}: unknown"
    return f"{name}: {_category(feature.categories, value) if feature.categories else number(value)}"


def _category(categories: Sequence[str], value: float) -> str:
    place = int(value)
    return spoken(categories[place]) if place < len(categories) else "a rarely seen one"


def _colleagues(features: Sequence[Feature], values: Sequence[float]) -> str:
    pairs = sorted(zip(features, values, strict=True), key=lambda pair: _wide(pair[0].window))
    feature, value = next((pair for pair in pairs if pair[1] > 0), pairs[-1])
    with_ = "" if is_known(feature) else "with "
    did = "was active" if feature.type is None else with_ + deed(feature, None)
    who = f"{int(value)} colleagues" if value > 1 else "1 colleague" if value > 0 else "no colleague"
    return f"{who} {did.replace('was ', 'were ', 1) if value > 1 else did} {within(feature.window)}"


def _whole(days: float) -> str:
    return plural(int(days), "day") if days >= 1 else "less than a day"
