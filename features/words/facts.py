"""What columns and their values say, before it is said in a language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engagement.times import DAY
from features.declare import (
    ActiveDays,
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

#: Any value of these, zero too, speaks for an event.
_SPEAKING = frozenset({LastDetail, LastValue, Min, Max, Recency, FirstSeen})
#: These tell more of an event than that there was one.
TELLING = frozenset({LastDetail, LastValue, Min, Max, Sum, Distinct})
#: Of these, no value or zero means that there was no event.
_SURE = frozenset({Count, ActiveDays, Recency, FirstSeen})


class Age(NamedTuple):
    """How many days ago; with `beyond`, all that is known is that it is longer than this window (microseconds)."""

    days: float
    beyond: int | None = None


class Seen(NamedTuple):
    """What a group's columns say together about its events.

    Attributes:
        happened: whether any of them speaks for an event.
        counts: (window, number) of the windows that saw any, the smallest first.
        last, since: how long ago the last and the first event were, None where not known.
        silent: where nothing happened, the widest window known to be empty.
    """

    happened: bool
    counts: list[tuple[int | None, int]]
    last: Age | None
    since: Age | None
    silent: int | None

    @property
    def first_count(self) -> tuple[int | None, int]:
        """The smallest window that saw any, and how many; 0 where no column counts them."""
        return self.counts[0] if self.counts else (None, 0)

    @property
    def more(self) -> tuple[int | None, int] | None:
        """Where the smallest window saw one: the widest and its number, if that saw more."""
        return self.counts[-1] if self.counts and self.counts[-1][1] > 1 else None


class Reader:
    """Reads the facts off a group's values; what does not depend on them is found once."""

    def __init__(self, features: Sequence[Feature]) -> None:
        kinds = list(enumerate(features))
        counts = [(place, one.window) for place, one in kinds if type(one) is Count]
        self._counts = sorted(counts, key=lambda counted: width(counted[1]))
        self._last = [(place, one.window) for place, one in kinds if type(one) is Recency]
        self._since = [(place, one.window) for place, one in kinds if type(one) is FirstSeen]
        self._others = [(place, type(one) in _SPEAKING) for place, one in kinds if type(one) is not Count]
        # An empty column is no event for sure, or perhaps only none with a detail or a value.
        self._sure = [(p, None if type(one) is FirstSeen else one.window) for p, one in kinds if type(one) in _SURE]
        self._unsure = [(place, one.window) for place, one in kinds if type(one) not in _SURE]

    def __call__(self, values: Sequence[float]) -> Seen:
        """The facts of the group's values (NaN where missing)."""
        counts = [(window, int(values[place])) for place, window in self._counts if values[place] > 0]
        last, since = None, None
        for place, window in self._last:
            value = values[place]
            last = Age(value) if value == value else Age(value, window) if window else None
        for place, window in self._since:
            value = values[place]
            if value == value:
                since = Age(value, window if window is not None and value * DAY >= window else None)
        happened = bool(counts) or any(
            values[place] == values[place] and (speaks or values[place] != 0) for place, speaks in self._others
        )
        return Seen(happened, counts, last, since, None if happened else self._silent(values))

    def _silent(self, values: Sequence[float]) -> int | None:
        for columns in (self._sure, self._unsure):
            empty = [window for place, window in columns if values[place] == 0 or values[place] != values[place]]
            if empty:
                return max(empty, key=width)
        return None


@dataclass(frozen=True)
class Extra:
    """One thing more that a group's columns tell of its events.

    Attributes:
        kind: "last", "last_value", "smallest", "largest", "distinct" or "total".
        value: the number; NaN for "last", whose name is `name` (None: one seen too rarely to have a name here).
    """

    kind: str
    value: float = math.nan
    name: str | None = None
    window: int | None = None


def extras(features: Sequence[Feature], values: Sequence[float]) -> list[Extra]:
    """What the last detail and the values add; nothing twice."""
    parts: list[Extra] = []
    last_value, extremes = math.nan, dict[Extra, None]()
    sums = [(f.window, v) for f, v in zip(features, values, strict=True) if isinstance(f, Sum) and abs(v) > 0]
    for feature, value in zip(features, values, strict=True):
        if math.isnan(value):
            continue
        if isinstance(feature, LastDetail):
            parts.append(Extra("last", name=category(feature.categories, value)))
        elif isinstance(feature, LastValue):
            parts.append(Extra("last_value", value))
            last_value = value
        elif isinstance(feature, Min | Max):
            extremes[Extra("smallest" if isinstance(feature, Min) else "largest", value)] = None
        elif isinstance(feature, Distinct) and value > 1:
            parts.append(Extra("distinct", value, window=feature.window))
    parts += [extreme for extreme in extremes if extreme.value != last_value]
    window, total = max(sums, key=lambda pair: width(pair[0]), default=(None, last_value))
    if sums and total != last_value:
        parts.append(Extra("total", total, window=window))
    return parts


def category(categories: Sequence[str], value: float) -> str | None:
    """The category at that place; None for the place after the last, where the rarely seen ones are."""
    place = int(value)
    return categories[place] if place < len(categories) else None


def width(window: int | None) -> float:
    """Windows by size; ever is the widest."""
    return math.inf if window is None else window


def spoken(name: str) -> str:
    """A name as words: `free_mail` → "free mail"; nothing for an empty one."""
    return " ".join(name.replace("_", " ").split())
