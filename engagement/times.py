"""Times are integers: microseconds since 1970-01-01T00:00:00Z. A day is 24 hours, also over a clock change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NewType

from engagement.errors import BadInput

Micros = NewType("Micros", int)

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: The years 1900 to 2200: everything outside is a mistake, and far from where int64 would overflow.
EARLIEST = -2_208_988_800 * SECOND
LATEST = 7_258_118_400 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def days(number: float) -> int:
    """So many days of 24 hours, in microseconds."""
    return round(number * DAY)


def parse_time(text: str) -> int:
    """An RFC 3339 (or plain ISO) time, in microseconds UTC; without an offset it is UTC.

    Raises:
        BadInput: not a time, or outside the years 1900 to 2200.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput("not a time", text, "Write it like 2026-11-21T10:00:00Z.") from None
    return from_datetime(moment)


def from_datetime(moment: datetime) -> int:
    """A datetime in microseconds UTC; a naive one is taken as UTC.

    Raises:
        BadInput: outside the years 1900 to 2200.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    if not EARLIEST <= micros < LATEST:
        raise BadInput("a time outside the years 1900 to 2200", str(moment), "Check the unit and the column.")
    return micros


def to_datetime(micros: int) -> datetime:
    """The datetime, in UTC, of a number of microseconds."""
    return _EPOCH + timedelta(microseconds=int(micros))


def format_time(micros: int) -> str:
    """RFC 3339 in UTC, with as many decimals as needed."""
    return to_datetime(micros).isoformat().replace("+00:00", "Z")
