"""Reasons: columns that say the same thing become one sentence, by adding their effects, which is exact.

Explaining a thousand rows must not cost more for the words than for the numbers. So groups are added up for all
rows at once, only what is told is worded, and a sentence is worded once for all values that read the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.feature_set import FeatureSet
from features.wording import teller
from features.words import ENGLISH, Language
from models.alike import Alike
from models.score import Block, Reason

Floats = npt.NDArray[np.float64]

#: The code of the one reason that holds every group which pushed by less than the least worth a sentence.
REST = "everything_else"
#: At most so many sentences; the rest of a long tail of tiny effects is added up in one.
MOST_REASONS = 20
#: Sentences kept of each group; beyond, it starts afresh.
_KEPT = 5_000


class _Group(NamedTuple):
    """The columns of one reason, side by side; where their bytes are in those of a row; the sentences kept."""

    code: str
    columns: slice
    key: slice
    texts: dict[bytes, str]
    tell: Callable[[list[float]], str]


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
        ends = np.cumsum([len(columns) for columns in members.values()]).tolist()
        self._starts = [0, *ends[:-1]]
        self._places = [range(begin, end) for begin, end in zip(self._starts, ends, strict=False)]
        self._groups = [
            _Group(
                code,
                slice(places.start, places.stop),
                slice(8 * places.start, 8 * places.stop),
                {},
                teller([features.features[i] for i in columns], language),
            )
            for places, (code, columns) in zip(self._places, members.items(), strict=True)
        ]
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
        reasons, groups = [], self._groups
        for place in told:
            code, columns, key, texts, tell = groups[place]
            read = alike[key]
            text = texts.get(read)
            if text is None:
                if len(texts) >= _KEPT:
                    texts.clear()
                text = texts[read] = tell(block.values[row, columns].tolist())
            reasons.append(Reason(code, text, totals[place], block, row, columns))
        return reasons

    def _rest(self, block: Block, row: int, groups: list[int], totals: list[float]) -> list[Reason]:
        """The one reason for what is too small to be told."""
        if not groups:
            return []
        places = [place for group in groups for place in self._places[group]]
        effect = sum([totals[group] for group in groups])
        return [Reason(REST, self._language.rest(len(groups)), effect, block, row, places)]
