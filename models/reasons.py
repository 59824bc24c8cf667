"""Reasons: columns that say the same thing become one sentence, by adding their effects, which is exact.

Explaining a thousand rows must not cost more for the words than for the numbers. So groups are added up for all
rows at once, only what is told is worded, and a sentence is worded once for all values that read the same.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engagement.times import DAY, HOUR, MINUTE
from features.declare import ActiveDays, Count, Feature, FirstSeen, GapLast, Recency, StageAge
from features.feature_set import FeatureSet
from features.wording import teller
from features.words import ENGLISH, Language
from models.score import Block, Columns, Reason

Floats = npt.NDArray[np.float64]

#: The code of the one reason that holds every group which pushed by less than the least worth a sentence.
REST = "everything_else"
#: At most so many sentences; the rest of a long tail of tiny effects is added up in one.
MOST_REASONS = 20
#: Sentences kept of each group; beyond, it starts afresh.
_KEPT = 5_000


class ReasonWriter:
    """Writes the reasons of a feature set in a language; groups are found once.

    With `whole` every group is a reason of its own, those that did not push too: what two scores are compared by.
    """

    def __init__(self, features: FeatureSet, language: Language = ENGLISH, whole: bool = False) -> None:
        self._language, self._whole = language, whole
        members: dict[str, list[int]] = {}
        for column, feature in enumerate(features.features):
            members.setdefault(feature.group, []).append(column)
        self._order = np.array([column for columns in members.values() for column in columns], np.int64)
        self._groups: list[_Group] = []
        for code, columns in members.items():
            begin = self._groups[-1].end if self._groups else 0
            self._groups.append(_Group(code, [features.features[i] for i in columns], begin, language))
        self._starts = [group.begin for group in self._groups]
        self._names = np.array([features.names[column] for column in self._order], object)
        self._alike = Alike([features.features[column] for column in self._order])

    def reasons(self, values: Floats, effects: Floats) -> tuple[Reason, ...]:
        """The reasons of one row, the strongest push first: a batch of one.

        Args:
            values, effects: (features,) the row's columns and their effects in calibrated log-odds.
        """
        return self.write(values[None], effects[None])[0]

    def write(self, values: Floats, effects: Floats) -> list[tuple[Reason, ...]]:
        """The reasons of each row, the strongest push first; their effects add up to the row's (within 1e-12).

        Args:
            values, effects: (rows, features) the columns and their effects in calibrated log-odds.
        """
        if not self._groups:
            return [()] * len(values)
        block = Block(self._names, values[:, self._order], effects[:, self._order])
        sums = np.add.reduceat(block.effects, self._starts, axis=1)
        ranked = np.argsort(-np.abs(sums), axis=1, kind="stable").tolist()
        alike, size = self._alike(block.values).tobytes(), 8 * len(self._order)
        written = []
        for row, (totals, order) in enumerate(zip(sums.tolist(), ranked, strict=True)):
            told = order if self._whole else [group for group in order[:MOST_REASONS] if totals[group]]
            reasons = self._told(block, row, alike[row * size : (row + 1) * size], told, totals)
            if len(told) == MOST_REASONS and not self._whole:
                reasons += self._rest(block, row, [group for group in order[MOST_REASONS:] if totals[group]], totals)
            written.append(tuple(reasons))
        return written

    def _told(self, block: Block, row: int, alike: bytes, told: list[int], totals: list[float]) -> list[Reason]:
        reasons = []
        for place in told:
            group = self._groups[place]
            text = group.texts.get(alike[8 * group.begin : 8 * group.end])
            if text is None:
                text = self._worded(group, block.values[row], alike)
            columns = Columns(block, row, group.places)
            reasons.append(Reason(group.code, text, totals[place], columns))
        return reasons

    def _worded(self, group: _Group, values: Floats, alike: bytes) -> str:
        """The sentence, kept for values that read the same."""
        if len(group.texts) >= _KEPT:
            group.texts.clear()
        text = group.tell(values[group.begin : group.end].tolist())
        group.texts[alike[8 * group.begin : 8 * group.end]] = text
        return text

    def _rest(self, block: Block, row: int, groups: list[int], totals: list[float]) -> list[Reason]:
        """The one reason for what is too small to be told."""
        if not groups:
            return []
        places = [place for group in groups for place in self._groups[group].columns]
        effect = sum([totals[group] for group in groups])
        return [Reason(REST, self._language.rest(len(groups)), effect, Columns(block, row, places))]


class _Group:
    """The columns of one reason, which stand side by side, and the sentences told of them so far."""

    def __init__(self, code: str, features: list[Feature], begin: int, language: Language) -> None:
        self.code, self.tell = code, teller(features, language)
        self.begin, self.end = begin, begin + len(features)
        self.columns = range(self.begin, self.end)
        self.places = slice(self.begin, self.end)
        self.texts: dict[bytes, str] = {}


class Alike:
    """Turns values into such that are the same where they read the same; a sentence need not be found twice."""

    def __init__(self, features: list[Feature]) -> None:
        kinds = list(enumerate(features))
        self._spans = [i for i, one in kinds if isinstance(one, Recency | StageAge | GapLast)]
        self._days = [i for i, one in kinds if isinstance(one, FirstSeen) and not (one.window or 0) % DAY]
        self._whether = [i for i, one in kinds if isinstance(one, ActiveDays)]
        self._counts = _ladders(features)
        self._counted = len(self._counts[0][1]) if self._counts else 0

    def __call__(self, values: Floats) -> Floats:
        """(rows, features) lengths of time in the unit in which they are told, active days as whether there were any.

        Once a window counts several, what wider ones count is not told.
        """
        alike = values.copy()
        micros = values[:, self._spans] * DAY
        minutes = np.where(micros >= MINUTE, micros // MINUTE / 4096, micros * 0)  # 0, or still missing
        hours = np.where(micros >= HOUR, micros // HOUR / 64, minutes)
        alike[:, self._spans] = np.where(micros >= DAY, micros // DAY, hours)
        alike[:, self._days] = np.floor(values[:, self._days])
        alike[:, self._whether] = np.minimum(values[:, self._whether], 1)
        if len(values) > 1:  # not worth it for a single row
            first = np.zeros((len(values), self._counted))
            for columns, groups in self._counts:
                count, narrower = alike[:, columns], first[:, groups]
                alike[:, columns] = np.where(narrower > 1, 1, count)
                first[:, groups] = np.where(narrower == 0, count, narrower)
        return alike


def _ladders(features: list[Feature]) -> list[tuple[list[int], list[int]]]:
    """The columns of counts and their groups: each group's narrowest window first, then the second, and so on."""
    counts: dict[str, list[int]] = {}
    for column, feature in enumerate(features):
        if isinstance(feature, Count):
            counts.setdefault(feature.group, []).append(column)
    ordered = [sorted(columns, key=lambda i: features[i].window or math.inf) for columns in counts.values()]
    deepest = max(map(len, ordered), default=0)
    members = [[g for g, columns in enumerate(ordered) if len(columns) > rank] for rank in range(deepest)]
    return [([ordered[g][rank] for g in groups], groups) for rank, groups in enumerate(members)]
