"""Sentences about pace: how long in the stage, how regularly, whether more than before, and at what times.

Each tells what its own columns hold and nothing else, since any of them may be all that a model kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from features.declare import Feature, GapLast, GapMean, GapSpread, HourShare, Ratio, StageAge, Trend, WeekdayShare
from features.spans import ago, number, span, within
from features.verbs import deed, not_done, nouns

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Told = Sequence[tuple[Feature, float]]


def pace_sentence(features: Sequence[Feature], values: Sequence[float]) -> str | None:
    """One sentence for the columns of one group and their values, or None where the group is not about pace."""
    lead = features[0]
    told = sorted(zip(features, values, strict=True), key=lambda one: one[0].window or math.inf)
    known = [(feature, value) for feature, value in told if not math.isnan(value)]
    whose = "account: " if lead.level == "account" else ""
    if isinstance(lead, StageAge):
        return whose + (f"{deed(lead, None)} {ago(values[0])}" if known else f"{not_done(lead)} so far")
    if isinstance(lead, Trend | Ratio | GapLast | HourShare | WeekdayShare) and not known:
        told = sorted(told, key=lambda one: not isinstance(one[0], GapSpread))  # fewer than two says most
        return whose + _silence(told[-1][0])
    if isinstance(lead, Trend):
        return whose + _trend(*known[0])
    if isinstance(lead, Ratio):
        return whose + _ratio(*known[0])
    if isinstance(lead, GapLast):
        return whose + _gaps(known)
    if isinstance(lead, HourShare | WeekdayShare):
        return whose + _rhythm(known)
    return None


def _silence(feature: Feature) -> str:
    if isinstance(feature, Trend):
        return f"no {nouns(feature)} {within(feature.against)}"
    if isinstance(feature, Ratio):
        return f"no {nouns(Feature(feature.per))} {within(feature.window)}"
    if isinstance(feature, GapLast):
        least = "three" if isinstance(feature, GapSpread) else "two"
        return f"fewer than {least} {nouns(feature)} {within(feature.window)}"
    return f"no {nouns(feature)} {within(feature.window)}"


def _trend(feature: Feature, share: float) -> str:
    """ "60% of the page views in the last 30 days came in the last 7 days (picking up)"."""
    if not isinstance(feature, Trend) or feature.window is None:
        raise AssertionError(feature)
    if share == 0:
        return f"no {nouns(feature)} {within(feature.window)}, though some {within(feature.against)}"
    usual = feature.window / feature.against
    pace = "picking up" if share > usual else "slowing down" if share < usual else "a steady pace"
    return f"{_part(share)} the {nouns(feature)} {within(feature.against)} came {within(feature.window)} ({pace})"


def _ratio(feature: Feature, ratio: float) -> str:
    """ "0.4 email clicks for each of the sent mails in the last 90 days"."""
    if not isinstance(feature, Ratio):
        raise AssertionError(feature)
    of, inside = nouns(Feature(feature.per)), within(feature.window)
    if ratio == 0:
        return f"no {nouns(feature)} {inside}, though there were {of}"
    if feature.per is None:
        return f"{_part(ratio)} the {of} {inside} were {nouns(feature)}"
    if ratio == 1:
        return f"as many {nouns(feature)} as {of} {inside}"
    return f"{number(ratio)} {nouns(feature)} for each of the {of} {inside}"


def _gaps(known: Told) -> str:
    """ "Page views every 3 days on average, give or take 2 days, 5 days between the last two"."""
    lead = known[0][0]
    values = {type(feature): value for feature, value in known}
    parts = []
    if GapMean in values:
        parts.append(f"{nouns(lead)} every {span(values[GapMean])} on average")
    if GapSpread in values:
        how = "give or take" if parts else f"times between {nouns(lead)} that vary by"
        parts.append(f"{how} {span(values[GapSpread])}")
    if GapLast in values:
        parts.append(f"{span(values[GapLast])} between the last two" + ("" if parts else f" {nouns(lead)}"))
    return f"{', '.join(parts)} ({within(lead.window)})"


def _rhythm(known: Told) -> str:
    """ "45% of the activities in the last 12 months came between 06:00 and 12:00 UTC, 10% at the weekend"."""
    lead = known[0][0]
    hours = max(((f, v) for f, v in known if isinstance(f, HourShare)), key=lambda one: one[1], default=None)
    weekdays = [(f, v) for f, v in known if isinstance(f, WeekdayShare)]
    parts = [(value, _on(feature.weekdays)) for feature, value in weekdays]
    if hours is not None:
        begin, end = hours[0].hours
        parts.insert(0, (hours[1], f"between {begin:02}:00 and {end:02}:00 UTC"))
    first, *others = [(_part(value) if i == 0 else f"{value:.0%}", when) for i, (value, when) in enumerate(parts)]
    text = f"{first[0]} the {nouns(lead)} {within(lead.window)} came {first[1]}"
    return text + "".join(f", {share} {when}" for share, when in others)


def _on(weekdays: Sequence[int]) -> str:
    if list(weekdays) == [5, 6]:
        return "at the weekend"
    return "on " + " and ".join(_WEEKDAYS[day] for day in weekdays)


def _part(share: float) -> str:
    """ "all", "not one of", "less than 1% of", "60% of"."""
    if share in (0, 1):
        return "all" if share else "not one of"
    rounded = f"{share:.0%}"
    return {"0%": "less than 1% of", "100%": "nearly all"}.get(rounded, f"{rounded} of")
