"""German: spans of time (all in the dative, where the sentences need them), amounts and shares."""

from __future__ import annotations

from functools import lru_cache

from engagement.times import DAY, HOUR, MINUTE
from features.words.facts import Age

_UNITS = ((DAY, "Tag", "Tagen"), (HOUR, "Stunde", "Stunden"), (MINUTE, "Minute", "Minuten"))


@lru_cache(maxsize=1024)  # windows are few
def within(window: int | None) -> str:
    """ "in den letzten 7 Tagen", "in der letzten Stunde", "bisher"."""
    if window is None:
        return "bisher"
    text = duration(window)
    return f"in der letzten {text[2:]}" if text.startswith("1 ") else f"in den letzten {text}"


def in_all(window: int | None) -> str:
    """ "in den letzten 7 Tagen", "insgesamt"."""
    return "insgesamt" if window is None else within(window)


def span(days: float) -> str:
    """A length of time in the largest fitting unit: "2 Stunden", "3 Tagen"."""
    micros = days * DAY
    for unit, one, many in _UNITS:
        if micros >= unit:
            return counted(int(micros // unit), one, many)
    return "weniger als einer Minute"


def ago(age: Age) -> str:
    """ "vor 2 Stunden", "vor mehr als 12 Monaten"."""
    return f"vor {span(age.days)}" if age.beyond is None else f"vor mehr als {duration(age.beyond)}"


def whole(age: Age) -> str:
    """ "12 Tagen", "weniger als einem Tag"."""
    if age.beyond is not None:
        return f"mehr als {duration(age.beyond)}"
    return counted(int(age.days), "Tag", "Tagen") if age.days >= 1 else "weniger als einem Tag"


@lru_cache(maxsize=1024)
def duration(window: int) -> str:
    """A window in words: "7 Tagen", "24 Stunden", "12 Monaten"."""
    if window == 365 * DAY:
        return "12 Monaten"
    for unit, one, many in _UNITS:
        if window % unit == 0:
            return "24 Stunden" if window == DAY else counted(window // unit, one, many)
    return f"{window / DAY:.3g} Tagen".replace(".", ",")


def counted(number: int, one: str, many: str) -> str:
    """ "1 Tag", "3 Tagen"."""
    return f"{number} {one if number == 1 else many}"


def number(value: float) -> str:
    """A number to read: a dot between thousands, at most two decimals unless it is tiny."""
    if abs(value) >= 1e15 or 0 < abs(value) < 0.01:
        return f"{value:.3g}".replace(".", ",")
    text = f"{value:,.2f}".rstrip("0").rstrip(".").translate(str.maketrans(",.", ".,"))
    return "0" if text == "-0" else text


def share(value: float) -> str:
    """ "alle", "keine", "fast alle", "weniger als 1 %", "60 %"."""
    if value in (0, 1):
        return "alle" if value else "keine"
    rounded = f"{value:.0%}".replace("%", " %")
    return {"0 %": "weniger als 1 %", "100 %": "fast alle"}.get(rounded, rounded)


def part(value: float) -> str:
    """The same of what was just named: "alle", "60 % davon"."""
    text = share(value)
    return f"{text} davon" if text.endswith("%") else text
