"""A score: a calibrated probability with a horizon, and reasons that add up to it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: The statuses a score can have; all but the first come with null numbers and a sentence.
SCORED = "scored"
UNKNOWN_CONTACT = "unknown_contact"
NOT_IN_STAGE = "not_in_stage"
INSUFFICIENT_DATA = "insufficient_data"
NO_MODEL = "no_model"

#: From which percentile on a grade is given.
GRADES = ((90, "A"), (70, "B"), (40, "C"), (1, "D"))


class FeatureEffect(msgspec.Struct, frozen=True, gc=False):
    """One column's value (None where missing) and its push in calibrated log-odds."""

    name: str
    value: float | None
    effect: float


class Block(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What the scores of one batch share: (columns,) names, and (rows, columns) values and effects."""

    names: npt.NDArray[np.object_]
    values: Floats
    effects: Floats


class Reason(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What columns of one group say, as a sentence; `effect` is the sum of theirs.

    The columns are told from the batch when they are asked for: a row has a hundred of them. Nothing here can hold
    a cycle, so the garbage collector need not walk the twenty thousand reasons of a batch.
    """

    code: str
    text: str
    effect: float
    block: Block | None = None
    row: int = 0
    places: slice | list[int] = slice(0)

    @property
    def features(self) -> tuple[FeatureEffect, ...]:
        """The columns that pushed."""
        block, row, places = self.block, self.row, self.places
        if block is None:
            return ()
        names, values = block.names[places].tolist(), block.values[row, places].tolist()
        pushes = block.effects[row, places].tolist()
        return tuple(
            [
                FeatureEffect(name, value if value == value else None, push)  # NaN is a missing value
                for name, value, push in zip(names, values, pushes, strict=True)
                if push
            ]
        )

    def _told(self) -> tuple[object, ...]:
        return self.code, self.text, self.effect, self.features

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reason) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())


def feature_effects(reasons: Sequence[Reason]) -> list[list[FeatureEffect]]:
    """`features` of each of a row's reasons: the arrays are asked once for all of them."""
    block = reasons[0].block if reasons else None
    if block is None:
        return [[] for _ in reasons]
    row = reasons[0].row
    columns = zip(block.names.tolist(), block.values[row].tolist(), block.effects[row].tolist(), strict=True)
    told = [FeatureEffect(name, value if value == value else None, push) for name, value, push in columns]
    found = []
    for reason in reasons:
        places = reason.places
        some = told[places] if isinstance(places, slice) else [told[place] for place in places]
        found.append([one for one in some if one.effect])
    return found


@dataclass(frozen=True)
class Score:
    """The answer to a conversion's question about one contact at one time.

    When `status` is "scored": base_log_odds + Σ effect over reasons = log_odds (within 1e-9), and
    `probability` is its inverse logit. `score` is the percentile (1 to 99) in the reference cohort.
    `as_of` is in microseconds UTC. Reasons are ordered by the size of their effect.
    """

    status: str
    contact_id: str
    conversion: str
    question: str
    as_of: int
    status_text: str | None = None
    probability: float | None = None
    base_rate: float | None = None
    score: int | None = None
    grade: str | None = None
    trend: str | None = None
    log_odds: float | None = None
    base_log_odds: float | None = None
    reasons: tuple[Reason, ...] = ()
    model_version: str | None = None
    model_digest: str | None = None


def grade_of(score: int) -> str:
    """A to D, by percentile."""
    return next(grade for least, grade in GRADES if score >= least)
