"""Where a contact stands in a conversion at a time: computed by the kernel, like everything about the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.funnel import Conversion
from engagement.times import DAY
from features.arrays import Codes, Ints, LogArrays
from features.declare import Count, Feature, FirstSeen, Recency
from features.feature_set import FeatureSet

#: What `standing` answers.
UNKNOWN, NOT_ENTERED, IN_STAGE, CONVERTED, ENDED, LONG_AGO = range(6)


def standing(
    arrays: LogArrays, conversion: Conversion, contact_ids: Sequence[str] | pa.Array, cutoffs: Sequence[int] | Ints
) -> npt.NDArray[np.int8]:
    """(rows,) whether each contact is in the conversion's start stage, as far as known at its cutoff.

    UNKNOWN: nothing is known of the contact; NOT_ENTERED; IN_STAGE; CONVERTED: the goal was reached at or
    after the entry; ENDED: one of the conversion's end events came after the entry; LONG_AGO: in the stage, but
    entered it more than the last landmark and a horizon ago, so that nothing like it was ever learnt from.
    """
    ages = stage_features(conversion).compute(arrays, contact_ids, cutoffs)
    silent, known = np.flatnonzero(~(ages[:, 0] > 0)), np.ones(len(ages), np.bool_)
    if len(silent):
        whole = contact_ids.to_pylist() if isinstance(contact_ids, pa.Array) else contact_ids
        codes = arrays.contact_codes([whole[row] for row in silent.tolist()])
        known[silent] = has_facts(arrays, codes, np.asarray(cutoffs, np.int64)[silent])
    return standing_from(conversion, ages, known)


def stage_features(conversion: Conversion) -> FeatureSet:
    """The columns that `standing_from` tells the standing by."""
    return _declarations(conversion)[0]


def standing_from(
    conversion: Conversion, ages: npt.NDArray[np.float64], with_facts: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int8]:
    """(rows,) the standing from columns that are there already.

    Args:
        ages: (rows, columns) of `stage_features`.
        with_facts: (rows,) whether an attribute of the contact was known; asked only where no event was.
    """
    seen = _declarations(conversion)[1]
    anything, start = ages[:, 0] > 0, ages[:, 1]
    goal = np.fmin.reduce(ages[:, seen["goal"]], axis=1, initial=np.inf)
    end = np.fmin.reduce(ages[:, seen["ends"]], axis=1, initial=np.inf)
    status = np.full(len(ages), IN_STAGE, np.int8)
    status[start > (conversion.landmarks[-1] + conversion.horizon) / DAY] = LONG_AGO  # divided as ages are
    status[end <= start] = ENDED
    if conversion.start_type != conversion.goal_type:  # a repeat purchase starts the next row
        status[goal <= start] = CONVERTED
    status[np.isnan(start)] = NOT_ENTERED
    status[~anything & ~with_facts] = UNKNOWN
    return status


@lru_cache(maxsize=64)
def _declarations(conversion: Conversion) -> tuple[FeatureSet, dict[str, list[int]]]:
    """Any event, the entry's age, and the ages of goals and ends: own, and the account's if that counts."""
    entry: Feature = Recency(conversion.start_type) if conversion.each else FirstSeen(conversion.start_type)
    features: list[Feature] = [Count(), entry]
    seen: dict[str, list[int]] = {"goal": [], "ends": []}
    levels = ("contact", "account") if conversion.level == "account" else ("contact",)
    for what, types in (("goal", (conversion.goal_type,)), ("ends", conversion.ends)):
        for kind in dict.fromkeys(types):
            for level in levels:
                feature = Recency(kind, level=level)
                if feature not in features:
                    features.append(feature)
                seen[what].append(features.index(feature))
    # Label times count every event, whoever made it: so does the standing.
    return FeatureSet(tuple(replace(feature, machines=True) for feature in features)), seen


def has_facts(arrays: LogArrays, contact: Codes, cutoffs: Ints) -> npt.NDArray[np.bool_]:
    """(rows,) whether any attribute of the contact (its code, -1 for unknown ones) was known at the cutoff."""
    facts, rows = arrays.contact_facts, np.flatnonzero(contact >= 0)
    begin = facts.start[contact[rows]]
    size = facts.start[contact[rows] + 1] - begin
    whose = np.repeat(rows, size)
    at = np.repeat(begin - (np.cumsum(size) - size), size) + np.arange(len(whose))
    known = np.zeros(len(contact), np.bool_)
    known[whose[(facts.occurred[at] < cutoffs[whose]) & (facts.received[at] <= cutoffs[whose])]] = True
    return known
