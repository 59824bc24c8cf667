"""Values that read the same made the same, so that a sentence need not be found twice.

A sentence says "2 hours ago" for many values, and of several windows it tells the narrowest that saw anything.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engagement.times import DAY, HOUR, MINUTE
from features.declare import ActiveDays, Colleagues, Count, Feature, FirstSeen, GapLast, Recency, StageAge

Floats = npt.NDArray[np.float64]


class Alike:
    """Turns values into such that are the same where they read the same."""

    def __init__(self, features: list[Feature]) -> None:
        kinds = list(enumerate(features))
        self._spans = [i for i, one in kinds if isinstance(one, Recency | StageAge | GapLast)]
        self._days = [i for i, one in kinds if isinstance(one, FirstSeen) and not (one.window or 0) % DAY]
        self._whether = [i for i, one in kinds if isinstance(one, ActiveDays)]
        self._ladder, self._groups = _ladder(features)

    def __call__(self, values: Floats) -> Floats:
        """(rows, features) lengths of time in the unit in which they are told, active days as whether there were any.

        Once a window counts several, what wider ones count is not told; once it counts one, only the widest is.
        """
        alike = values.copy()
        micros = values[:, self._spans] * DAY
        minutes = np.where(micros >= MINUTE, micros // MINUTE / 4096, micros * 0)  # 0, or still missing
        hours = np.where(micros >= HOUR, micros // HOUR / 64, minutes)
        alike[:, self._spans] = np.where(micros >= DAY, micros // DAY, hours)
        alike[:, self._days] = np.floor(values[:, self._days])
        alike[:, self._whether] = np.minimum(values[:, self._whether], 1)
        if len(values) > 1:  # not worth it for a single row
            first = np.zeros((len(values), self._groups))
            for columns, groups, most in self._ladder:
                count, narrower = alike[:, columns], first[:, groups]
                alike[:, columns] = np.where(narrower > most, 1, count)
                first[:, groups] = np.where(narrower == 0, count, narrower)
        return alike


def _ladder(features: list[Feature]) -> tuple[list[tuple[list[int], list[int], list[int]]], int]:
    """The columns of counts, each group's narrowest window first, then the second, and so on; and how many groups.

    Beside each its group, and above which count of a narrower window it is not told.
    """
    counts: dict[str, list[int]] = {}
    for column, feature in enumerate(features):
        if isinstance(feature, Count | Colleagues):
            counts.setdefault(feature.group, []).append(column)
    ordered = [sorted(columns, key=lambda i: features[i].window or math.inf) for columns in counts.values()]
    rungs = []
    for rank in range(max(map(len, ordered), default=0)):
        deep = [(group, columns) for group, columns in enumerate(ordered) if len(columns) > rank]
        told = [rank == len(columns) - 1 and _told_beside_one(features[columns[rank]]) for _, columns in deep]
        rungs.append(([columns[rank] for _, columns in deep], [group for group, _ in deep], list(map(int, told))))
    return rungs, len(ordered)


def _told_beside_one(feature: Feature) -> bool:
    """Whether the widest window is told beside a narrower one that counts one: "… 1 day ago, 9 times in all"."""
    return isinstance(feature, Count) and (feature.type is not None or feature.detail is not None)
