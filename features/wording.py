"""Sentences, born from declarations and the values behind them; nothing here is a table of columns.

A group of columns that say the same thing becomes one sentence: "Viewed the pricing page 3 times in the last
7 days, last 2 hours ago". Absence is worded as absence. Any part of a group may be all there is, since columns
that drift are left out of a model: what is not known is not said. What is to be said is found out here; how it is
said, a language knows (`features.words`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from features.declare import AsOf, Colleagues, Feature
from features.wording_pace import PACE, pace_sentence
from features.words import ENGLISH
from features.words.facts import TELLING, Reader, extras, width
from features.words.language import Language, capital


def sentence(features: Sequence[Feature], values: Sequence[float], language: Language = ENGLISH) -> str:
    """One sentence for the columns of one group and their values (NaN where missing)."""
    return teller(features, language)(values)


def teller(features: Sequence[Feature], language: Language = ENGLISH) -> Callable[[Sequence[float]], str]:
    """What words the columns of one group, once for many values."""
    tell = _teller(features, language)
    return lambda values: capital(tell(values))


def _teller(features: Sequence[Feature], language: Language) -> Callable[[Sequence[float]], str]:
    lead = features[0]
    if isinstance(lead, PACE):
        return lambda values: pace_sentence(features, values, language)
    if isinstance(lead, AsOf):
        return lambda values: language.attribute(lead, values[0])
    if isinstance(lead, Colleagues):
        return lambda values: _colleagues(features, values, language)
    read = Reader(features)
    if lead.type is None and lead.detail is None:
        return lambda values: language.anything(lead, read(values))
    if TELLING.isdisjoint(map(type, features)):
        return lambda values: language.deed(lead, read(values), ())
    return lambda values: language.deed(lead, read(values), extras(features, values))


def _colleagues(features: Sequence[Feature], values: Sequence[float], language: Language) -> str:
    pairs = sorted(zip(features, values, strict=True), key=lambda pair: width(pair[0].window))
    feature, value = next((pair for pair in pairs if pair[1] > 0), pairs[-1])
    return language.colleagues(feature, int(value) if value > 0 else 0)
