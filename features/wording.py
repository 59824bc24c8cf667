"""Sentences, born from declarations and the values behind them; nothing here is a table of columns.

A group of columns that say the same thing becomes one sentence: "Viewed the pricing page 3 times in the last
7 days, last 2 hours ago". Absence is worded as absence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from engagement.times import DAY, HOUR, MINUTE
from features.declare import AsOf, Colleagues, Count, Feature, FirstSeen, LastDetail, LastValue, Recency, Sum

#: (done, object in the singular, in the plural) for well-known types; others are spoken of by their own name.
VERBS = {
    "page_view": ("viewed", "page", "pages"),
    "email_open": ("opened", "mail", "mails"),
    "email_click": ("clicked in", "mail", "mails"),
    "email_sent": ("was sent", "mail", "mails"),
    "form_submitted": ("submitted", "form", "forms"),
    "webinar_registered": ("registered for", "webinar", "webinars"),
    "webinar_attended": ("attended", "webinar", "webinars"),
    "meeting_requested": ("requested", "meeting", "meetings"),
    "meeting_booked": ("booked", "meeting", "meetings"),
    "meeting_held": ("held", "meeting", "meetings"),
    "meeting_no_show": ("missed", "meeting", "meetings"),
    "meeting_cancelled": ("cancelled", "meeting", "meetings"),
    "survey_answered": ("answered", "survey", "surveys"),
    "sales_email_sent": ("was sent", "sales mail", "sales mails"),
    "sales_email_open": ("opened", "sales mail", "sales mails"),
    "sales_email_click": ("clicked in", "sales mail", "sales mails"),
    "sales_email_reply": ("replied to", "sales mail", "sales mails"),
    "purchase": ("made", "purchase", "purchases"),
    "deal_won": ("won", "deal", "deals"),
    "deal_lost": ("lost", "deal", "deals"),
    "opportunity_created": ("opened", "opportunity", "opportunities"),
}


def sentence(features: Sequence[Feature], values: Sequence[float]) -> str:
    """One sentence for the columns of one group and their values (NaN where missing)."""
    lead = features[0]
    if isinstance(lead, AsOf):
        return _attribute(lead, values[0])
    if isinstance(lead, Colleagues):
        return _colleagues(features, values)
    times, window = _smallest_count(features, values)
    last = _value_of(Recency, features, values)
    first = _value_of(FirstSeen, features, values)
    if last is None:
        last = first  # the first event's age bounds the last one's
    if lead.type is None:
        return _any_event(lead, times, window, last, first)
    happened = (times or 0) > 0 or (last is not None and not math.isnan(last))
    extra = _extra(features, values)
    subject = "Account: " if lead.level == "account" else ""
    if not happened:
        return subject + _absence(lead)
    text = subject + _deed(lead, times)
    if window is not None:
        text += f" in the last {duration(window)}"
    if last is not None and not math.isnan(last):
        text += f", {'last ' if (times or 0) > 1 else ''}{ago(last)}"
    return text[0].upper() + text[1:] + extra


def ago(days: float) -> str:
    """How long ago, in the largest fitting unit: "2 hours ago"."""
    micros = days * DAY
    if micros < MINUTE:
        return "just now"
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if micros >= unit:
            return f"{plural(int(micros // unit), name)} ago"
    return "just now"


def duration(window: int) -> str:
    """A window in words: "7 days", "24 hours", "12 months"."""
    if window == 365 * DAY:
        return "12 months"
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if window % unit == 0:
            return "24 hours" if window == DAY else plural(window // unit, name)
    return f"{window / DAY:.3g} days"


def plural(number: int, noun: str, plural_noun: str | None = None) -> str:
    """ "1 day", "3 days"."""
    return f"{number} {noun if number == 1 else plural_noun or noun + 's'}"


def spoken(name: str) -> str:
    """A name as words: `free_mail` → "free mail"."""
    return name.replace("_", " ").strip()


def _smallest_count(features: Sequence[Feature], values: Sequence[float]) -> tuple[int | None, int | None]:
    """The count in the smallest window that saw anything, and that window (None is ever)."""
    counts = [
        (f.window, v) for f, v in zip(features, values, strict=True) if isinstance(f, Count) and not math.isnan(v)
    ]
    counts.sort(key=lambda pair: math.inf if pair[0] is None else pair[0])
    for window, value in counts:
        if value > 0:
            return int(value), window
    return (0, None) if counts else (None, None)


def _value_of(kind: type[Feature], features: Sequence[Feature], values: Sequence[float]) -> float | None:
    return next((v for f, v in zip(features, values, strict=True) if isinstance(f, kind)), None)


def _deed(feature: Feature, times: int | None) -> str:
    done, one, many = VERBS.get(str(feature.type), ("", "", ""))
    if not done:
        what = spoken(str(feature.type)) + (f" ({spoken(feature.detail)})" if feature.detail else "")
        return what if times is None else f"{what}: {plural(times, 'time')}"
    if feature.detail:
        named = f"{done} the {spoken(feature.detail)} {one}"
        return named if times is None or times == 1 else f"{named} {times} times"
    return f"{done} {one}s" if times is None else f"{done} {plural(times, one, many)}"


def _absence(feature: Feature) -> str:
    done, _, many = VERBS.get(str(feature.type), ("", "", ""))
    if not done:
        return (
            f"No {spoken(str(feature.type))}" + (f" ({spoken(feature.detail)})" if feature.detail else "") + " so far"
        )
    detail = f"{spoken(feature.detail)} " if feature.detail else ""
    return f"Has not {done} any {detail}{many} so far".replace("Has not was sent", "Was not sent")


def _any_event(
    feature: Feature, times: int | None, window: int | None, last: float | None, first: float | None
) -> str:
    if feature.level == "account":
        where = f" in the last {duration(window)}" if window is not None else ""
        return f"Account: {plural(times or 0, 'activity', 'activities')}{where}" if times else "Account: no activity"
    if not times and (last is None or math.isnan(last)):
        return "No activity so far"
    parts = []
    if times:
        parts.append(plural(times, "activity", "activities") + (f" in the last {duration(window)}" if window else ""))
    if last is not None and not math.isnan(last):
        parts.append(f"last {ago(last)}")
    if first is not None and not math.isnan(first):
        parts.append(f"known for {plural(int(first), 'day')}")
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _extra(features: Sequence[Feature], values: Sequence[float]) -> str:
    """What the last detail or the values add: " (last: demo)"."""
    parts = []
    for feature, value in zip(features, values, strict=True):
        if math.isnan(value):
            continue
        if isinstance(feature, LastDetail):
            parts.append(f"last: {_category(feature.categories, value)}")
        elif isinstance(feature, LastValue):
            parts.append(f"last value {value:,.6g}")
        elif isinstance(feature, Sum) and feature.window is None and value:
            parts.append(f"in all {value:,.6g}")
    return f" ({', '.join(parts)})" if parts else ""


def _attribute(feature: AsOf, value: float) -> str:
    name = ("Account: " if feature.level == "account" else "") + spoken(str(feature.type))
    name = name[0].upper() + name[1:]
    if math.isnan(value):
        return f"{name} is unknown"
    if feature.categories:
        return f"{name} is {_category(feature.categories, value)}"
    return f"{name} is {value:,.10g}"


def _category(categories: Sequence[str], value: float) -> str:
    place = int(value)
    return spoken(categories[place]) if place < len(categories) else "one rarely seen"


def _colleagues(features: Sequence[Feature], values: Sequence[float]) -> str:
    pairs = sorted(zip(features, values, strict=True), key=lambda p: math.inf if p[0].window is None else p[0].window)
    for feature, value in pairs:
        if value > 0:
            verb = "was" if value == 1 else "were"
            when = "ever" if feature.window is None else f"in the last {duration(feature.window)}"
            return f"{plural(int(value), 'colleague')} {verb} active {when}"
    widest = pairs[-1][0].window
    return "No colleague was active" + (f" in the last {duration(widest)}" if widest is not None else " so far")
