"""The default catalogue: derived from the log's own vocabulary, so that any log works without writing a feature.

Only what was known before the given time counts, so that the choice of columns cannot look ahead either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from engagement.settings import FeatureSettings
from engagement.times import days
from features.declare import (
    ActiveDays,
    AsOf,
    Colleagues,
    Count,
    Distinct,
    Feature,
    FirstSeen,
    LastDetail,
    LastValue,
    Recency,
    Sum,
)
from features.feature_set import FeatureSet, number_in
from features.vocabulary import Vocabulary

#: A detail or a category below this count says too little about too few.
FREQUENT = 30
CATEGORIES = 200
#: So many details, over all types, get columns of their own.
DETAILS = 40


def derive_features(vocabulary: Vocabulary, settings: FeatureSettings) -> FeatureSet:
    """The catalogue for this log, at most `settings.max_columns` columns, the most telling kinds first."""
    far = days(settings.lookback_days)
    windows = sorted({*(days(width) for width in settings.windows_days), far})
    counts = {kind: of for kind, of in vocabulary.details.items() if kind not in settings.exclude_types}
    levels = ("contact", "account") if vocabulary.accounts else ("contact",)
    whole = [FirstSeen(window=far), Recency(window=far), *Count().over(*windows), *ActiveDays().over(*windows)]
    whole += _attributes(vocabulary, settings.exclude_attributes)
    if "account" in levels:
        whole += [*Colleagues().over(*windows), *Count(level="account").over(*windows)]
    tiers: list[list[Feature]] = [whole, [], [], [], [], []]
    # Rare types come first: what is rare (a meeting, a survey) is what tells contacts apart late in the funnel.
    for kind, details in sorted(counts.items(), key=lambda item: (item[1].total(), item[0])):
        for level in levels:
            widest = None if level == "contact" else far
            tiers[1] += [Recency(kind, window=far, level=level), *Count(kind, level=level).over(windows[-2], widest)]
            tiers[1] += _last_detail(kind, details, far, level)
        tiers[3] += Count(kind).over(*windows[:-2])
        if kind in vocabulary.valued:
            tiers[3] += [*Sum(kind).over(*windows[-2:]), LastValue(kind, window=far)]
        if _frequent(details):
            tiers[5] += Distinct(kind).over(far)
        tiers[5] += [*ActiveDays(kind).over(*windows[-2:-1]), FirstSeen(kind, window=far)]
    # Of details the frequent come first: the rare ones are told apart by the last detail of their type already.
    told = [(count, kind, detail) for kind, details in counts.items() for detail, count in _frequent(details)]
    for _, kind, detail in sorted(told, key=lambda one: (-one[0], one[1], one[2]))[:DETAILS]:
        tiers[2] += [*Count(kind, detail).over(None), Recency(kind, detail, far)]
        tiers[4] += Count(kind, detail).over(*windows[1:-1:2])
    return FeatureSet(_within_budget([feature for tier in tiers for feature in tier], settings.max_columns))


def _frequent(details: Counter[str | None]) -> list[tuple[str, int]]:
    """The details of a type that occur often enough, with their counts, the most frequent first; none if only one."""
    enough = sorted(
        ((d, n) for d, n in details.items() if d is not None and n >= FREQUENT), key=lambda i: (-i[1], i[0])
    )
    return enough[:CATEGORIES] if len(enough) > 1 else []


def _last_detail(kind: str, details: Counter[str | None], far: int, level: str) -> list[Feature]:
    frequent = sorted(detail for detail, _ in _frequent(details))
    return [LastDetail(kind, window=far, level=level, categories=tuple(frequent))] if frequent else []


def _attributes(vocabulary: Vocabulary, excluded: Collection[str]) -> list[Feature]:
    found = sorted(vocabulary.attributes.items(), key=lambda item: (item[0][0] == "account", item[0][1]))
    return [_attribute(name, level, seen) for (level, name), seen in found if name not in excluded]


def _attribute(name: str, level: str, seen: Counter[str]) -> AsOf:
    """As a number where nearly all values are numbers and there are many; else by its frequent categories."""
    numeric = sum(times for text, times in seen.items() if number_in(text) == number_in(text))
    if numeric >= 0.95 * sum(seen.values()) and len(seen) > 2:
        return AsOf(name, level=level)
    enough = min(FREQUENT, max(1, sum(seen.values()) // 100))
    frequent = sorted((text for text, n in seen.items() if n >= enough), key=lambda text: (-seen[text], text))
    return AsOf(name, level=level, categories=tuple(sorted(frequent[:CATEGORIES])) or tuple(sorted(seen)[:1]))


def _within_budget(features: list[Feature], budget: int) -> tuple[Feature, ...]:
    """The first so many, without those whose name is taken (two types that differ in punctuation only)."""
    chosen: dict[str, Feature] = {}
    for feature in features:
        if len(chosen) < budget:
            chosen.setdefault(feature.name, feature)
    return tuple(chosen.values())
