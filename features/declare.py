"""Feature declarations: operation × event type (× detail) × window × level. Data, nothing else.

    Count("email_click").over(days(7), days(30))     # a FeatureList of two
    Recency("page_view", detail="pricing")
    LastDetail("meeting_booked", categories=("demo", "webinar"))

A name and a sentence are born from the declaration (see `features.wording`); the kernel's operation code too.
An event type of None means any event. A window of None means ever. All windows end, open, at the cutoff.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from engagement.times import DAY, HOUR

#: What a training table calls its other columns: an attribute of that name must not overwrite the label.
TAKEN = frozenset({"contact_id", "cutoff", "converted"})


@dataclass(frozen=True)
class Feature:
    """What every declaration has: the events it looks at, how far back, and whose they are.

    Attributes:
        type, detail: the events' type and detail; None means any.
        window: microseconds back from the cutoff, None means ever. For "how long ago" and "which was last" it
            is how far back to look: an older event is as good as none (`FirstSeen` says "at least so long ago").
        level: "contact" or "account" (everyone of the account the contact belonged to at the cutoff).
        machines: whether what machines did (mails opened by a privacy proxy, links followed by a scanner) counts.
    """

    type: str | None = None
    detail: str | None = None
    window: int | None = None
    level: str = "contact"
    machines: bool = False
    op: ClassVar[str] = ""
    windowed: ClassVar[bool] = True

    def over(self, *windows: int | None) -> list[Self]:
        """The same declaration over several windows."""
        return [replace(self, window=window) for window in windows]

    @property
    def subject(self) -> str:
        """What it is about, as the code of a reason: `page_view.pricing`, `account.email_click`."""
        parts = ["account"] if self.level == "account" else []
        parts.append(self.type or "any_event")
        if self.detail is not None:
            parts.append(self.detail)
        return ".".join(parts) + ("+machines" if self.machines and not isinstance(self, StageAge) else "")

    @property
    def group(self) -> str:
        """Features of one group say the same thing and become one reason."""
        return self.subject

    @property
    def name(self) -> str:
        """The column's name: an identifier."""
        return identifier(f"{self.subject}_{self.op}{self._window_name}")

    @property
    def _window_name(self) -> str:
        return "" if not self.windowed else "_ever" if self.window is None else f"_{window_text(self.window)}"


@dataclass(frozen=True)
class Count(Feature):
    """How many events. 0 when none."""

    op: ClassVar[str] = "count"


@dataclass(frozen=True)
class Sum(Feature):
    """The sum of the events' values. 0 when none."""

    op: ClassVar[str] = "sum"


@dataclass(frozen=True)
class Min(Feature):
    """The smallest value. Missing when no event has one."""

    op: ClassVar[str] = "min"


@dataclass(frozen=True)
class Max(Feature):
    """The largest value. Missing when no event has one."""

    op: ClassVar[str] = "max"


@dataclass(frozen=True)
class ActiveDays(Feature):
    """On how many days (of 24 h, counted back from the cutoff) there was an event. 0 when none."""

    op: ClassVar[str] = "days"


@dataclass(frozen=True)
class Distinct(Feature):
    """How many different details the events have. 0 when none."""

    op: ClassVar[str] = "distinct"


@dataclass(frozen=True)
class Colleagues(Feature):
    """How many other contacts of the account had such an event. 0 when none."""

    level: str = "account"
    op: ClassVar[str] = "colleagues"

    @property
    def group(self) -> str:
        return "account.colleagues"


@dataclass(frozen=True)
class Recency(Feature):
    """Days since the last event. Missing when there was none."""

    op: ClassVar[str] = "recency"
    windowed: ClassVar[bool] = False


@dataclass(frozen=True)
class FirstSeen(Feature):
    """Days since the first event, at most the window's. Missing when there was none."""

    op: ClassVar[str] = "first"
    windowed: ClassVar[bool] = False


@dataclass(frozen=True)
class StageAge(Feature):
    """Days since the stage was entered by its first event (or, with `each`, its last). Missing when it was not.

    A stage is entered by whatever event there is, a machine's too: label times count it.
    """

    machines: bool = True
    each: bool = False
    op: ClassVar[str] = "stage_age"
    windowed: ClassVar[bool] = False

    @property
    def group(self) -> str:
        return f"stage.{self.subject}"


@dataclass(frozen=True)
class GapLast(Feature):
    """Days between the last two events. Missing when the window holds fewer."""

    op: ClassVar[str] = "gap_last"

    @property
    def group(self) -> str:
        return f"gaps.{self.subject}"


