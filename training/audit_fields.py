"""What the audit looks at: each attribute and event type, as known at some label times, in bins.

An attribute is looked at as it stood; an event type in up to four ways: how often, how long ago, the last detail, the
last value. Bins never see the outcome: equal shares of the rows for numbers, one for each frequent text. Bin 0 is
"missing".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engagement.times import days
from features.arrays import Codes, LogArrays
from features.attributes import number_in
from features.declare import AsOf, Count, Feature, LastDetail, LastValue, Recency
from features.feature_set import FeatureSet
from features.vocabulary import Vocabulary
from training.label_times import LabelTimes
from training.table import contact_ids

Floats = npt.NDArray[np.float64]

#: Equal shares that a number is cut into, and texts that get a bin of their own (those of at least so many rows).
SHARES, TEXTS, LEAST = 20, 200, 10
#: So many event types are computed at once.
AT_ONCE = 16
#: An attribute is a number where this share of its values are numbers.
NUMERIC = 0.95


@dataclass(frozen=True)
class Column:
    """One way to look at a field.

    Attributes:
        name: the field's name, or what is looked at ("page_view, how often").
        codes: (rows,) bins. labels: of each bin; 0 is "missing".
        edges: where a number's bins meet, ascending: bin i + 1 is below `edges[i]`; empty for texts.
        numbers: (rows,) the numbers themselves, NaN where missing; None for texts.
    """

    name: str
    codes: Codes
    labels: tuple[str, ...]
    edges: tuple[float, ...] = ()
    numbers: Floats | None = None

    def told(self, bins: npt.NDArray[np.int64]) -> str:
        """Those bins in words: "at most 75", "'won', 'signed' and 3 more"."""
        if self.edges:
            return _ranges(sorted(bins.tolist()), self.edges)
        texts = [self.labels[i] if i == 0 else repr(self.labels[i]) for i in bins.tolist()]
        return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")


@dataclass(frozen=True)
class Field:
    """An attribute or an event type, with the columns that show it; `kind` is "attribute" or "event type"."""

    name: str
    kind: str
    level: str
    columns: tuple[Column, ...]
    values: int

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """(rows,) whether it was there at the cutoff."""
        return self.columns[0].codes > 0


@dataclass(frozen=True)
class Fields:
    """Every attribute and event type known by `rows.as_of`, made one after the other: all at once would not fit.

    `views`: what is looked at of each event type (and level).
    """

    arrays: LogArrays
    rows: LabelTimes
    vocabulary: Vocabulary
    views: tuple[tuple[Feature, ...], ...]

    @staticmethod
    def of(arrays: LogArrays, rows: LabelTimes, lookback_days: float) -> Fields:
        """Of a log, as it was known at the rows."""
        vocabulary, far = Vocabulary.of(arrays, rows.as_of), days(lookback_days)
        levels = ("contact", "account") if rows.conversion.level == "account" else ("contact",)
        views, taken = [], set[str]()
        for kind, details in sorted(vocabulary.details.items()):
            for level in levels:
                mine = tuple(_views(kind, details, kind in vocabulary.valued, far, level))
                if mine[0].name not in taken:  # two types that differ in punctuation only have one name
                    taken.add(mine[0].name)
                    views.append(mine)
        return Fields(arrays, rows, vocabulary, tuple(views))

    @property
    def columns(self) -> int:
        """How many columns all fields have together."""
        return len(self.vocabulary.attributes) + sum(len(mine) for mine in self.views)

    def __iter__(self) -> Iterator[Field]:
        """Attributes first, by name."""
        ids = contact_ids(self.arrays, self.rows)
        for (level, name), seen in sorted(self.vocabulary.attributes.items(), key=lambda item: item[0][::-1]):
            values = tuple(sorted(seen))
            feature = AsOf(name, level=level, categories=values)
            places = FeatureSet((feature,)).compute(self.arrays, ids, self.rows.cutoff, 2)[:, 0]
            yield Field(name, "attribute", level, (_attribute(name, places, values, seen),), len(values))
        for begin in range(0, len(self.views), AT_ONCE):
            some = self.views[begin : begin + AT_ONCE]
            features = tuple(feature for mine in some for feature in mine)
            matrix = FeatureSet(features).compute(self.arrays, ids, self.rows.cutoff, 2)
            at = 0
            for mine in some:
                columns = tuple(_view(feature, matrix[:, at + i]) for i, feature in enumerate(mine))
                kind, at = str(mine[0].type), at + len(mine)
                yield Field(kind, "event type", mine[0].level, columns, len(self.vocabulary.details[kind]))


def _views(kind: str, details: Counter[str | None], valued: bool, far: int, level: str) -> Iterator[Feature]:
    """Recency first: it is missing exactly where there was no such event."""
    yield Recency(kind, window=far, level=level)
    yield Count(kind, window=far, level=level)
    frequent = tuple(sorted(d for d, n in details.most_common(TEXTS) if d is not None and n >= LEAST))
    if frequent:
        yield LastDetail(kind, window=far, level=level, categories=frequent)
    if valued:
        yield LastValue(kind, window=far, level=level)


_VIEWS = {
    "recency": "days since the last",
    "count": "how often",
    "last_detail": "last detail",
    "last_value": "last value",
}


def _view(feature: Feature, column: Floats) -> Column:
    name = f"{feature.type}, {_VIEWS[feature.op]}" + (", of the account" if feature.level == "account" else "")
    if isinstance(feature, LastDetail):
        return _texts(name, column, (*feature.categories, "other"))
    return replace(_numbers(name, column), numbers=None)


def _attribute(name: str, places: Floats, values: tuple[str, ...], seen: Counter[str]) -> Column:
    numbers = np.array([*(number_in(text) for text in values), np.nan])
    share = sum(n for text, n in seen.items() if number_in(text) == number_in(text)) / seen.total()
    if share >= NUMERIC and len(values) > SHARES:
        return _numbers(name, numbers[np.where(np.isnan(places), len(values), places).astype(np.int64)])
    return _texts(name, places, values)


def _numbers(name: str, numbers: Floats) -> Column:
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return Column(name, np.zeros(len(numbers), np.int32), ("missing",), (), numbers)
    distinct = np.unique(known)
    if len(distinct) > SHARES:
        distinct = np.unique(np.quantile(known, np.arange(1, SHARES) / SHARES, method="higher"))
        edges = distinct
    else:
        edges = distinct[1:]
    codes = 1 + np.searchsorted(edges, numbers, "right")
    codes[np.isnan(numbers)] = 0
    labels = ["missing", *(_ranges([i + 1], tuple(edges)) for i in range(len(edges) + 1))]
    return Column(name, codes.astype(np.int32), tuple(labels), tuple(edges.tolist()), numbers)


def _texts(name: str, places: Floats, values: tuple[str, ...]) -> Column:
    """The frequent ones in order of their texts, then one bin for all others."""
    missing = np.isnan(places)
    code = np.where(missing, len(values), places).astype(np.int64)
    number = np.bincount(code, minlength=len(values) + 1)[:-1]
    frequent = np.sort(np.argsort(-number, kind="stable")[:TEXTS])
    frequent = frequent[number[frequent] >= LEAST]
    bin_of = np.full(len(values) + 1, len(frequent) + 1, np.int32)
    bin_of[frequent] = np.arange(1, len(frequent) + 1)
    bin_of[-1] = 0
    return Column(name, bin_of[code], ("missing", *(values[i] for i in frequent), "another value"))


def _ranges(bins: list[int], edges: tuple[float, ...]) -> str:
    """Neighbouring bins of a number as one range."""
    parts = ["missing"] if bins and bins[0] == 0 else []
    bins = [i for i in bins if i > 0]
    begin = 0
    for at in range(1, len(bins) + 1):
        if at == len(bins) or bins[at] != bins[at - 1] + 1:
            low, high = bins[begin] - 1, bins[at - 1]
            parts.append(_range(edges[low - 1] if low > 0 else None, edges[high - 1] if high <= len(edges) else None))
            begin = at
    return ", ".join(parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else "")


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "any number" if high is None else f"below {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to below {high:g}"
