"""What columns and their values say, before it is said in a language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
_TELLING = frozenset({LastDetail, LastValue, Min, Max, Sum, Distinct})
#: Of these, no value or zero means that there was no event; of others, perhaps only none with a detail or a value.
_SURE = frozenset({Count, ActiveDays, Recency, FirstSeen})


@dataclass(frozen=True)
class Age:
    """How many days ago; with `beyond`, all that is known is that it is longer than this window (microseconds)."""

    days: float
    beyond: int | None = None


@dataclass(frozen=True)
class Seen:
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

    @staticmethod
    def of(features: Sequence[Feature], values: Sequence[float]) -> Seen:
        """The facts of a group's columns and their values (NaN where missing)."""
        counts: list[tuple[int | None, int]] = []
        empty: list[int | None] = []
        unsure: list[int | None] = []  # without a detail or a value, which need not mean without an event
        happened, last, since = False, None, None
        for feature, value in zip(features, values, strict=True):
            kind, window, missing = type(feature), feature.window, value != value
            if kind is Count and value > 0:
                counts.append((window, int(value)))
            elif kind is Recency:
                last = Age(value) if not missing else Age(value, window) if window else None
            elif kind is FirstSeen and not missing:
                since = Age(value, window if window is not None and value * DAY >= window else None)
            if missing or value == 0:
                (empty if kind in _SURE else unsure).append(None if kind is FirstSeen else window)
            if not missing and (value != 0 or kind in _SPEAKING):
                happened = True
        silent = None if happened else max(empty or unsure, key=width, default=None)
        if len(counts) > 1:
            counts.sort(key=lambda counted: width(counted[0]))
        return Seen(happened, counts, last, since, silent)


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
    if _TELLING.isdisjoint(map(type, features)):
        return parts
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
