"""A score: a calibrated probability with a horizon, and reasons that add up to it exactly."""

from __future__ import annotations

from dataclasses import dataclass

#: The statuses a score can have; all but the first come with null numbers and a sentence.
SCORED = "scored"
UNKNOWN_CONTACT = "unknown_contact"
NOT_IN_STAGE = "not_in_stage"
INSUFFICIENT_DATA = "insufficient_data"
NO_MODEL = "no_model"

#: From which percentile on a grade is given.
GRADES = ((90, "A"), (70, "B"), (40, "C"), (1, "D"))


@dataclass(frozen=True)
class FeatureEffect:
    """One column's value (None where missing) and its push in calibrated log-odds."""

    name: str
    value: float | None
    effect: float


@dataclass(frozen=True)
class Reason:
    """What columns of one group say, as a sentence; `effect` is the sum of theirs."""

    code: str
    text: str
    effect: float
    features: tuple[FeatureEffect, ...]


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
