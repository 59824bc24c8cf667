"""Sentences, born from declarations and the values behind them; nothing here is a table of columns.

A group of columns that say the same thing becomes one sentence: "Viewed the pricing page 3 times in the last
7 days, last 2 hours ago". Absence is worded as absence. Any part of a group may be all there is, since columns
that drift are left out of a model: what is not known is not said. What is to be said is found out here; how it is
said, a language knows (`features.words`).
"""

from __future__ import annotations

from collections.abc import Sequence

from features.declare import AsOf, Colleagues, Feature
from features.wording_pace import pace_sentence
from features.words import ENGLISH
from features.words.facts import Seen, extras, width
from features.words.language import Language, capital


def sentence(features: Sequence[Feature], values: Sequence[float], language: Language = ENGLISH) -> str:
    """One sentence for the columns of one group and their values (NaN where missing)."""
    return capital(_sentence(features, values, language))


def _sentence(features: Sequence[Feature], values: Sequence[float], language: Language) -> str:
    lead = features[0]
    if (pace := pace_sentence(features, values, language)) is not None:
        return pace
    if isinstance(lead, AsOf):
        return language.attribute(lead, values[0])
    if isinstance(lead, Colleagues):
        pairs = sorted(zip(features, values, strict=True), key=lambda pair: width(pair[0].window))
        feature, value = next((pair for pair in pairs if pair[1] > 0), pairs[-1])
        return language.colleagues(feature, int(value) if value > 0 else 0)
    seen = Seen.of(features, values)
    if lead.type is None and lead.detail is None:
        return language.anything(lead, seen)
    return language.deed(lead, seen, extras(features, values))
