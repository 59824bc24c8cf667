"""English: spans of time and amounts."""

from __future__ import annotations

from functools import lru_cache

from engagement.times import DAY, HOUR, MINUTE
from features.words.english_verbs import plural
from features.words.facts import Age

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


@lru_cache(maxsize=1024)  # windows are few
def within(window: int | None) -> str:
    """ "in the last 7 days", "in the last hour", "so far"."""
    return "so far" if window is None else f"in the last {duration(window).removeprefix('1 ')}"


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


@lru_cache(maxsize=1024)
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


def since(age: Age | None) -> str:
    """ "2 hours ago", "more than 12 months ago"; nothing where it is not known."""
    if age is None:
        return ""
    return ago(age.days) if age.beyond is None else f"more than {duration(age.beyond)} ago"


def whole(age: Age) -> str:
    """ "12 days", "less than a day"."""
    if age.beyond is not None:
        return f"more than {duration(age.beyond)}"
    return plural(int(age.days), "day") if age.days >= 1 else "less than a day"


def in_all(window: int | None) -> str:
    """ "in the last 7 days", "in all"."""
    return "in all" if window is None else within(window)


def every(days: float) -> str:
    """ "every 3 days", "every hour", "less than a minute apart"."""
    text = span(days)
    return f"{text} apart" if text.startswith("less") else f"every {text.removeprefix('1 ')}"


def part(share: float) -> str:
    """ "all", "not one of", "less than 1% of", "60% of"."""
    if share in (0, 1):
        return "all" if share else "not one of"
    rounded = f"{share:.0%}"
    return {"0%": "less than 1% of", "100%": "nearly all"}.get(rounded, f"{rounded} of")


def share_of(share: float) -> str:
    """ "all", "none", "less than 1%", "60%"."""
    return "none" if share == 0 else part(share).removesuffix(" of")
