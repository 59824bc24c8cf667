"""Which rows the audit judges on: each contact once, at the entry, and once more at the last landmark.

All rows of a look have the same age. Else what comes with age would pass for a leak: a field that fills up after ten
days is there for those who are still open, and never for those who converted on the second. The label is whether the
goal came at all by `as_of`: what is written because of an outcome does not stop at the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engagement.errors import NotEnoughData
from engagement.times import DAY
from features.arrays import MISSING, LogArrays
from training.audit_power import Trial, at_random, in_time
from training.label_times import LabelTimes, first_goal, label_times
from training.split import group_of

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Of more contacts than this a sample is looked at: the bounds need no more.
PEOPLE = 50_000
#: What a look needs of each class.
LEAST = 10


@dataclass(frozen=True)
class Look:
    """Label times of the same age, one a contact (at account level one an account), in the order of time.

    `part`: where they stand among the rows of all looks. `converted`: (rows,) whether the goal came by `as_of`.
    `when`: their age in words, empty at the entry.
    """

    part: slice
    rows: LabelTimes
    converted: Bools
    when: str
    in_time: Trial | None
    at_random: Trial | None

    @property
    def enough(self) -> bool:
        """Whether there are enough of each class to compare."""
        return min(int(self.converted.sum()), int((~self.converted).sum())) >= LEAST


def looks_of(arrays: LogArrays, rows: LabelTimes) -> list[Look]:
    """At the entry and, where the conversion has another landmark, at the last: those that anybody was open at."""
    found: list[Look] = []
    begin = 0
    for one, when in _at_landmarks(arrays, rows):
        goal = first_goal(arrays, rows.conversion, rows.as_of, one.contact, one.account, one.cutoff)
        one = replace(one, converted=goal != MISSING)
        alone = np.arange(len(one))
        part = slice(begin, begin + len(one))
        found.append(Look(part, one, one.converted, when, in_time(one, alone), at_random(one, alone)))
        begin += len(one)
    return found


def _at_landmarks(arrays: LogArrays, rows: LabelTimes) -> Iterator[tuple[LabelTimes, str]]:
    conversion, entry, last = rows.conversion, rows.conversion.landmarks[0], rows.conversion.landmarks[-1]
    for landmark in dict.fromkeys((entry, last)):
        try:
            some = label_times(arrays, replace(conversion, landmarks=(landmark,)), rows.as_of, conversion.since)
        except NotEnoughData:
            if landmark != entry:
                continue
            some = rows  # nobody was open at the entry itself: the rows there are
        first = np.sort(np.unique(units_of(some), return_index=True)[1])
        if len(first) > PEOPLE:
            first = np.sort(np.random.default_rng(0).permutation(first)[:PEOPLE])
        yield some.take(first), f" {landmark / DAY:g} days after the entry" if landmark > entry else ""


def units_of(rows: LabelTimes) -> Ints:
    """(rows,) a number for each contact; at account level for each account."""
    key = group_of(rows) if rows.conversion.level == "account" else rows.contact
    return np.asarray(np.unique(key, return_inverse=True)[1], np.int64)


def together(looks: list[Look]) -> LabelTimes:
    """The rows of all looks, one after the other."""
    parts = [look.rows for look in looks]
    return LabelTimes(
        parts[0].conversion,
        parts[0].as_of,
        np.concatenate([part.contact for part in parts]),
        np.concatenate([part.account for part in parts]),
        np.concatenate([part.cutoff for part in parts]),
        np.concatenate([part.converted for part in parts]),
        0,
    )