@dataclass(frozen=True)
class GapMean(GapLast):
    """Days between two events on average. Missing when there are fewer than two."""

    op: ClassVar[str] = "gap_mean"


@dataclass(frozen=True)
class GapSpread(GapLast):
    """Standard deviation of the days between events, each taken in whole seconds. Missing below three events.

    The window is at most ten years: squares of seconds add up in 63 bits.
    """

    op: ClassVar[str] = "gap_spread"


@dataclass(frozen=True)
class Trend(Feature):
    """The share of the events of `window` in those of the longer window `against`. Missing when there are none."""

    against: int = 28 * DAY
    op: ClassVar[str] = "trend"

    @property
    def name(self) -> str:
        return identifier(f"{self.subject}_trend{self._window_name}_{window_text(self.against)}")

    @property
    def group(self) -> str:
        return f"trend.{self.subject}"


@dataclass(frozen=True)
class Ratio(Feature):
    """How many events for each event of type `per` (None: of any). Missing when there are none of those."""

    per: str | None = None
    op: ClassVar[str] = "per"

    @property
    def name(self) -> str:
        return identifier(f"{self.subject}_per_{self.per or 'any_event'}{self._window_name}")

    @property
    def group(self) -> str:
        return f"per.{self.subject}"


@dataclass(frozen=True)
class HourShare(Feature):
    """The share of the events from one hour of the day to another (UTC, the last one open). Missing when none."""

    hours: tuple[int, ...] = (9, 17)
    op: ClassVar[str] = "hours"

    @property
    def name(self) -> str:
        return identifier(f"{self.subject}_hours_{'_'.join(map(str, self.hours))}{self._window_name}")

    @property
    def group(self) -> str:
        return f"rhythm.{self.subject}"


@dataclass(frozen=True)
class WeekdayShare(Feature):
    """The share of the events on these weekdays (UTC, Monday is 0). Missing when there are none."""

    weekdays: tuple[int, ...] = (5, 6)
    op: ClassVar[str] = "weekdays"

    @property
    def name(self) -> str:
        return identifier(f"{self.subject}_weekdays_{'_'.join(map(str, self.weekdays))}{self._window_name}")

    @property
    def group(self) -> str:
        return f"rhythm.{self.subject}"


@dataclass(frozen=True)
class LastValue(Feature):
    """The value of the last event that has one; of several at that instant the largest. Missing when none."""

    op: ClassVar[str] = "last_value"
    windowed: ClassVar[bool] = False


@dataclass(frozen=True)
class LastDetail(Feature):
    """The detail of the last event that has one, as its place in `categories`; of several the largest text.

    A detail outside `categories` gets the place after the last. Missing when there was none.
    """

    categories: tuple[str, ...] = ()
    op: ClassVar[str] = "last_detail"
    windowed: ClassVar[bool] = False


@dataclass(frozen=True)
class AsOf(Feature):
    """An attribute's value as known at the cutoff, as its place in `categories`, or as a number without them.

    `type` is the attribute's name. A value outside `categories` gets the place after the last. Missing when
    never set, emptied, or (as a number) not a finite number.
    """

    categories: tuple[str, ...] = ()
    op: ClassVar[str] = "is"
    windowed: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        return ("account_attribute." if self.level == "account" else "attribute.") + str(self.type)

    @property
    def name(self) -> str:
        plain = identifier(("account_" if self.level == "account" else "") + str(self.type))
        return f"attribute_{plain}" if plain in TAKEN else plain


KINDS: dict[str, type[Feature]] = {
    kind.op: kind
    for kind in (
        Count, Sum, Min, Max, ActiveDays, Distinct, Colleagues, Recency, FirstSeen, StageAge, GapLast, GapMean,
        GapSpread, Trend, Ratio, HourShare, WeekdayShare, LastValue, LastDetail, AsOf,
    )
}  # fmt: skip


def is_category(feature: Feature) -> bool:
    """Whether the column holds places in a list of categories rather than a quantity."""
    return isinstance(feature, LastDetail | AsOf) and bool(feature.categories)


def window_text(window: int) -> str:
    """`7d`, `12h`, or microseconds."""
    if window % DAY == 0:
        return f"{window // DAY}d"
    return f"{window // HOUR}h" if window % HOUR == 0 else f"{window}us"


def identifier(text: str) -> str:
    """The text as an ASCII identifier in snake_case."""
    plain = re.sub(r"[^0-9a-zA-Z]+", "_", text).strip("_").lower()
    return f"f_{plain}" if not plain or plain[0].isdigit() else plain
