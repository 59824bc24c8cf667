"""Spans of time and amounts in words."""

from __future__ import annotations

from engagement.times import DAY, HOUR, MINUTE
from features.verbs import plural

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


def within(window: int | None) -> str:
    """ "in the last 7 days", "so far"."""
    return "so far" if window is None else f"in the last {duration(window)}"


def span(days: float) -> str:
    """A length of time, in the largest fitting unit: "2 hours"."""
    micros = days * DAY
    for unit, name in _UNITS:
        if micros >= unit:
            return plural(int(micros // unit), name)
    return "less than a minute"


def ago(days: float) -> str:
    """How long ago: "2 hours ago"."""
    return f"{span(days)} ago"


def duration(window: int) -> str:
    """A window in words: "7 days", "24 hours", "12 months"."""
    if window == 365 * DAY:
        return "12 months"
    for unit, name in _UNITS:
        if window % unit == 0:
            return "24 hours" if window == DAY else plural(window // unit, name)
    return f"{window / DAY:.3g} days"


def number(value: float) -> str:
    """A number to read: thousands apart, at most two decimals unless it is tiny."""
    if abs(value) >= 1e15 or 0 < abs(value) < 0.01:
        return f"{value:.3g}"
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
