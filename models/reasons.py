"""Reasons: columns that say the same thing become one sentence, by adding their effects, which is exact."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from features.declare import Feature
from features.feature_set import FeatureSet
from features.wording import sentence
from models.score import FeatureEffect, Reason

Floats = npt.NDArray[np.float64]

#: The code of the one reason that holds every group which pushed by less than the least worth a sentence.
REST = "everything_else"
#: At most so many sentences; the rest of a long tail of tiny effects is added up in one.
MOST_REASONS = 20


class ReasonWriter:
    """Writes the reasons of a feature set; groups are found once."""

    def __init__(self, features: FeatureSet) -> None:
        self._names = features.names
        groups: dict[str, list[int]] = {}
        for column, feature in enumerate(features.features):
            groups.setdefault(feature.group, []).append(column)
        self._codes = list(groups)
        self._columns = list(groups.values())
        self._features: list[list[Feature]] = [[features.features[i] for i in columns] for columns in self._columns]

    def reasons(self, values: Floats, effects: Floats) -> tuple[Reason, ...]:
        """The reasons of one row, the strongest push first; their effects add up to the row's exactly.

        Args:
            values, effects: (features,) the row's columns and their effects in calibrated log-odds.
        """
        group_effects = [math.fsum(effects[columns]) for columns in self._columns]
        order = sorted(range(len(group_effects)), key=lambda g: -abs(group_effects[g]))
        told = [g for g in order[:MOST_REASONS] if group_effects[g] != 0.0]
        rest = [g for g in order[MOST_REASONS:] if group_effects[g] != 0.0]
        written = [self._reason(g, group_effects[g], values, effects) for g in told]
        if rest:
            columns = [column for g in rest for column in self._columns[g]]
            total = math.fsum(effects[columns])
            text = f"{len(rest)} smaller things together"
            written.append(Reason(REST, text, total, self._effects(columns, values, effects)))
        return tuple(written)

    def _reason(self, group: int, effect: float, values: Floats, effects: Floats) -> Reason:
        columns = self._columns[group]
        text = sentence(self._features[group], values[columns].tolist())
        return Reason(self._codes[group], text, effect, self._effects(columns, values, effects))

    def _effects(self, columns: list[int], values: Floats, effects: Floats) -> tuple[FeatureEffect, ...]:
        moved = [column for column in columns if effects[column] != 0.0]
        return tuple(
            FeatureEffect(
                self._names[column],
                None if math.isnan(values[column]) else float(values[column]),
                float(effects[column]),
            )
            for column in moved
        )
