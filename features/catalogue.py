"""The default catalogue: derived from the log's own vocabulary, so that any log works without writing a feature.

Only what was known before the given time counts, so that the choice of columns cannot look ahead either. Kinds of
features stand in tiers, the most telling first: where the budget ends, the later tiers are what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import pairwise

from engagement.funnel import Conversion
from engagement.settings import FeatureSettings
from engagement.times import days
from features.attributes import number_in
from features.declare import (
    ActiveDays,
    AsOf,
    Colleagues,
    Count,
    Distinct,
    Feature,
    FirstSeen,
    GapLast,
    GapMean,
    GapSpread,
    HourShare,
    LastDetail,
    LastValue,
    Max,
    Min,
    Ratio,
    Recency,
    StageAge,
    Sum,
    Trend,
    WeekdayShare,
    is_category,
)
from features.declared import from_settings
from features.feature_set import FeatureSet
from features.vocabulary import Vocabulary

#: A detail or a category below this count says too little about too few.
FREQUENT = 30
CATEGORIES = 200
#: So many details, over all types, get columns of their own.
DETAILS = 40
#: Rhythm and gaps of a type need some events a contact to mean anything: only this many types get them.
RHYTHMIC = 5


def derive_features(
    vocabulary: Vocabulary, settings: FeatureSettings, conversion: Conversion | None = None
) -> FeatureSet:
    """The catalogue for this log, at most `settings.max_columns` columns, and what mqm.toml adds and removes.

    Args:
        conversion: how long ago its start stage was entered is the first column.

    Raises:
        BadInput: `[[features.add]]` holds what is no feature.
    """
    added = from_settings(settings.add)
    derived = [feature for tier in _tiers(vocabulary, settings, conversion) for feature in tier]
    if settings.count_machines:
        derived = [one if isinstance(one, AsOf) else replace(one, machines=True) for one in derived]
    kept = (f for f in derived if not any(fnmatchcase(f.name, pattern) for pattern in settings.remove))
    return FeatureSet(_within_budget([*added, *kept], settings.max_columns))


def monotone(features: FeatureSet, settings: FeatureSettings) -> tuple[int, ...]:
    """For each column 1 where mqm.toml calls it `rising`, -1 where `falling`, else 0; categories are neither."""
    directions = []
    for feature in features.features:
        up, down = (
            any(fnmatchcase(feature.name, pattern) for pattern in patterns)
            for patterns in (settings.rising, settings.falling)
        )
        directions.append(0 if is_category(feature) or up == down else 1 if up else -1)
    return tuple(directions)


def _tiers(vocabulary: Vocabulary, settings: FeatureSettings, conversion: Conversion | None) -> list[list[Feature]]:
    far = days(settings.lookback_days)
    windows = sorted({*(days(width) for width in settings.windows_days), far})
    counts = {kind: of for kind, of in vocabulary.details.items() if kind not in settings.exclude_types}
    whole: list[Feature] = []
    if conversion is not None:
        whole += [StageAge(conversion.start_type, each=conversion.each)]
    whole += [FirstSeen(window=far), Recency(window=far), *Count().over(*windows), *ActiveDays().over(*windows)]
    whole += _attributes(vocabulary, settings)
    if vocabulary.accounts:
        whole += [*Colleagues().over(*windows), *Count(level="account").over(*windows)]
    tiers: list[list[Feature]] = [whole, [], [], _pace(windows, vocabulary.accounts), [], [], []]
    # Rare types come first: what is rare (a meeting, a survey) is what tells contacts apart late in the funnel.
    rare_first = sorted(counts, key=lambda kind: (counts[kind].total(), kind))
    for kind in rare_first:
        tiers[1] += _presence(kind, counts[kind], windows, "contact")
        if vocabulary.accounts:
            tiers[1] += _presence(kind, counts[kind], windows, "account")
        tiers[4] += _amounts(kind, kind in vocabulary.valued, windows)
        tiers[6] += _breadth(kind, counts[kind], windows)
    tiers[4] += _ratios({kind: of.total() for kind, of in counts.items()}, windows[-2])
    tiers[6] += [feature for kind in rare_first[-RHYTHMIC:] for feature in _rhythm(kind, windows)]
    # Of details the frequent come first: the rare ones are told apart by the last detail of their type already.
    told = [(count, kind, detail) for kind, details in counts.items() for detail, count in _frequent(details)]
    for _, kind, detail in sorted(told, key=lambda one: (-one[0], one[1], one[2]))[:DETAILS]:
        tiers[2] += [*Count(kind, detail).over(None), Recency(kind, detail, far)]
        tiers[5] += Count(kind, detail).over(*windows[1:-1:2])
    return tiers


def _pace(windows: list[int], accounts: bool) -> list[Feature]:
    """Whether there is more going on than there was, and at what times."""
    far = windows[-1]
    found: list[Feature] = [Trend(window=short, against=long) for short, long in list(pairwise(windows[:-1]))[-2:]]
    if accounts:
        found += [replace(one, level="account") for one in found]
        found += ActiveDays(level="account").over(far)
    found += [GapLast(window=far), GapMean(window=far), GapSpread(window=far)]
    found += [HourShare(window=far, hours=(hour, hour + 6)) for hour in (0, 6, 12, 18)]
    return [*found, WeekdayShare(window=far)]


def _presence(kind: str, details: Counter[str | None], windows: list[int], level: str) -> list[Feature]:
    """When and how often a type was seen, and what it was about."""
    far = windows[-1]
    widest = None if level == "contact" else far
    found: list[Feature] = [Recency(kind, window=far, level=level)]
    found += Count(kind, level=level).over(windows[-2], widest)
    frequent = sorted(detail for detail, _ in _frequent(details))
    return [*found, LastDetail(kind, window=far, level=level, categories=tuple(frequent))] if frequent else found


def _amounts(kind: str, valued: bool, windows: list[int]) -> list[Feature]:
    """How often a type was seen lately, and what its values are."""
    far = windows[-1]
    found: list[Feature] = [*Count(kind).over(*windows[:-2])]
    if valued:
        found += [*Sum(kind).over(*windows[-2:]), LastValue(kind, window=far), Min(kind, window=far)]
        found += [Max(kind, window=far), *Sum(kind, level="account").over(far)]
    return found


def _breadth(kind: str, details: Counter[str | None], windows: list[int]) -> list[Feature]:
    """On how many days, since when, and about how many things."""
    found: list[Feature] = [*ActiveDays(kind).over(*windows[-2:-1]), FirstSeen(kind, window=windows[-1])]
    return [*Distinct(kind).over(windows[-1]), *found] if _frequent(details) else found


def _rhythm(kind: str, windows: list[int]) -> list[Feature]:
    """How regularly a type comes, and whether more than it did."""
    found: list[Feature] = [GapMean(kind, window=windows[-1]), GapLast(kind, window=windows[-1])]
    return found + [Trend(kind, window=short, against=long) for short, long in list(pairwise(windows[:-1]))[-1:]]


def _ratios(totals: dict[str, int], window: int) -> list[Feature]:
    """Of types that share their first word (email_sent, email_click), each for each of the most frequent one."""
    families: dict[str, list[str]] = {}
    for kind in sorted(totals):
        families.setdefault(kind.split("_")[0], []).append(kind)
    found: list[Feature] = []
    for family in families.values():
        most = max(family, key=lambda kind: (totals[kind], kind))
        found += [Ratio(kind, window=window, per=most) for kind in family if kind != most]
    return found


def _frequent(details: Counter[str | None]) -> list[tuple[str, int]]:
    """The details of a type that occur often enough, with their counts, the most frequent first; none if only one."""
    enough = sorted(
        ((d, n) for d, n in details.items() if d is not None and n >= FREQUENT), key=lambda i: (-i[1], i[0])
    )
    return enough[:CATEGORIES] if len(enough) > 1 else []


def _attributes(vocabulary: Vocabulary, settings: FeatureSettings) -> list[Feature]:
    found = sorted(vocabulary.attributes.items(), key=lambda item: (item[0][0] == "account", item[0][1]))
    return [
        _attribute(name, level, seen, settings)
        for (level, name), seen in found
        if name not in settings.exclude_attributes
    ]


def _attribute(name: str, level: str, seen: Counter[str], settings: FeatureSettings) -> AsOf:
    """As declared; else as a number where nearly all values are numbers and there are many, or by its categories."""
    numeric = sum(times for text, times in seen.items() if number_in(text) == number_in(text))
    looks_numeric = numeric >= 0.95 * sum(seen.values()) and len(seen) > 2
    if name in settings.numbers or (looks_numeric and name not in settings.categories):
        return AsOf(name, level=level)
    enough = min(FREQUENT, max(1, sum(seen.values()) // 100))
    frequent = sorted((text for text, n in seen.items() if n >= enough), key=lambda text: (-seen[text], text))
    return AsOf(name, level=level, categories=tuple(sorted(frequent[:CATEGORIES])) or tuple(sorted(seen)[:1]))


def _within_budget(features: Iterable[Feature], budget: int) -> tuple[Feature, ...]:
    """The first so many, without those whose name is taken (two types that differ in punctuation only)."""
    chosen: dict[str, Feature] = {}
    for feature in features:
        if len(chosen) < budget:
            chosen.setdefault(feature.name, feature)
    return tuple(chosen.values())
