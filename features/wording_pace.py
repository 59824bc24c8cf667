"""Sentences about pace: how long in the stage, how regularly, whether more than before, and at what times.

Each tells what its own columns hold and nothing else, since any of them may be all that a model kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from features.declare import Feature, GapLast, GapMean, GapSpread, HourShare, Ratio, StageAge, Trend, WeekdayShare
from features.words.language import Language

#: The declarations whose groups are about pace.
PACE = (StageAge, Trend, Ratio, GapLast, HourShare, WeekdayShare)


def pace_sentence(features: Sequence[Feature], values: Sequence[float], language: Language) -> str:
    """One sentence for the columns of one group about pace and their values."""
    lead = features[0]
    if isinstance(lead, StageAge):
        return language.stage(lead, values[0])
    told = sorted(zip(features, values, strict=True), key=lambda one: one[0].window or math.inf)
    known = [(feature, value) for feature, value in told if not math.isnan(value)]
    if not known:
        told = sorted(told, key=lambda one: not isinstance(one[0], GapSpread))  # fewer than two says most
        return _silence(told[-1][0], language)
    feature, value = known[0]
    known = [one for one in known if one[0].window == feature.window]  # a sentence speaks of one window
    if isinstance(feature, Trend):
        return language.trend(feature, value)
    if isinstance(feature, Ratio):
        return language.ratio(feature, value)
    if isinstance(feature, GapLast):
        days = {type(feature): value for feature, value in known}
        return language.gaps(feature, days.get(GapMean), days.get(GapSpread), days.get(GapLast))
    hours = max(((f, v) for f, v in known if isinstance(f, HourShare)), key=lambda one: one[1], default=None)
    busiest = None if hours is None else (hours[0].hours[0], hours[0].hours[1], hours[1])
    weekdays = [(f.weekdays, v) for f, v in known if isinstance(f, WeekdayShare)]
    return language.rhythm(feature, busiest, weekdays)


def _silence(feature: Feature, language: Language) -> str:
    if isinstance(feature, Trend):
        return language.silence(feature, feature.against)
    if isinstance(feature, Ratio):
        return language.silence(Feature(feature.per, level=feature.level), feature.window)
    if isinstance(feature, GapLast):
        return language.silence(feature, feature.window, 3 if isinstance(feature, GapSpread) else 2)
    return language.silence(feature, feature.window)
