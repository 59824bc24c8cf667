"""What goes out over the wire: the shapes of answers, and how a score becomes one."""

from __future__ import annotations

import msgspec

from engagement.times import format_time
from models.score import FeatureEffect, Score, feature_effects

#: How many reasons `reasons_text` puts into one line.
IN_TEXT = 5


class ReasonOut(msgspec.Struct, frozen=True, gc=False):
    """One sentence and its push in log-odds."""

    code: str
    text: str
    effect: float
    features: list[FeatureEffect]


class Answer(msgspec.Struct, kw_only=True, frozen=True):
    """One explained score, or a status that says why there is none."""

    status: str
    status_text: str | None = None
    score_id: str
    contact_id: str
    conversion: str
    question: str
    as_of: str
    scored_at: str
    probability: float | None = None
    base_rate: float | None = None
    score: int | None = None
    grade: str | None = None
    trend: str | None = None
    log_odds: float | None = None
    base_log_odds: float | None = None
    reason_1: str | None = None
    reason_2: str | None = None
    reason_3: str | None = None
    reasons_text: str | None = None
    reasons: list[ReasonOut] = []
    model_version: str | None = None
    model_digest: str | None = None
    request_id: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A row that was not stored, and why; `index` is its place in the request."""

    index: int
    event_id: str | None
    code: str
    detail: str


class Stored(msgspec.Struct, frozen=True):
    """What became of the events of a request; what is accepted is on disk."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]
    rejected_attributes: list[Rejected]
    request_id: str


class ConversionOut(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion and the model that answers for it, if there is one."""

    conversion: str
    question: str
    start: str
    goal: str
    horizon_days: float
    level: str
    status: str
    model_version: str | None
    model_digest: str | None


class Conversions(msgspec.Struct, frozen=True):
    """All conversions that can be asked for."""

    conversions: list[ConversionOut]
    request_id: str


def answer_from(score: Score, score_id: str, scored_at: int, request_id: str) -> Answer:
    """The answer that a score is."""
    features = feature_effects(score.reasons)
    reasons = [ReasonOut(r.code, r.text, r.effect, f) for r, f in zip(score.reasons, features, strict=True)]
    first = [reason.text for reason in reasons[:IN_TEXT]]
    return Answer(
        status=score.status,
        status_text=score.status_text,
        score_id=score_id,
        contact_id=score.contact_id,
        conversion=score.conversion,
        question=score.question,
        as_of=format_time(score.as_of),
        scored_at=format_time(scored_at),
        probability=score.probability,
        base_rate=score.base_rate,
        score=score.score,
        grade=score.grade,
        trend=score.trend,
        log_odds=score.log_odds,
        base_log_odds=score.base_log_odds,
        reason_1=first[0] if first else None,
        reason_2=first[1] if len(first) > 1 else None,
        reason_3=first[2] if len(first) > 2 else None,
        reasons_text="; ".join(first) or None,
        reasons=reasons,
        model_version=score.model_version,
        model_digest=score.model_digest,
        request_id=request_id,
    )
